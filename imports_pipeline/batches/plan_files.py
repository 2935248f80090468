"""The plan line by line, as files: ``plan.csv`` and ``plan.json`` of a dry run, ``result.json`` of a real one.

Written by PostgreSQL and passed on in pieces: no Python sees a row. ``changes`` gives for each changed field
its old and new value, for a list the records added to it and removed from it; for a removed record it gives the
record itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batches.plan import results
from imports_pipeline.batches.scope import is_removed
from imports_pipeline.batches.staging import Staging
from imports_pipeline.batches.values import changes
from imports_pipeline.model.files import PLAN_CSV, PLAN_JSON, RESULT_JSON, Files
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sql.copying import copy_text


def write_plan(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str], files: Files
) -> None:
    """Write the row-level plan as CSV (``line, id, operation, changes``) and JSON, in order of line."""
    query, parameters = _plan(batch, fields), {"organization": batch.organization_id}
    with files.open_write(PLAN_CSV) as file:
        file.write(b"line,id,operation,changes\n")
        copy_text(connection, query, parameters, file)
    with files.open_write(PLAN_JSON) as file:
        copy_text(connection, query, parameters, file, as_json=True)


def write_result(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str], files: Files
) -> None:
    """Write ``result.json``: for each line its record's id and what happens to it."""
    query = sql.SQL("SELECT * FROM ({}) AS r ORDER BY line").format(results(batch, fields))
    with files.open_write(RESULT_JSON) as file:
        copy_text(connection, query, {"organization": batch.organization_id}, file, as_json=True)


def _plan(batch: Batch, fields: Sequence[str]) -> sql.Composed:
    """Query (line, id, operation, changes) of every item and of every record that would be removed."""
    staging = Staging(batch.id)
    resource = RESOURCES[batch.resource]
    table = sql.Identifier(resource.table)
    if batch.action is Action.DELETE:
        return sql.SQL(
            """
            SELECT i.line, i.id, 'deleted' AS operation, to_jsonb(t) - 'organization_id' AS changes
            FROM {items} i JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
            ORDER BY i.line
            """
        ).format(items=staging.items, table=table)
    planned = sql.SQL(
        """
        SELECT r.line, r.id, r.result AS operation,
               CASE WHEN r.result = 'updated' THEN {changes} || coalesce(l.changes, '{{}}') END AS changes
        FROM ({results}) AS r
        JOIN {items} i ON i.line = r.line
        LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = r.id
        LEFT JOIN (
            SELECT id, jsonb_object_agg(relation, targets) AS changes
            FROM (SELECT id, relation, jsonb_build_object(
                             'added', coalesce(jsonb_agg(target_id) FILTER (WHERE added), '[]'),
                             'removed', coalesce(jsonb_agg(target_id) FILTER (WHERE NOT added), '[]')) AS targets
                  FROM {links} GROUP BY id, relation) AS one
            GROUP BY id
        ) l ON l.id = r.id
        """
    ).format(
        changes=changes(resource, fields, batch.options.blank_cells),
        results=results(batch, fields),
        items=staging.items,
        table=table,
        links=staging.links,
    )
    if batch.action is not Action.OVERWRITE:
        return sql.SQL("{} ORDER BY line").format(planned)
    return sql.SQL(
        "{planned} UNION ALL SELECT NULL, t.id, 'overwritten', to_jsonb(t) - 'organization_id'"
        " FROM {table} t WHERE {removed} ORDER BY line NULLS LAST, id"
    ).format(planned=planned, table=table, removed=is_removed(batch))
