"""Prevalidation: parses the file, maps its columns, checks every row; the accepted ones go to ``rows.parquet``.

Streams: one batch of rows at a time from the reader through the checks to Parquet. A row that cannot be read
or breaks a rule goes to ``rejected_rows.parquet`` with its cells as written, and its errors beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import REJECTED_ROWS, ROWS, UPLOAD, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Mode, Options
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.phases import formulas, rejections
from imports_pipeline.phases.preparsing import match_keys
from imports_pipeline.phases.rows import Layout, RowsWriter, as_lists
from imports_pipeline.reading import MalformedRecords, ReadOptions, RowBatch, TableReader, open_table
from imports_pipeline.reading.ahead import ahead
from imports_pipeline.reading.columns import ColumnMap, map_columns
from imports_pipeline.reading.items import ItemsReader
from imports_pipeline.schemas.catalog import RESOURCES, Resource
from imports_pipeline.schemas.check import check_batch

#: Columns of an errors file by which it is known when it is uploaded again.
_ERRORS_FILE: Final = frozenset({"_line", "_code"})

_REJECTED: Final = (
    pa.field("line", pa.int64()),
    pa.field("byte_offset", pa.int64()),
    pa.field("malformed", pa.bool_()),
    pa.field("raw", pa.string()),
    pa.field("cells", pa.list_(pa.string())),
)


def read_options(options: Options) -> ReadOptions:
    """Give the reader what the import says of its file."""
    return ReadOptions(
        encoding=options.encoding,
        delimiter=options.delimiter,
        quote=options.quote,
        escape=options.escape,
        line_end=options.line_end,
        header_line=options.header_line,
        sheet=options.sheet,
        compression=options.compression,
    )


def prevalidation(
    import_: Import, files: Files, *, sync_rows: int, checkpoint: Callable[[], None] = lambda: None
) -> PhaseResult:
    """Read and check the upload; ``facts`` holds what was ``detected`` (SPEC §8).

    ``sync_rows`` is the most rows that mode ``sync`` takes; ``checkpoint`` is called between batches and may
    raise. Raises ``PermanentFailure`` when the file is no table or lacks a column that the action needs.
    """
    resource, options = RESOURCES[import_.resource], import_.options
    match_on = [key.name for key in match_keys(resource, options.match_on, options.action)]
    with files.open_read(UPLOAD) as upload:
        table: TableReader | ItemsReader
        if import_.is_batch:
            table = ItemsReader(upload)
        else:
            table = open_table(upload, read_options(options), name=import_.source_uri or "")
        header = table.header
        restoring = set(header) >= _ERRORS_FILE
        if restoring:
            header = tuple(formulas.restore(pa.array(header, pa.string())).to_pylist())
        mapping = map_columns(
            header,
            resource,
            action=options.action,
            match_on=match_on,
            column_mapping=options.column_mapping,
            unknown_columns=options.unknown_columns,
        )
        layout = Layout.of(header, mapping)
        total = 0
        with (
            files.open_write(ROWS) as rows_file,
            files.open_write(REJECTED_ROWS) as rejected_file,
            rejections.writing(files, Phase.PREVALIDATION) as errors,
            RowsWriter(rows_file, layout) as rows,
            _RejectedRows(rejected_file, layout) as rejected,
        ):
            for batch in ahead(table.batches()):
                checkpoint()
                total += batch.cells.num_rows + len(batch.malformed)
                if options.mode is Mode.SYNC and total > sync_rows:
                    raise PermanentFailure(
                        "sync_limit_exceeded",
                        f"The file has more than the {sync_rows:,} rows that mode sync takes; use mode mixed.",
                    )
                if restoring:
                    batch = _restored(batch)
                errors.add(_check(batch, layout, resource, options, match_on, rows, rejected))
    return PhaseResult(Phase.PREVALIDATION, total, errors.count, {"detected": detected(table, mapping)})


def detected(table: TableReader | ItemsReader, mapping: ColumnMap) -> dict[str, Any]:
    """Give what was found out about the file: encoding, dialect, header line, columns (SPEC §8)."""
    return {
        **asdict(table.detected),
        "header_line": table.header_line,
        "columns": {
            column.field: list(column.headers) if len(column.headers) > 1 else column.headers[0]
            for column in mapping.columns
        },
        "ignored_columns": list(mapping.ignored),
    }


def given_values(cells: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """Give one column a field from the cells of a batch; several positions are joined by one space."""
    columns = []
    for positions in layout.positions:
        if len(positions) == 1:
            columns.append(cells.column(positions[0]))
            continue
        parts = [pc.utf8_trim_whitespace(cells.column(p)) for p in positions]
        parts = [pc.if_else(pc.equal(part, ""), pa.scalar(None, pa.string()), part) for part in parts]
        columns.append(functools.reduce(_with_space, parts))
    return pa.record_batch(columns, names=list(layout.fields))


def _with_space(left: pa.Array, right: pa.Array) -> pa.Array:
    """Join two columns by a space where both have a text; else the one that has one, or null.

    Arrow 26 drops the rows in which all are null when it is told to skip nulls (``null_handling``).
    """
    both = pc.binary_join_element_wise(left, right, " ")
    return pc.coalesce(both, left, right)


def _restored(batch: RowBatch) -> RowBatch:
    """Undo in the rows of an errors file what was done to them for spreadsheets."""
    cells = [formulas.restore(column) for column in batch.cells.columns]
    return replace(batch, cells=pa.record_batch(cells, schema=batch.cells.schema))


def _check(
    batch: RowBatch,
    layout: Layout,
    resource: Resource,
    options: Options,
    match_on: Sequence[str],
    rows: RowsWriter,
    rejected: _RejectedRows,
) -> pa.Table:
    """Check one batch, write its rows to where they belong, and give its errors."""
    checked = check_batch(
        resource,
        given_values(batch.cells, layout),
        action=options.action,
        match_on=match_on,
        blank_cells=options.blank_cells,
        default_region=options.default_region,
    )
    bad = checked.errors["row"].combine_chunks()
    good = np.ones(batch.cells.num_rows, dtype=bool)
    good[bad.to_numpy()] = False
    errors = rejections.table(
        batch.line.take(bad),
        checked.errors["code"].combine_chunks(),
        layout.headers_of(checked.errors["field"].combine_chunks()),
        checked.errors["value"].combine_chunks(),
        checked.errors["message"].combine_chunks(),
    )
    accepted = pa.array(good)
    rows.write(
        batch.line.filter(accepted),
        batch.byte_offset.filter(accepted),
        batch.cells.filter(accepted),
        checked.values.filter(accepted),
    )
    rejected.write(batch, good)
    return pa.concat_tables([_malformed_errors(batch.malformed, layout), errors])


def _malformed_errors(malformed: MalformedRecords, layout: Layout) -> pa.Table:
    table = malformed.table
    # A cell beyond the header's has no name.
    header = pa.array(layout.header, pa.string())
    at = pc.subtract(table["column"], 1)
    named = pc.and_(pc.greater_equal(at, 0), pc.less(at, len(header)))
    column = pc.fill_null(header.take(pc.if_else(named, at, pa.scalar(None, pa.int64()))), "")
    return rejections.table(table["line"], table["code"], column, table["value"], table["message"])


class _RejectedRows:
    """Writes the rejected rows with their cells as written, in order of line."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._schema = pa.schema(_REJECTED, metadata=layout.schema().metadata)
        self._writer = pq.ParquetWriter(file, self._schema, compression="lz4")

    def write(self, batch: RowBatch, good: np.ndarray) -> None:
        if good.all() and not batch.malformed:
            return
        bad = pa.array(~good)
        cells = batch.cells.filter(bad)
        count = cells.num_rows
        read = pa.record_batch(
            [
                batch.line.filter(bad),
                batch.byte_offset.filter(bad),
                pa.array(np.zeros(count, dtype=bool)),
                pa.nulls(count, pa.string()),
                as_lists(cells),
            ],
            schema=self._schema,
        )
        bad_records = batch.malformed.table
        malformed = pa.record_batch(
            [
                bad_records["line"],
                bad_records["byte_offset"],
                pa.array(np.ones(bad_records.num_rows, dtype=bool)),
                bad_records["raw"],
                bad_records["cells"],
            ],
            schema=self._schema,
        )
        self._writer.write_table(pa.Table.from_batches([read, malformed]).sort_by("line"))

    def __enter__(self) -> _RejectedRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
