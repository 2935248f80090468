"""The scope of an overwrite, and what of it the batch would remove, as SQL conditions on a stored record ``t``."""

from __future__ import annotations

from psycopg import sql

from imports_pipeline.batches.staging import Staging
from imports_pipeline.model.imports import Batch
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sql.literals import literal


def in_scope(batch: Batch) -> sql.Composable:
    """Give the condition that ``t`` is in the batch's scope: organization, and location if it has one."""
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


def is_removed(batch: Batch) -> sql.Composable:
    """Give the condition that cleanup removes ``t``: in scope, not named by an item or by a rejected row."""
    staging = Staging(batch.id)
    named = sql.SQL("NOT EXISTS (SELECT FROM {} i WHERE i.id = t.id)").format(staging.items)
    protected = (
        sql.SQL("NOT EXISTS (SELECT FROM {} p WHERE {})").format(staging.protected, _shows(field))
        for field in RESOURCES[batch.resource].protecting_fields(batch.options.match_on)
    )
    return sql.SQL(" AND ").join((in_scope(batch), named, *protected))


def unidentified_rows(batch: Batch) -> sql.Composed:
    """Query the ``line`` of rejected rows that do not show which record they stand for.

    A row that was read shows it by any identity value. A record that could not be read shows it only where one
    of its cells is the identity of a stored record: else the garbled one may be anybody's.
    """
    staging = Staging(batch.id)
    table = sql.Identifier(RESOURCES[batch.resource].table)
    matched = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT p.line FROM {} p JOIN {} t ON {} AND t.organization_id = {}").format(
            staging.protected, table, _shows(field), literal(batch.organization_id)
        )
        for field in RESOURCES[batch.resource].protecting_fields(batch.options.match_on)
    )
    return sql.SQL(
        "SELECT line FROM {} GROUP BY line HAVING NOT bool_or(certain) EXCEPT SELECT line FROM ({}) AS m"
    ).format(staging.protected, matched)


def _shows(field: str) -> sql.Composed:
    """Give the condition that ``p``, a value of a rejected row, identifies ``t`` by this field."""
    compared = "lower(t.{}) = lower(p.value)" if field in ("id", "email") else "t.{} = p.value"
    return sql.SQL("p.field = {} AND " + compared).format(literal(field), sql.Identifier(field))
