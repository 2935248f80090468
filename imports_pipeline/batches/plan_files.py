"""The plan line by line, as files: ``plan.csv`` and ``plan.json`` of a dry run, ``result.json`` of a real one.

Written by PostgreSQL and passed on in pieces: no Python sees a row. ``changes`` gives for each changed field
its old and new value, for a list the records added to it and removed from it; for a removed record it gives the
record itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batches.scope import is_removed
from imports_pipeline.batches.staging import Staging
from imports_pipeline.model.files import PLAN_CSV, PLAN_JSON, RESULT_JSON, Files
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sql.copying import Lines, copy_lines
from imports_pipeline.sql.literals import literal


def write_plan(
    connection: psycopg.Connection[Any], batch: Batch, plan: Mapping[str, int], files: Files
) -> None:
    """Write the row-level ``plan`` of a batch: its items in order of line, then the removed records by id."""
    write_plan_files(
        connection,
        _plan(batch, removes=plan["overwritten"] > 0),
        {"organization": batch.organization_id},
        files,
    )


def write_plan_files(
    connection: psycopg.Connection[Any], query: sql.Composed, parameters: Mapping[str, Any], files: Files
) -> None:
    """Write (number, line, id, operation, changes as JSON text) as ``plan.csv`` and ``plan.json``, by number."""
    with files.open_write(PLAN_CSV) as table, files.open_write(PLAN_JSON) as array:
        table.write(b"line,id,operation,changes\n")
        copy_lines(
            connection,
            sql.SQL(_LINES).format(query),
            parameters,
            Lines("csv", table),
            Lines("json", array, as_json=True),
        )


_LINES: Final = """
    SELECT number,
           coalesce(line::text, '') || ',' || id || ',' || operation || ','
           || coalesce('"' || replace(changes, '"', '""') || '"', '') AS csv,
           '{{"line":' || coalesce(line::text, 'null') || ',"id":"' || id || '","operation":"' || operation
           || '","changes":' || coalesce(changes, 'null') || '}}' AS json
    FROM ({}) AS planned
"""


def write_result(connection: psycopg.Connection[Any], batch: Batch, files: Files) -> None:
    """Write ``result.json``: for each line its record's id and what happens to it."""
    query = sql.SQL(
        "SELECT line AS number, row_to_json(r)::text AS json"
        " FROM (SELECT line, id, operation AS result FROM ({}) AS o) AS r"
    ).format(_operations(batch))
    with files.open_write(RESULT_JSON) as file:
        copy_lines(connection, query, {}, Lines("json", file, as_json=True))


def _operations(batch: Batch) -> sql.Composed:
    """Query (line, id, operation, changes) of the staged items; a dry run alone has kept the changes."""
    staging = Staging(batch.id)
    if batch.action is Action.DELETE:
        return sql.SQL("SELECT line, id, 'deleted' AS operation, NULL AS changes FROM {}").format(
            staging.items
        )
    return sql.SQL(
        "SELECT i.line, i.id, CASE WHEN i.is_new THEN 'created' WHEN u.line IS NOT NULL THEN 'updated'"
        " ELSE 'unchanged' END AS operation, u.changes FROM {} i LEFT JOIN {} u ON u.line = i.line"
    ).format(staging.items, staging.updates)


#: Above all line numbers.
_REMOVED_FROM: Final = 2**62


def _plan(batch: Batch, *, removes: bool) -> sql.Composed:
    """Query (number, line, id, operation, changes) of every item and of every record that would be removed."""
    table = sql.Identifier(RESOURCES[batch.resource].table)
    if batch.action is Action.DELETE:
        return sql.SQL(
            """
            SELECT i.line AS number, i.line, i.id, 'deleted' AS operation,
                   (to_jsonb(t) - 'organization_id')::text AS changes
            FROM {items} i JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
            """
        ).format(items=Staging(batch.id).items, table=table)
    planned = sql.SQL("SELECT line AS number, o.* FROM ({}) AS o").format(_operations(batch))
    if not removes:
        return planned
    return sql.SQL(
        "{planned} UNION ALL SELECT {first} + row_number() OVER (ORDER BY t.id), NULL, t.id, 'overwritten',"
        " (to_jsonb(t) - 'organization_id')::text FROM {table} t WHERE {removed}"
    ).format(planned=planned, first=literal(_REMOVED_FROM), table=table, removed=is_removed(batch))
