"""Read the rejected rows of an import with their cells and errors, by phase, as columns in order of line.

Rows are read in blocks of about 3 MiB, so that memory does not grow with the file.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Layout, Rows, as_lists
from imports_pipeline.import_phases.files.error_headers import error_headers
from imports_pipeline.model.files import LEFT_OUT, REJECTED_ROWS, Files
from imports_pipeline.model.files import rejections as rejections_file
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.schemas.column_mapping.field_values import field_values

# The approximate number of bytes of rejected rows in a block, whatever the size of the row groups.
_BLOCK_BYTES: Final = 3 * 1024 * 1024
_ERROR: Final = ("code", "column", "value", "message")


@dataclass(frozen=True)
class RejectedRow:
    """One rejected row.

    Attributes:
        line: its line in the upload.
        byte_offset: the offset of its first byte in the upload.
        phase: the phase that rejected it.
        errors: for each error its code, column (a header), value and message.
        cells: its cells as written.
        raw: the text of the record, if it could not be parsed.
    """

    line: int
    byte_offset: int
    phase: str
    errors: tuple[dict[str, str], ...]
    cells: tuple[str, ...]
    raw: str | None = None


@dataclass(frozen=True)
class Block:
    """Rows that one phase rejected, by ascending ``line``.

    ``cells`` are lists of text, and ``raw`` is null where a row could be parsed. The errors of row i are
    ``errors[first_error[i]:first_error[i + 1]]``, with the string columns code, column (a header), value and message.
    """

    phase: Phase
    line: np.ndarray
    byte_offset: pa.Array
    cells: pa.ListArray
    raw: pa.Array
    errors: pa.Table
    first_error: np.ndarray

    def rows(self) -> Iterator[RejectedRow]:
        """Yield the rows one by one, to show them to a person."""
        errors = self.errors.to_pylist()
        places = zip(self.line.tolist(), self.byte_offset.to_pylist(), strict=True)
        texts = zip(self.cells.to_pylist(), self.raw.to_pylist(), strict=True)
        for at, ((line, byte_offset), (cells, raw)) in enumerate(zip(places, texts, strict=True)):
            own = tuple(errors[self.first_error[at] : self.first_error[at + 1]])
            yield RejectedRow(line, byte_offset, self.phase.value, own, tuple(cells), raw)


def rejected_rows(files: Files, phases: Collection[str] = CHECKING_PHASES) -> Iterator[RejectedRow]:
    """Yield the rows that these phases rejected, in order of line, to show the first few of them."""
    streams = ((row for block in one for row in block.rows()) for one in rejected_blocks(files, phases))
    return heapq.merge(*streams, key=lambda row: row.line)


def rejected_blocks(files: Files, phases: Collection[str] = CHECKING_PHASES) -> list[Iterator[Block]]:
    """Return for each of these phases the rows it rejected, then the accepted rows of which cells were left out.

    Returns nothing at all when nothing was read.
    """
    if Phase.PREVALIDATION not in phases or not files.exists(REJECTED_ROWS):
        return []
    later = [phase for phase in CHECKING_PHASES[1:] if phase in phases]
    found = [_of_prevalidation(files), *(_of_later_phase(files, phase) for phase in later)]
    if files.exists(LEFT_OUT):
        # A row is listed once: one that a later phase rejected, for that alone.
        rejected = rejections.lines(files, later).to_numpy()
        found.append(_of_accepted(files, _Errors(files, Phase.PREVALIDATION, LEFT_OUT, but=rejected)))
    return found


def _of_prevalidation(files: Files) -> Iterator[Block]:
    errors = _Errors(files, Phase.PREVALIDATION)
    with files.open_read(REJECTED_ROWS) as file, pq.ParquetFile(file, pre_buffer=False) as parquet:
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group).combine_chunks()
            for part in _parts(table):
                columns = {name: part[name].combine_chunks() for name in part.column_names}
                raw = pc.if_else(columns["malformed"], columns["raw"], pa.scalar(None, pa.string()))
                yield errors.block(columns["line"], columns["byte_offset"], columns["cells"], raw)


def _of_later_phase(files: Files, phase: Phase) -> Iterator[Block]:
    return _of_accepted(files, _Errors(files, phase))


def _of_accepted(files: Files, errors: _Errors) -> Iterator[Block]:
    """Return the rows with these errors that prevalidation accepted."""
    if not len(errors.lines):
        return
    with Rows(files) as rows:
        for batch in rows.cells(errors.lines):
            for part in _parts(pa.table(batch)):
                columns = part.combine_chunks().to_batches()[0]
                cells = columns.select(columns.schema.names[2:])
                raw = pa.nulls(part.num_rows, pa.string())
                block = errors.block(columns["line"], columns["byte_offset"], as_lists(cells), raw)
                yield _with_headers(block, cells, rows.layout) if errors.of_fields else block


def _with_headers(block: Block, cells: pa.RecordBatch, layout: Layout) -> Block:
    """Return the block with headers of the file in place of the fields of its errors."""
    row = np.repeat(np.arange(len(block.line)), np.diff(block.first_error))
    headers = error_headers(
        block.errors["column"].combine_chunks(), row, field_values(cells, layout.plan), layout
    )
    return replace(block, errors=block.errors.set_column(1, "column", headers))


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    """Yield a table in slices of about ``_BLOCK_BYTES``."""
    rows = max(1, table.num_rows * _BLOCK_BYTES // max(table.nbytes, 1))
    for begin in range(0, table.num_rows, rows):
        yield table.slice(begin, rows)


class _Errors:
    """The errors of a phase, or those of another file ``but`` for some lines, read in order of line."""

    def __init__(
        self, files: Files, phase: Phase, name: str | None = None, but: Sequence[int] | np.ndarray = ()
    ) -> None:
        self._phase = phase
        #: ``column`` is a field; prevalidation writes headers
        self.of_fields = phase is not Phase.PREVALIDATION
        name = name or rejections_file(phase)
        self._waiting: list[pa.Table] = []
        self.lines = np.empty(0, np.int64)
        self._tables: Iterator[pa.Table] = iter(())
        if files.exists(name):
            self.lines = np.setdiff1d(_lines(files, name), but)
            self._tables = _tables(files, name, pa.array(but, pa.int64()))

    def block(self, line: pa.Array, byte_offset: pa.Array, cells: pa.ListArray, raw: pa.Array) -> Block:
        """Return the block of the next rows, with their errors.

        Raises:
            RuntimeError: if the file of rows and the file of errors have different rows.
        """
        lines = line.to_numpy()
        errors = self._upto(int(lines[-1]))
        of_row = np.searchsorted(lines, errors["line"].to_numpy())
        first = np.searchsorted(of_row, np.arange(len(lines) + 1))
        if not np.array_equal(lines[of_row], errors["line"].to_numpy()) or (np.diff(first) < 1).any():
            raise RuntimeError(f"the rejected rows of {self._phase} and their errors do not belong together")
        return Block(self._phase, lines, byte_offset, cells, raw, errors.select(_ERROR), first)

    def _upto(self, line: int) -> pa.Table:
        while not self._waiting or self._waiting[-1]["line"][-1].as_py() <= line:
            table = next(self._tables, None)
            if table is None:
                break
            self._waiting.append(table)
        if not self._waiting:
            raise RuntimeError(f"rejected rows of {self._phase} have no errors")
        every = pa.concat_tables(self._waiting)
        count = int(np.searchsorted(every["line"].to_numpy(), line, "right"))
        self._waiting = [every.slice(count)] if count < every.num_rows else []
        return every.slice(0, count).combine_chunks()


def _lines(files: Files, name: str) -> np.ndarray:
    with files.open_read(name) as file:
        return np.unique(pq.read_table(file, columns=["line"], pre_buffer=False)["line"].to_numpy())


def _tables(files: Files, name: str, but: pa.Array) -> Iterator[pa.Table]:
    """Yield the errors of a file without some lines, texts where there is none empty, in order of line."""
    with files.open_read(name) as file, pq.ParquetFile(file, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(batch_size=10_000):
            if len(but):
                batch = batch.filter(pc.invert(pc.is_in(batch["line"], value_set=but)))
            filled = [pc.fill_null(batch[name], "") for name in _ERROR]
            if batch.num_rows:
                yield pa.table([batch["line"], *filled], names=["line", *_ERROR])
