"""The plan: what the batch would do to each record, counted, and line by line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.batches.scope import in_scope, is_removed
from imports_pipeline.batches.staging import Staging
from imports_pipeline.batches.values import assignments, differs
from imports_pipeline.model.files import RESULT_JSON, Files
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sql.copying import copy_out

_RESULT: Final = pa.schema([("line", pa.int64()), ("id", pa.string()), ("result", pa.string())])


def make_plan(connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str]) -> dict[str, int]:
    """Count the staged items by what they would do, and what cleanup would remove of the ``scope``.

    Gives ``created``, ``updated``, ``unchanged``, ``deleted``, ``overwritten`` and ``scope``, the records that
    an overwrite answers for.
    """
    parameters = {"organization": batch.organization_id}
    counts = dict.fromkeys(("created", "updated", "unchanged", "deleted", "overwritten", "scope"), 0)
    query = sql.SQL("SELECT result, count(*) FROM ({}) AS r GROUP BY result").format(_results(batch, fields))
    counts.update(connection.execute(query, parameters).fetchall())
    if batch.action is Action.OVERWRITE:
        row = connection.execute(
            sql.SQL("SELECT count(*) FILTER (WHERE {}), count(*) FROM {} t WHERE {}").format(
                is_removed(batch), sql.Identifier(RESOURCES[batch.resource].table), in_scope(batch)
            )
        ).fetchone()
        assert row is not None
        counts["overwritten"], counts["scope"] = row
    return counts


def write_result(
    connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str], files: Files
) -> None:
    """Write ``result.json``: for each line its record's id and what happens to it."""
    query = sql.SQL("SELECT * FROM ({}) AS r ORDER BY line").format(_results(batch, fields))
    with files.open_write(RESULT_JSON) as file:
        file.write(b"[")
        separator = b"\n"
        for found in copy_out(connection, query, {"organization": batch.organization_id}, _RESULT):
            for row in found.to_pylist():
                file.write(separator + json.dumps(row).encode())
                separator = b",\n"
        file.write(b"\n]\n")


def _results(batch: Batch, fields: Sequence[str]) -> sql.Composed:
    """Query (line, id, result) of every staged item."""
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
