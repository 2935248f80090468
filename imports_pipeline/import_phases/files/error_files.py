"""The errors files of an import: every rejected row once, with its cells as written and all its errors.

``errors.csv`` can be corrected and uploaded again; ``errors.json`` has the exact cells. Both are written in one pass
over the rejected rows of all phases, in order of line, by the column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.import_phases.files.formulas import neutralise_all
from imports_pipeline.import_phases.files.rejected_rows import Block, rejected_blocks
from imports_pipeline.import_phases.files.text_columns import as_csv, as_json, as_utf8, concatenated, joined
from imports_pipeline.import_phases.part_lines import PART_COLUMNS, PartLines
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, ERRORS_XLSX, REJECTED_ROWS, Files
from imports_pipeline.model.phases import CHECKING_PHASES, IMPORT_PHASES, Phase

#: The columns that an errors CSV has after the original ones.
ADDED_COLUMNS: Final = ("_line", "_phase", "_code", "_column", "_message")


def write_error_files(
    files: Files, phases: Collection[str] = CHECKING_PHASES, *, of_batch: bool = False
) -> int:
    """Write ``errors.csv`` and ``errors.json`` of rejected rows and left-out cells; return the number of their rows.

    Delete both files if there is no such row.

    Args:
        files: the files of the import.
        phases: the phases whose rejected rows are written.
        of_batch: True for a batch without an import. Its files name the first three phases ``parsing``.
    """
    if of_batch and Phase.PARSING in phases:
        phases = {*IMPORT_PHASES, *phases}
    # It was made of the errors of an earlier plan.
    files.delete(ERRORS_XLSX)
    streams = [_Stream(blocks) for blocks in rejected_blocks(files, phases)]
    if not any(stream.block for stream in streams):
        files.delete(ERRORS_CSV)
        files.delete(ERRORS_JSON)
        return 0
    with files.open_read(REJECTED_ROWS) as file:
        header = Layout.read(pq.read_schema(file)).header
        writer = _Writer(header, PartLines.read(files), of_batch=of_batch)
    count = 0
    with files.open_write(ERRORS_CSV) as csv_file, files.open_write(ERRORS_JSON) as json_file:
        csv_file.write(writer.header())
        for stream in streams:
            stream.writer = writer
        before = b"["
        for lines in _merged(streams):
            csv_file.write(as_utf8(lines.csv))
            json_file.write(before)
            # Each row begins with the comma after the row before; the first row leaves it out.
            json_file.write(as_utf8(lines.json)[0 if count else 1 :])
            before = b""
            count += len(lines.line)
        json_file.write(b"\n]\n")
    return count


class _Lines(NamedTuple):
    """Rejected rows as the texts that are written, by ascending line."""

    line: np.ndarray
    csv: pa.Array
    json: pa.Array

    def cut(self, begin: int, end: int) -> _Lines:
        return _Lines(self.line[begin:end], self.csv[begin:end], self.json[begin:end])


class _Stream:
    """The rows of one phase; a block of them at a time is formatted and waits to be merged with other phases."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self.block = next(blocks, None)
        self.writer: _Writer | None = None
        self._lines: _Lines | None = None

    def lines(self) -> _Lines | None:
        """Return the waiting rows, or ``None`` at the end."""
        if self._lines is None and self.block is not None:
            assert self.writer is not None, "the writer must be set before the first call"
            self._lines = self.writer.written(self.block)
            self.block = next(self._blocks, None)
        return self._lines

    def take(self, upto: int) -> _Lines | None:
        """Remove the waiting rows up to a line and return them."""
        lines = self.lines()
        if lines is None:
            return None
        count = int(np.searchsorted(lines.line, upto, "right"))
        self._lines = lines.cut(count, len(lines.line)) if count < len(lines.line) else None
        return lines.cut(0, count)


def _merged(streams: Sequence[_Stream]) -> Iterator[_Lines]:
    """Yield the rows of all phases in order of line."""
    while waiting := [lines for stream in streams if (lines := stream.lines()) is not None]:
        upto = min(int(lines.line[-1]) for lines in waiting)
        taken = [lines for stream in streams if (lines := stream.take(upto)) is not None and len(lines.line)]
        if len(taken) == 1:
            yield taken[0]
            continue
        line = np.concatenate([lines.line for lines in taken])
        order = pa.array(np.argsort(line, kind="stable"))
        yield _Lines(
            line[order.to_numpy()],
            pa.concat_arrays([lines.csv for lines in taken]).take(order),
            pa.concat_arrays([lines.json for lines in taken]).take(order),
        )


class _Writer:
    """Formats rejected rows of a file with one header."""

    def __init__(self, header: Sequence[str], parts: PartLines | None, *, of_batch: bool) -> None:
        self._of_batch = of_batch
        self._width, self._parts = len(header), parts
        # An errors file that is uploaded again already has these columns.
        ours = (*ADDED_COLUMNS, *PART_COLUMNS)
        self._original = np.array([i for i, name in enumerate(header) if name not in ours], np.int64)
        self._names = pa.array([header[i] for i in self._original.tolist()], pa.string())
        keys = [name or f"column {at + 1}" for at, name in enumerate(header)]
        self._keys = as_json(pa.array([keys[i] for i in self._original.tolist()], pa.string()))

    def header(self) -> bytes:
        """Return the header of the CSV."""
        names = [*as_csv(neutralise_all(self._names)).to_pylist(), *ADDED_COLUMNS]
        names += PART_COLUMNS if self._parts else ()
        return ",".join(names).encode() + b"\r\n"

    def _phase(self, block: Block) -> str:
        return Phase.PARSING if self._of_batch and block.phase in IMPORT_PHASES else block.phase.value

    def written(self, block: Block) -> _Lines:
        """Return the rows of a block as text."""
        return _Lines(block.line, self._csv(block), self._json(block))

    def _csv(self, block: Block) -> pa.Array:
        def added(name: str) -> pa.Array:
            texts = joined(block.errors[name].combine_chunks(), block.first_error, "; ")
            return as_csv(neutralise_all(texts))

        places, count = _places(block.cells), len(block.line)
        empty = len(block.cells.flatten())
        flat = pa.concat_arrays([block.cells.flatten(), pa.array([""])])
        shown = places[:-1, None] + self._original[None, :]
        shown[shown >= places[1:, None]] = empty
        cells = as_csv(neutralise_all(flat)).take(pa.array(shown.reshape(-1)))
        parts = []
        if len(self._original):
            parts.append(joined(cells, np.arange(count + 1) * len(self._original), ","))
        parts += [pa.array(block.line).cast(pa.string()), pa.repeat(str(self._phase(block)), count)]
        parts += [added("code"), added("column"), added("message")]
        if self._parts:
            uri, line = self._parts.places(block.line)
            parts += [as_csv(neutralise_all(uri)), line]
        return concatenated(
            pc.binary_join_element_wise(*parts, ","), self._surplus(block.cells, places), "\r\n"
        )

    def _surplus(self, cells: pa.ListArray, places: np.ndarray) -> pa.Array | str:
        """Return the cells beyond the last header, which come after all columns.

        A row that has such cells stays too wide until it is corrected.
        """
        begins = np.minimum(places[:-1] + self._width, places[1:])
        counts = places[1:] - begins
        if not counts.any():
            return ""
        ends = np.cumsum(counts)
        at = np.arange(ends[-1]) + np.repeat(begins - (ends - counts), counts)
        texts = as_csv(neutralise_all(cells.flatten().take(pa.array(at))))
        return joined(concatenated(",", texts), np.concatenate(([0], ends)), "")

    def _json(self, block: Block) -> pa.Array:
        def text(name: str) -> pa.Array:
            return as_json(block.errors[name].combine_chunks())

        errors = concatenated(
            '{"code": "', text("code"), '", "column": "', text("column"), '", "value": "', text("value"),
            '", "message": "', text("message"), '"}',
        )  # fmt: skip
        places = _places(block.cells)
        shown = places[:-1, None] + self._original[None, :]
        there = shown < places[1:, None]
        cells = as_json(block.cells.flatten().take(pa.array(shown[there])))
        keys = self._keys.take(pa.array(np.nonzero(there)[1]))
        counts = np.concatenate(([0], np.cumsum(there.sum(axis=1))))
        row = joined(concatenated('"', keys, '": "', cells, '"'), counts, ", ")
        raw = as_json(pc.fill_null(block.raw, ""))
        raw = pc.if_else(block.raw.is_valid(), concatenated(', "raw": "', raw, '"'), "")
        place: pa.Array | str = ""
        if self._parts:
            uri, line = self._parts.places(block.line)
            place = concatenated(', "file": "', as_json(uri), '", "file_line": ', line)
        return concatenated(
            ',\n{"line": ', pa.array(block.line).cast(pa.string()),
            ', "byte_offset": ', block.byte_offset.cast(pa.string()), place,
            f', "phase": "{self._phase(block)}", "errors": [', joined(errors, block.first_error, ", "),
            '], "row": {', row, "}", raw, "}",
        )  # fmt: skip


def _places(lists: pa.ListArray) -> np.ndarray:
    """Return the index of each list's first value among the flat values, and the end of the last list."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0]
