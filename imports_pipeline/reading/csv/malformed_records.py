"""Makes ``MalformedRecords`` of what was found wrong: where, what, and the text as the user wrote it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.reading.csv.cell_splitter import as_text, slices, split_cells
from imports_pipeline.reading.csv.malformed_messages import message
from imports_pipeline.reading.csv.parse_result import VALUE_BYTES, RecordError
from imports_pipeline.reading.csv.record_finder import Records
from imports_pipeline.reading.csv.record_widths import Widths
from imports_pipeline.reading.csv.reference_parser import ReferenceParser
from imports_pipeline.reading.csv.window import Window
from imports_pipeline.reading.detection.encodings import Coding, Offsets
from imports_pipeline.reading.records import MALFORMED, NONE_MALFORMED, MalformedRecords

#: How much of a record over the size limit is kept as its ``raw``, in bytes.
_KEPT_OF_LONG: Final = 1000


class MalformedRecordBuilder:
    """Reports the malformed records of one file."""

    def __init__(self, coding: Coding, parser: ReferenceParser, widths: Widths | None = None) -> None:
        """Keep what texts, cells and sentences are made of."""
        self._coding, self._parser = coding, parser
        self._width = parser.width if widths is None else widths.named
        self._messages: dict[tuple[str, int, int | None], str] = {}

    def malformed(self, window: Window, records: Records, undecodable: Offsets) -> MalformedRecords:
        """Return all malformed records of the block, in file order; ``undecodable`` are bytes that are no text."""
        parts = []
        if len(records.miscounted):
            parts.append(self._miscounted(window, records))
        if len(records.garbled):
            parts.append(self._garbled(window, records, undecodable))
        errors = [(at, result.end, result.error) for at, result in records.others if result.error is not None]
        if errors:
            parts.append(self._errors(window, records, errors, undecodable))
        if not parts:
            return NONE_MALFORMED
        if len(parts) == 1:
            return MalformedRecords(parts[0])
        table = pa.Table.from_batches(parts).combine_chunks()
        order = pa.array(np.argsort(table["byte_offset"].to_numpy(), kind="stable"))
        return MalformedRecords(table.take(order).combine_chunks().to_batches()[0])

    def too_long(self, window: Window) -> MalformedRecords:
        """Report the line at hand, whose end is not in sight."""
        line, offset = np.array([window.line]), np.array([window.origin])
        error = RecordError("record_too_long", [])
        raw = pa.array([self._coding.shown(self._cut(window.data))], pa.string())
        return MalformedRecords(self._of_faults(line, offset, raw, [error]))

    def _places(self, window: Window, records: Records, starts: Offsets) -> tuple[Offsets, Offsets]:
        lines = window.line + np.searchsorted(records.lines, starts, "right")
        return lines, window.origin + self._coding.original(window.data, starts)

    def _miscounted(self, window: Window, records: Records) -> pa.RecordBatch:
        """Report records whose only error is their number of cells."""
        begins = records.miscounted
        line, offset = self._places(window, records, begins)
        raw = slices(window.data, begins, _without_line_ends(window.data, begins, records.miscounted_ends))
        found = split_cells(raw, self._parser.dialect)
        counts, which = np.unique(np.diff(found.first), return_inverse=True)
        codes = ["too_many_cells" if count >= self._width else "too_few_cells" for count in counts.tolist()]
        messages = [
            self._message(code, count, None) for code, count in zip(codes, counts.tolist(), strict=True)
        ]
        return _batch(
            line,
            offset,
            pa.array(codes, pa.string()).take(pa.array(which)),
            pa.array(messages, pa.string()).take(pa.array(which)),
            as_text(raw),
            _lists(found.first, as_text(found.cells)),
            pa.nulls(len(line), pa.int64()),
            pa.repeat("", len(line)),
        )

    def _garbled(self, window: Window, records: Records, undecodable: Offsets) -> pa.RecordBatch:
        """Report records, each of one line and well formed, that hold bytes that are no text, or a NUL."""
        data, begins = window.data, records.garbled
        line, offset = self._places(window, records, begins)
        ends = _without_line_ends(data, begins, records.garbled_ends)
        raw = slices(data, begins, ends)
        found = split_cells(raw, self._parser.dialect)
        at = np.searchsorted(undecodable, begins)
        no_text = np.append(undecodable, len(data))[at] < ends
        nul = np.flatnonzero(np.frombuffer(data, np.uint8) == 0)
        place = np.where(
            no_text, np.append(undecodable, 0)[at], np.append(nul, 0)[np.searchsorted(nul, begins)]
        )
        # The places among the slices records, whose bytes follow each other.
        edges = np.concatenate(([0], np.cumsum(ends - begins)))
        cell = np.searchsorted(found.begins, place - begins + edges[:-1], "right") - 1
        column = cell - found.first[:-1] + 1
        codes = np.where(no_text, "undecodable_bytes", "nul_byte").tolist()
        messages = [
            self._message(code, count, number)
            for code, count, number in zip(codes, np.diff(found.first).tolist(), column.tolist(), strict=True)
        ]
        texts, cells = raw, found.cells
        if no_text.any():
            shown = self._coding.shown
            texts = pa.array([shown(text) for text in raw.to_pylist()], pa.string())
            spoiled = np.unique(
                np.searchsorted(found.begins, _moved(undecodable, begins, ends, edges), "right") - 1
            )
            chosen = np.zeros(len(cells), np.bool_)
            chosen[spoiled] = True
            mask = pa.array(chosen)
            repaired = [shown(text) for text in cells.filter(mask).to_pylist()]
            sound = as_text(pc.if_else(mask, pa.scalar(b"", pa.large_binary()), cells))
            shown_cells = pc.replace_with_mask(sound, mask, pa.array(repaired, pa.string()))
        else:
            texts, shown_cells = as_text(raw), as_text(cells)
        values = [self._value(value) for value in cells.take(pa.array(cell)).to_pylist()]
        return _batch(
            line,
            offset,
            pa.array(codes, pa.string()),
            pa.array(messages, pa.string()),
            texts,
            _lists(found.first, shown_cells),
            pa.array(column),
            pa.array(values, pa.string()),
        )

    def _errors(
        self,
        window: Window,
        records: Records,
        errors: list[tuple[int, int, RecordError]],
        undecodable: Offsets,
    ) -> pa.RecordBatch:
        """Report what the careful reader found."""
        data = window.data
        begins = np.array([at for at, _, _ in errors], np.int64)
        line, offset = self._places(window, records, begins)
        stops = np.array([end for _, end, _ in errors], np.int64)
        ends = _without_line_ends(data, begins, stops)
        spoiled = np.searchsorted(undecodable, begins) < np.searchsorted(undecodable, ends)
        long = np.array([error.code == "record_too_long" for _, _, error in errors])
        special = spoiled | long
        if special.any():
            # Their texts are not as they stand in the file.
            texts = as_text(slices(data, begins, np.where(special, begins, ends)))
            some = [
                self._coding.shown(self._cut(data[begin:stop]) if cut else data[begin:end])
                for begin, end, stop, cut in zip(
                    *(one[special].tolist() for one in (begins, ends, stops, long)), strict=True
                )
            ]
            raw = pc.replace_with_mask(texts, pa.array(special), pa.array(some, pa.string()))
        else:
            raw = as_text(slices(data, begins, ends))
        return self._of_faults(line, offset, raw, [error for _, _, error in errors])

    def _of_faults(
        self, line: Offsets, offset: Offsets, raw: pa.Array, errors: list[RecordError]
    ) -> pa.RecordBatch:
        shown = self._coding.shown
        return _batch(
            line,
            offset,
            pa.array([error.code for error in errors], pa.string()),
            pa.array(
                [
                    self._message(error.message or error.code, len(error.cells), error.column)
                    for error in errors
                ],
                pa.string(),
            ),
            raw,
            pa.array([[shown(cell) for cell in error.cells] for error in errors], pa.list_(pa.string())),
            pa.array([error.column for error in errors], pa.int64()),
            pa.array([self._value(error.value) for error in errors], pa.string()),
        )

    def _value(self, value: bytes) -> str:
        """Show the cell to blame, or its beginning."""
        if len(value) >= VALUE_BYTES:
            value = whole_characters(value[:VALUE_BYTES])
        return self._coding.shown(value)

    def _cut(self, record: bytes) -> bytes:
        record = whole_characters(record[: min(_KEPT_OF_LONG, self._parser.limit)])
        if record.endswith(b"\r\n"):
            return record[:-2]
        return record[:-1] if record.endswith((b"\n", b"\r")) else record

    def _message(self, code: str, count: int, column: int | None) -> str:
        key = (code, count, column)
        if key not in self._messages:
            self._messages[key] = message(
                code,
                count=count,
                width=self._width,
                column=column,
                encoding=self._coding.name,
                limit=self._parser.limit,
            )
        return self._messages[key]


@contextmanager
def gc_paused() -> Iterator[None]:
    """Hold back the cycle collector while many records are made, none of them in a cycle.

    It would run every 700 of them, in vain, and take as long as making them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def whole_characters(value: bytes) -> bytes:
    """Drop a UTF-8 character that was cut at the end of ``value``."""
    kept = value.rstrip(bytes(range(0x80, 0xC0)))
    lead = kept[-1] if kept else 0
    if lead < 0xC0:
        return value
    size = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2
    return value if len(value) - len(kept) + 1 >= size else kept[:-1]


def _without_line_ends(data: bytes, begins: Offsets, ends: Offsets) -> Offsets:
    buffer = np.frombuffer(data, np.uint8)
    for mark in b"\n\r":
        ends = ends - ((buffer[ends - 1] == mark) & (ends > begins))
    return ends


def _moved(places: Offsets, begins: Offsets, ends: Offsets, edges: Offsets) -> Offsets:
    """Return where those of ``places`` that lie in the pieces are, once the pieces follow each other."""
    piece = np.searchsorted(begins, places, "right") - 1
    inside = (piece >= 0) & (places < ends[piece])
    piece = piece[inside]
    return places[inside] - begins[piece] + edges[piece]


def _lists(first: Offsets, cells: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(first, pa.int32()), cells)


def _batch(line: Offsets, offset: Offsets, *columns: Any) -> pa.RecordBatch:
    return pa.record_batch([pa.array(line), pa.array(offset), *columns], schema=MALFORMED)
