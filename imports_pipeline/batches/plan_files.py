"""The plan line by line, as files: ``plan.csv`` and ``plan.json`` of a dry run, ``result.json`` of a real one.

Written by PostgreSQL and passed on in pieces: no Python sees a row. ``changes`` gives for each changed field
its old and new value, for a list the records added to it and removed from it; for a removed record it gives the
record itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
from imports_pipeline.sql.copying import copy_lines


def write_plan(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str], files: Files
) -> dict[str, int]:
    """Write the row-level plan of a batch, in order of line and then of id; count its operations."""
    return write_plan_files(connection, _plan(batch, fields), {"organization": batch.organization_id}, files)


def write_plan_files(
    connection: psycopg.Connection[Any], query: sql.Composed, parameters: Mapping[str, Any], files: Files
) -> dict[str, int]:
    """Write (line, id, operation, changes as JSON text) as ``plan.csv`` and ``plan.json``; count operations."""
    bound = psycopg.ClientCursor(connection).mogrify(query.as_string(connection), parameters)
    connection.execute("DROP TABLE IF EXISTS pg_temp.plan_lines")
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE plan_lines AS SELECT row_number() OVER (ORDER BY line NULLS LAST, operation, id)"
            " AS number, line, id, operation, changes FROM ({}) AS planned"
        ).format(sql.SQL(bound))
    )
    with files.open_write(PLAN_CSV) as file:
        file.write(b"line,id,operation,changes\n")
        copy_lines(connection, sql.SQL(_AS_CSV), {}, file)
    with files.open_write(PLAN_JSON) as file:
        copy_lines(connection, sql.SQL(_AS_JSON), {}, file, as_json=True)
    counts = connection.execute("SELECT operation, count(*) FROM plan_lines GROUP BY operation").fetchall()
    connection.execute("DROP TABLE plan_lines")
    return dict(counts)


_AS_CSV: Final = """
    SELECT number, coalesce(line::text, '') || ',' || id || ',' || operation || ','
           || coalesce('"' || replace(changes, '"', '""') || '"', '')
    FROM plan_lines
"""

_AS_JSON: Final = """
    SELECT number, '{"line":' || coalesce(line::text, 'null') || ',"id":"' || id || '","operation":"' || operation
           || '","changes":' || coalesce(changes, 'null') || '}'
    FROM plan_lines
"""


def write_result(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str], files: Files
) -> None:
    """Write ``result.json``: for each line its record's id and what happens to it."""
    query = sql.SQL("SELECT line, row_to_json(r)::text FROM ({}) AS r").format(results(batch, fields))
    with files.open_write(RESULT_JSON) as file:
        copy_lines(connection, query, {"organization": batch.organization_id}, file, as_json=True)


def _plan(batch: Batch, fields: Sequence[str]) -> sql.Composed:
    """Query (line, id, operation, changes) of every item and of every record that would be removed."""
    staging = Staging(batch.id)
    resource = RESOURCES[batch.resource]
    table = sql.Identifier(resource.table)
    if batch.action is Action.DELETE:
        return sql.SQL(
            """
            SELECT i.line, i.id, 'deleted' AS operation, (to_jsonb(t) - 'organization_id')::text AS changes
            FROM {items} i JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
            """
        ).format(items=staging.items, table=table)
    planned = sql.SQL(
        """
        SELECT r.line, r.id,
               CASE WHEN r.is_new THEN 'created'
                    WHEN r.changes <> '{{}}' OR r.linked IS NOT NULL THEN 'updated'
                    ELSE 'unchanged' END AS operation,
               CASE WHEN r.linked IS NOT NULL AND NOT r.is_new THEN (r.changes::jsonb || r.linked)::text
                    ELSE nullif(r.changes, '{{}}') END AS changes
        FROM (
            SELECT i.line, i.id, i.is_new, CASE WHEN NOT i.is_new THEN {changes} END AS changes, l.changes AS linked
            FROM {items} i
            LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
            LEFT JOIN (
                SELECT id, jsonb_object_agg(relation, targets) AS changes
                FROM (SELECT id, relation, jsonb_build_object(
                                 'added', coalesce(jsonb_agg(target_id) FILTER (WHERE added), '[]'),
                                 'removed', coalesce(jsonb_agg(target_id) FILTER (WHERE NOT added), '[]')) AS targets
                      FROM {links} GROUP BY id, relation) AS one
                GROUP BY id
            ) l ON l.id = i.id
            OFFSET 0
        ) r
        """
    ).format(
        changes=changes(resource, fields, batch.options.blank_cells),
        items=staging.items,
        table=table,
        links=staging.links,
    )
    if batch.action is not Action.OVERWRITE:
        return planned
    return sql.SQL(
        "{planned} UNION ALL SELECT NULL, t.id, 'overwritten', (to_jsonb(t) - 'organization_id')::text"
        " FROM {table} t WHERE {removed}"
    ).format(planned=planned, table=table, removed=is_removed(batch))
