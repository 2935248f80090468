"""The rejection of items in a phase of a batch.

The errors go into the phase's file, and the items leave the staging tables. Under ``overwrite`` the identity of a
rejected item goes into the staging table ``protected``, so that its record is not removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.copy import copy_in, copy_out
from imports_pipeline.database.literals import literal
from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.identity.protection import shown_by_accepted
from imports_pipeline.import_phases.identity.shown_identities import CELL, SHOWN_SCHEMA
from imports_pipeline.model.files import Files
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.phases import Phase


def reject(
    connection: psycopg.Connection[Any],
    batch: Batch,
    files: Files,
    phase: Phase,
    queries: Sequence[sql.Composable],
) -> int:
    """Reject the items that ``queries`` find and return their number.

    An item that several queries find has several errors. Under ``overwrite`` the record of a rejected item is
    protected.

    Args:
        connection: the connection of the batch.
        batch: the batch.
        files: the files of the import.
        phase: the phase that rejects the items.
        queries: select line, code, column, value and message; they may use ``%(organization)s``.
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
        _protect(connection, batch, files, np.sort(lines.to_numpy()))
    for table in (staging.items, staging.refs, staging.updates):
        connection.execute(
            sql.SQL("DELETE FROM {} t USING rejected_lines r WHERE t.line = r.line").format(table)
        )
    connection.execute("DROP TABLE pg_temp.rejected_lines")
    return count


def _protect(connection: psycopg.Connection[Any], batch: Batch, files: Files, lines: np.ndarray) -> None:
    """Store the identity values of the rejected rows, and the ids of the records that were matched to them."""
    staging = Staging(batch.id)
    shown = shown_by_accepted(batch, files, lines)
    batches = (one for table in shown for one in table.to_batches())
    copy_in(connection, staging.protected, SHOWN_SCHEMA.names, batches)
    connection.execute(
        sql.SQL(
            "INSERT INTO {protected} (line, field, value, strength)"
            " SELECT line, '', i.id, {strength} FROM {items} i JOIN rejected_lines USING (line) WHERE NOT i.is_new"
        ).format(protected=staging.protected, items=staging.items, strength=literal(CELL))
    )
