"""The scope of an overwrite, and what of it the batch would remove, as SQL conditions on a stored record ``t``."""

from __future__ import annotations

from psycopg import sql

from imports_pipeline.batches.staging import Staging
from imports_pipeline.model.imports import Batch
from imports_pipeline.schemas.catalog import RESOURCES


def in_scope(batch: Batch) -> sql.Composable:
    """Give the condition that ``t`` is in the batch's scope: organization, and location if it has one."""
    organization = sql.SQL("t.organization_id = {}").format(sql.Literal(batch.organization_id))
    if batch.options.location_id is None:
        return organization
    location = sql.Literal(batch.options.location_id)
    if batch.resource == "group":
        return sql.SQL("({} AND t.location_id = {})").format(organization, location)
    return sql.SQL(
        "({} AND EXISTS (SELECT FROM contact_locations l WHERE l.organization_id = t.organization_id"
        " AND l.contact_id = t.id AND l.location_id = {}))"
    ).format(organization, location)


def is_removed(batch: Batch) -> sql.Composable:
    """Give the condition that cleanup removes ``t``: in scope, not named by an item or by a rejected row."""
    staging = Staging(batch.id)
    conditions = [
        in_scope(batch),
        sql.SQL("NOT EXISTS (SELECT FROM {} i WHERE i.id = t.id)").format(staging.items),
    ]
    for field in RESOURCES[batch.resource].protecting_fields(batch.options.match_on):
        compared = "lower(t.{}) = lower(p.value)" if field in ("id", "email") else "t.{} = p.value"
        conditions.append(
            sql.SQL("NOT EXISTS (SELECT FROM {} p WHERE p.field = {} AND " + compared + ")").format(
                staging.protected, sql.Literal(field), sql.Identifier(field)
            )
        )
    return sql.SQL(" AND ").join(conditions)
