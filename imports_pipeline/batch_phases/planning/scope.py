"""SQL conditions on a stored record ``t``: that it is in the scope of an overwrite, and that cleanup removes it."""

from __future__ import annotations

from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch


def in_scope(batch: Batch) -> sql.Composable:
    """Return the condition that ``t`` is in the batch's scope: its organization, and its location if it has one."""
    organization = sql.SQL("t.organization_id = {}").format(literal(batch.organization_id))
    if batch.options.location_id is None:
        return organization
    location = literal(batch.options.location_id)
    if batch.resource == "group":
        return sql.SQL("({} AND t.location_id = {})").format(organization, location)
    return sql.SQL(
        "({} AND EXISTS (SELECT FROM contact_locations l WHERE l.organization_id = t.organization_id"
        " AND l.contact_id = t.id AND l.location_id = {}))"
    ).format(organization, location)


def is_left_out(batch: Batch) -> sql.Composable:
    """Return the condition that ``t`` is in scope and no row of the file names it."""
    named = sql.SQL("NOT EXISTS (SELECT FROM {} i WHERE i.id = t.id)").format(Staging(batch.id).items)
    if batch.remembered:
        # Remembered rows have no items.
        named = sql.SQL("t.id IN (SELECT id FROM {}) AND {}").format(Staging(batch.id).left_out, named)
    return sql.SQL("{} AND {}").format(in_scope(batch), named)


def is_removed(batch: Batch) -> sql.Composable:
    """Return the condition that cleanup removes ``t``: no item names it, and no rejected row protects it."""
    kept = sql.SQL("NOT EXISTS (SELECT FROM {} p WHERE p.id = t.id)").format(Staging(batch.id).kept)
    return sql.SQL("{} AND {}").format(is_left_out(batch), kept)
