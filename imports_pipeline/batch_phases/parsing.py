"""Parsing, the first phase of a batch: fills the staging tables and rejects items that stand for the same record.

Two rows of a file may name one record in different ways, one by its id and one by its email. Preparsing compares only
texts of the file and cannot find these; here both items have the record's id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from imports_pipeline.batch_phases.new_values import compared
from imports_pipeline.batch_phases.rejected_items import reject
from imports_pipeline.batch_phases.staging import Staging, item_columns
from imports_pipeline.database.copy import copy_in
from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.files import left_out_cells
from imports_pipeline.import_phases.files.item_files import (
    NEW_GROUP_SCHEMA,
    REFERENCE_SCHEMA,
    are_distinct,
    item_fields,
    token_of,
)
from imports_pipeline.import_phases.identity.shown_identities import SHOWN_SCHEMA
from imports_pipeline.import_phases.memory.known_rows import left_out_records
from imports_pipeline.model import progress
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import ITEMS, NEW_GROUPS, PROTECTED, REFERENCES, Files
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action, BadCells, BlankCells, DuplicateHandling
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.schemas.catalog import RESOURCES


def parse(batch: Batch, files: Files, connection: psycopg.Connection[Any]) -> PhaseResult:
    """Fill the staging tables from the batch's files and reject duplicates by id, as ``duplicate_handling`` says.

    Raises:
        PermanentFailure: ``too_many_columns`` if PostgreSQL cannot hold a row of the items.
    """
    staging = Staging(batch.id)
    with files.open_read(ITEMS) as file:
        parquet = pq.ParquetFile(file, pre_buffer=False)
        fields, distinct = item_fields(parquet.schema_arrow), are_distinct(parquet)
        total, token = parquet.metadata.num_rows, token_of(parquet)
        try:
            if token is None or not staging.take_marked(connection, token):
                staging.create(connection, fields)
                progress.step("copying into the staging tables")
                batches = parquet.iter_batches(batch_size=20_000)
                copy_in(connection, staging.items, item_columns(fields), batches, progress.count)
        except (psycopg.errors.ProgramLimitExceeded, psycopg.errors.TooManyColumns) as error:
            # A table of PostgreSQL has at most 1,600 columns, and a row of short values at most 8 kB.
            raise PermanentFailure(
                "too_many_columns",
                f"The file has {len(fields):,} columns of values, and a row of them is more than can be checked at"
                " once; split its columns over several files, each with the columns that identify the records, and"
                " import one after the other.",
            ) from error
    copy_in(connection, staging.refs, REFERENCE_SCHEMA.names, _batches(files, REFERENCES))
    if creates_groups(batch):
        copy_in(connection, staging.new_groups, NEW_GROUP_SCHEMA.names, _batches(files, NEW_GROUPS))
    if batch.action is Action.OVERWRITE:
        copy_in(connection, staging.protected, SHOWN_SCHEMA.names, _batches(files, PROTECTED))
        if batch.remembered:
            staging.create_left_out(connection)
            copy_in(connection, staging.left_out, ["id"], left_out_records(files))
            analyze(connection, staging.left_out)
    if batch.options.location_id is not None and batch.resource == "contact":
        _join_location(connection, staging, batch.options.location_id)
    if batch.options.blank_cells is BlankCells.CLEAR and batch.options.bad_cells is BadCells.LEAVE_OUT:
        _keep_left_out(connection, batch, fields, left_out_cells.by_field(files))
    progress.step("looking for duplicates")
    staging.analyze(connection)
    rejected = reject(
        connection,
        batch,
        files,
        Phase.PARSING,
        [] if distinct else [_duplicates(staging, batch.options.duplicate_handling)],
    )
    return PhaseResult(Phase.PARSING, total + batch.remembered, rejected)


def _batches(files: Files, name: str) -> Iterator[pa.RecordBatch]:
    if files.exists(name):
        with files.open_read(name) as file:
            yield from pq.ParquetFile(file, pre_buffer=False).iter_batches(batch_size=20_000)


def _join_location(connection: psycopg.Connection[Any], staging: Staging, location_id: str) -> None:
    """Put the contacts of an import with a location into that location, unless their row names locations.

    If a blank cell clears the list ``locations``, the contact is then in the import's location alone.
    """
    connection.execute(
        sql.SQL(
            """
            INSERT INTO {refs} (line, id, relation, operation, field, target_id)
            SELECT i.line, i.id, 'locations', CASE WHEN b.line IS NULL THEN 'add' ELSE 'set' END,
                   CASE WHEN b.line IS NULL THEN 'locations.add' ELSE 'locations.set' END, %s
            FROM {items} i
            LEFT JOIN (SELECT DISTINCT line FROM {refs} WHERE relation = 'locations' AND reference IS NULL) b
                ON b.line = i.line
            WHERE NOT EXISTS (SELECT FROM {refs} r WHERE r.line = i.line AND r.relation = 'locations'
                              AND r.reference IS NOT NULL)
            """
        ).format(refs=staging.refs, items=staging.items),
        (location_id,),
    )


def _keep_left_out(
    connection: psycopg.Connection[Any],
    batch: Batch,
    fields: Sequence[str],
    left_out: Mapping[str, pa.Array],
) -> None:
    """Fill in the stored value where an invalid cell was left out; a blank value would clear it.

    The value stays true until the write, since a plan of older records is made again.
    """
    resource = RESOURCES[batch.resource]
    for position, (name, stored, _) in enumerate(compared(resource, fields, BlankCells.KEEP)):
        if name not in left_out:
            continue
        connection.execute(
            sql.SQL(
                "UPDATE {items} i SET {value} = ({stored})::text FROM {table} t"
                " WHERE t.organization_id = %s AND t.id = i.id AND i.line = ANY(%s) AND NOT i.is_new"
            ).format(
                items=Staging(batch.id).items,
                value=sql.Identifier(f"f{position}"),
                stored=stored,
                table=sql.Identifier(resource.table),
            ),
            (batch.organization_id, left_out[name].to_pylist()),
        )


def _duplicates(staging: Staging, policy: DuplicateHandling) -> sql.Composed:
    """Return the query of the errors of items that share an id; new ids are left out, since they are all different."""
    return sql.SQL(
        """
        SELECT line, 'duplicate_record', 'id', id,
               'same record as line ' || other || {kept} || '; keep one row for each record'
        FROM (
            SELECT line, id, row_number() OVER w AS position,
                   CASE WHEN row_number() OVER w = 1 THEN lead(line) OVER w ELSE first_value(line) OVER w END AS other
            FROM {items} WHERE NOT is_new
            WINDOW w AS (PARTITION BY id ORDER BY line)
        ) AS numbered
        WHERE other IS NOT NULL AND position >= {first}
        """
    ).format(
        items=staging.items,
        kept=literal(", which is kept" if policy is DuplicateHandling.USE_FIRST else ""),
        first=literal(2 if policy is DuplicateHandling.USE_FIRST else 1),
    )
