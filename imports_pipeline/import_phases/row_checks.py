"""The row checks of prevalidation, for a file or a part of one. They write the accepted and the rejected rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.checked_rows import CheckedRows, Outputs, SampleMisled
from imports_pipeline.import_phases.files import left_out_cells, rejections
from imports_pipeline.import_phases.files.accepted_rows import Layout, RowsWriter
from imports_pipeline.import_phases.files.error_headers import error_headers
from imports_pipeline.import_phases.files.rejected_rows_writer import rejected_writer
from imports_pipeline.import_phases.freed_memory import releasing_memory
from imports_pipeline.import_phases.opened_upload import Source, restored_cells
from imports_pipeline.import_phases.suspicious_cells import SuspiciousCell, first_suspicious
from imports_pipeline.import_phases.suspicious_cells import merged as merged_cells
from imports_pipeline.import_phases.unused_text import name_unused_text
from imports_pipeline.model.files import Files
from imports_pipeline.model.option_choices import BadCells, BlankCells
from imports_pipeline.model.options import Options
from imports_pipeline.reading import MalformedRecords, RowBatch
from imports_pipeline.reading.passed_over import merged
from imports_pipeline.reading.records import PassedOver
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.check import Checked, check_batch
from imports_pipeline.schemas.column_mapping.families.several_values import (
    several_emails as holds_several_emails,
)
from imports_pipeline.schemas.column_mapping.field_values import FieldValues, field_values
from imports_pipeline.schemas.column_mapping.plan import Cell, ColumnMap
from imports_pipeline.schemas.column_mapping.sample import KnownCells, our_ids
from imports_pipeline.threads import mapped

# Batches that are checked at the same time. Arrow does most of the work, and lets other threads run meanwhile.
_THREADS: Final = 2


@dataclass(frozen=True)
class _CheckedBatch:
    """A batch after its checks.

    Attributes:
        batch: The batch, with restored cells.
        given: The values by field, as they are in the file.
        suspicious: The first cell of each kind that was probably damaged before the file was written, by code.
        errors: The errors of its rows and of its malformed records.
        left_out: The cells that are left out.
        good: Which rows are accepted.
        accepted: The accepted rows.
    """

    batch: RowBatch
    given: FieldValues
    suspicious: Mapping[str, SuspiciousCell]
    errors: pa.Table
    left_out: pa.Table
    good: np.ndarray
    accepted: pa.Table


def check(
    source: Source,
    batches: Iterator[RowBatch],
    files: Files,
    outputs: Outputs,
    counted: Callable[[int], None] = lambda _: None,
    doubted: Callable[[int, int], None] = lambda *_: None,
) -> CheckedRows:
    """Check rows and write them, a batch at a time; return the result.

    ``counted`` is called with the number of rows so far before each batch is written, and may raise an error.
    ``doubted`` is called with the first and the last line of a batch in which a person should know about a cell.
    """
    total = 0
    passed_over: list[PassedOver] = []
    suspicious: dict[str, SuspiciousCell] = {}
    left_out: Counter[str] = Counter()
    layout = source.layout
    with (
        files.open_write(outputs.rows) as rows_file,
        rejections.writing_as(files, outputs.errors) as errors,
        _left_out_writer(files, outputs.left_out, source.import_.options) as invalid,
        RowsWriter(rows_file, layout, outputs.parts) as rows,
        rejected_writer(files, outputs.rejected, layout) as rejected,
        # After an error nothing may read the file any more, since it may be read again from its beginning.
        closing(mapped(partial(_checked, source), batches, _THREADS, "checking")) as checked,
    ):
        for one in releasing_memory(checked):
            batch = one.batch
            total += batch.cells.num_rows + len(batch.malformed)
            counted(total)
            passed_over = merged([*passed_over, *batch.passed_over])
            if one.suspicious or one.given.left_out:
                doubted(batch.line[0].as_py(), batch.line[-1].as_py())
            suspicious = merged_cells(suspicious, one.suspicious)
            if invalid and one.left_out.num_rows:
                invalid.add(
                    left_out_cells.table(batch.line, one.left_out, _headers(one.left_out, one.given, layout))
                )
            rows.write(one.accepted)
            rejected.write(batch, one.good)
            errors.add(one.errors)
            left_out.update({layout.header[at]: count for at, count in one.given.left_out.items()})
    return CheckedRows(total, errors.count, tuple(passed_over), suspicious, dict(left_out))


def _checked(source: Source, batch: RowBatch) -> _CheckedBatch:
    """Check the rows of a batch."""
    layout, options = source.layout, source.import_.options
    if source.restoring:
        # The cells of an errors file or an export were neutralised for spreadsheets.
        batch = replace(batch, cells=restored_cells(batch.cells))
    given = field_values(batch.cells, source.mapping)
    checked = check_batch(
        RESOURCES[source.import_.resource],
        given.values,
        action=options.action,
        match_on=source.match_on,
        blank_cells=options.blank_cells,
        default_region=options.default_region,
        origin=source.origin,
        bad_cells=options.bad_cells,
        missing_name=options.missing_name,
    )
    if not source.import_.is_batch:
        _raise_if_misled(batch.cells, checked, source)
    found = name_unused_text(checked.errors, batch.cells, layout)
    bad = found["row"].combine_chunks()
    good = np.ones(batch.cells.num_rows, dtype=bool)
    good[bad.to_numpy()] = False
    errors = rejections.table(
        batch.line.take(bad),
        found["code"].combine_chunks(),
        _headers(found, given, layout),
        found["value"].combine_chunks(),
        found["message"].combine_chunks(),
    )
    rows = layout.rows(batch.line, batch.byte_offset, batch.cells, checked.values)
    return _CheckedBatch(
        batch,
        given,
        first_suspicious(given.values, batch.line),
        pa.concat_tables([_malformed_errors(batch.malformed, layout), errors]),
        checked.left_out,
        good,
        rows if good.all() else rows.filter(pa.array(good)),
    )


def _raise_if_misled(cells: pa.RecordBatch, checked: Checked, source: Source) -> None:
    """Raise ``SampleMisled`` if cells show what the sample did not show.

    Ids of this system stand in a column that was read as ids of another one, a column that was taken for blank is not,
    or a cell that is no email address holds several of them, and they have no fields yet.
    """
    assumed = source.mapping.assumed
    ours = {at for at in assumed.foreign_ids if pc.any(our_ids(cells.column(at))).as_py()}
    filled = {at for at in assumed.blank if trimmed(cells.column(at)).null_count < cells.num_rows}
    several = set()
    if source.import_.options.blank_cells is not BlankCells.CLEAR:
        several = set(_with_several_emails(checked, source.mapping))
    if ours or several or filled:
        raise SampleMisled(KnownCells(frozenset(several), frozenset(ours), frozenset(filled)))


def _with_several_emails(checked: Checked, plan: ColumnMap) -> Iterator[int]:
    """Yield the columns of refused cells that hold several email addresses."""
    found = pa.concat_tables([checked.errors, checked.left_out])
    refused = found.filter(pc.equal(found["code"], "invalid_email"))
    for column in plan.columns if refused.num_rows else ():
        if isinstance(column.source, Cell):
            cells = refused.filter(pc.equal(refused["field"], column.field))["value"].combine_chunks()
            if holds_several_emails(cells).any():
                yield column.source.position


def _headers(errors: pa.Table, given: FieldValues, layout: Layout) -> pa.Array:
    """Return the header of each error's column."""
    return error_headers(errors["field"].combine_chunks(), errors["row"].to_numpy(), given, layout)


def _malformed_errors(malformed: MalformedRecords, layout: Layout) -> pa.Table:
    table = malformed.table
    # A cell beyond the last header has no column name.
    header = pa.array(layout.header, pa.string())
    at = pc.subtract(table["column"], 1)
    named = pc.and_(pc.greater_equal(at, 0), pc.less(at, len(header)))
    column = pc.fill_null(header.take(pc.if_else(named, at, pa.scalar(None, pa.int64()))), "")
    return rejections.table(table["line"], table["code"], column, table["value"], table["message"])


def _left_out_writer(
    files: Files, name: str, options: Options
) -> AbstractContextManager[rejections.Writer | None]:
    """Write the cells that are left out, if the options leave any out."""
    if options.bad_cells is not BadCells.LEAVE_OUT:
        return nullcontext()
    return rejections.writing_as(files, name, left_out_cells.SCHEMA)
