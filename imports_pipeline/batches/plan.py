"""The plan: what the batch would do to each record, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batches.scope import in_scope, is_removed, unidentified_rows
from imports_pipeline.batches.staging import Staging
from imports_pipeline.batches.values import assignments, differs
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.schemas.catalog import RESOURCES

#: What a plan counts: items by what they would do, removals, the scope, and rejected rows of nobody known.
COUNTS = ("created", "updated", "unchanged", "deleted", "overwritten", "scope", "unidentified")


def make_plan(connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str]) -> dict[str, int]:
    """Count the staged items by what they would do, and what cleanup would remove.

    For an overwrite ``overwritten`` of the ``scope`` records it answers for would go; ``unidentified`` counts
    the rejected rows that do not show which record they stand for.
    """
    counts = dict.fromkeys(COUNTS, 0)
    query = sql.SQL("SELECT result, count(*) FROM ({}) AS r GROUP BY result").format(results(batch, fields))
    counts.update(connection.execute(query, {"organization": batch.organization_id}).fetchall())
    if batch.action is Action.OVERWRITE:
        table = sql.Identifier(RESOURCES[batch.resource].table)
        for name, condition in (("overwritten", is_removed(batch)), ("scope", in_scope(batch))):
            counts[name] = _count(connection, sql.SQL("{} t WHERE {}").format(table, condition))
        if counts["overwritten"]:
            counts["unidentified"] = _count(connection, sql.SQL("({}) AS u").format(unidentified_rows(batch)))
    return counts


def _count(connection: psycopg.Connection[Any], source: sql.Composable) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(source)).fetchone()
    return int(row[0]) if row else 0


def results(batch: Batch, fields: Sequence[str]) -> sql.Composed:
    """Query (line, id, result) of every staged item; takes the parameter ``organization``."""
    staging = Staging(batch.id)
    if batch.action is Action.DELETE:
        return sql.SQL("SELECT line, id, 'deleted' AS result FROM {}").format(staging.items)
    resource = RESOURCES[batch.resource]
    return sql.SQL(
        """
        SELECT i.line, i.id,
               CASE WHEN i.is_new THEN 'created'
                    WHEN {differs} OR l.id IS NOT NULL THEN 'updated' ELSE 'unchanged' END AS result
        FROM {items} i
        LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
        LEFT JOIN (SELECT DISTINCT id FROM {links}) l ON l.id = i.id
        """
    ).format(
        differs=differs(assignments(resource, fields, batch.options.blank_cells)),
        items=staging.items,
        table=sql.Identifier(resource.table),
        links=staging.links,
    )
