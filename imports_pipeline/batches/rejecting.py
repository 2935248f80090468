"""Takes rejected items out of the staging tables: their errors to the file, their identity to what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.batches.staging import Staging
from imports_pipeline.model.files import Files
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.model.phases import Phase
from imports_pipeline.phases import rejections
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sql.copying import copy_in, copy_out
from imports_pipeline.sql.literals import literal


def reject(
    connection: psycopg.Connection[Any],
    batch: Batch,
    files: Files,
    phase: Phase,
    fields: Sequence[str],
    queries: Sequence[sql.Composable],
) -> int:
    """Reject the items that ``queries`` find and give their count.

    Each query gives (line, code, column, value, message) and may use ``%(organization)s``. An item found by
    several has several errors. Under ``overwrite`` the record of a rejected item is protected.
    """
    parameters = {"organization": batch.organization_id}
    errors = [
        pa.Table.from_batches(
            list(copy_out(connection, query, parameters, rejections.SCHEMA)), rejections.SCHEMA
        )
        for query in queries
    ]
    count = rejections.write(files, phase, errors)
    if count == 0:
        return 0
    staging = Staging(batch.id)
    lines = pa.concat_tables(errors)["line"].unique()
    connection.execute("DROP TABLE IF EXISTS pg_temp.rejected_lines")
    connection.execute("CREATE TEMP TABLE rejected_lines (line bigint PRIMARY KEY)")
    copy_in(
        connection,
        sql.Identifier("rejected_lines"),
        ["line"],
        [pa.record_batch([chunk], names=["line"]) for chunk in lines.chunks]
        if isinstance(lines, pa.ChunkedArray)
        else [pa.record_batch([lines], names=["line"])],
    )
    if batch.action is Action.OVERWRITE:
        _protect(connection, staging, batch, fields)
    for table in (staging.items, staging.refs, staging.updates):
        connection.execute(
            sql.SQL("DELETE FROM {} t USING rejected_lines r WHERE t.line = r.line").format(table)
        )
    connection.execute("DROP TABLE pg_temp.rejected_lines")
    return count


def _protect(
    connection: psycopg.Connection[Any], staging: Staging, batch: Batch, fields: Sequence[str]
) -> None:
    """Keep what the rejected items show of their identity; an id that was made for a new one shows nothing."""
    shown: dict[str, sql.Composable] = {"id": sql.SQL("CASE WHEN NOT i.is_new THEN i.id END")}
    for name in RESOURCES[batch.resource].protecting_fields(batch.options.match_on):
        if name in fields:
            shown[name] = sql.SQL("i.{}").format(sql.Identifier(f"f{list(fields).index(name)}"))
    values = sql.SQL(", ").join(
        sql.SQL("({}, {}, true)").format(literal(name), column) for name, column in shown.items()
    )
    connection.execute(
        sql.SQL(
            """
            INSERT INTO {protected} (line, field, value, certain)
            SELECT line, shown.field, shown.value, shown.certain
            FROM {items} i JOIN rejected_lines USING (line)
            CROSS JOIN LATERAL (VALUES ('', '', false), {values}) AS shown (field, value, certain)
            WHERE shown.value IS NOT NULL
            """
        ).format(protected=staging.protected, items=staging.items, values=values)
    )
