"""The plan: what the batch would do to each record, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def make_plan(
    connection: psycopg.Connection[Any],
    batch: Batch,
    fields: Sequence[str],
    counted: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Count the staged items by what they would do, and what cleanup would remove.

    For an overwrite ``overwritten`` of the ``scope`` records it answers for would go; ``unidentified`` counts
    the rejected rows that do not show which record they stand for. ``counted`` gives the operations where the
    row-level plan has found them already.
    """
    counts = dict.fromkeys(COUNTS, 0)
    table = sql.Identifier(RESOURCES[batch.resource].table)
    if counted is None:
        query = sql.SQL("SELECT result, count(*) FROM ({}) AS r GROUP BY result").format(
            results(batch, fields)
        )
        counts.update(connection.execute(query, {"organization": batch.organization_id}).fetchall())
        if batch.action is Action.OVERWRITE:
            removed = sql.SQL("{} t WHERE {}").format(table, is_removed(batch))
            counts["overwritten"] = _count(connection, removed)
    else:
        counts.update(counted)
    if batch.action is Action.OVERWRITE:
        counts["scope"] = _count(connection, sql.SQL("{} t WHERE {}").format(table, in_scope(batch)))
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
        SELECT i.line, i.id, {result} AS result
        FROM {items} i
        LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
        LEFT JOIN (SELECT DISTINCT id FROM {links}) l ON l.id = i.id
        """
    ).format(
        result=result(batch, fields),
        items=staging.items,
        table=sql.Identifier(resource.table),
        links=staging.links,
    )


def result(batch: Batch, fields: Sequence[str]) -> sql.Composed:
    """Say what item ``i`` does to the stored record ``t``, some of whose links ``l`` change."""
    assigned = assignments(RESOURCES[batch.resource], fields, batch.options.blank_cells)
    return sql.SQL(
        "CASE WHEN i.is_new THEN 'created' WHEN {} OR l.id IS NOT NULL THEN 'updated' ELSE 'unchanged' END"
    ).format(differs(assigned))
