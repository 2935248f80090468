"""Builds ``MalformedRecords`` from the errors in a block: the place, the error, and the text as the user wrote it."""

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
from imports_pipeline.reading.csv.records.record_finder import Records
from imports_pipeline.reading.csv.records.record_widths import Widths
from imports_pipeline.reading.csv.records.window import Window
from imports_pipeline.reading.csv.reference_parser import ReferenceParser
from imports_pipeline.reading.detection.encodings import Encoding, Offsets
from imports_pipeline.reading.records import MALFORMED, NONE_MALFORMED, MalformedRecords

# The number of bytes of a record over the size limit that are kept as its ``raw``.
_RAW_BYTES_OF_LONG: Final = 1000


class MalformedRecordBuilder:
    """Builds the malformed records of one file."""

    def __init__(self, encoding: Encoding, parser: ReferenceParser, widths: Widths | None = None) -> None:
        """Keep the file's encoding, parser and numbers of cells, from which texts and messages are made."""
        self._encoding, self._parser = encoding, parser
        self._width = parser.width if widths is None else widths.named
        self._messages: dict[tuple[str, int, int | None], str] = {}

    def build(self, window: Window, records: Records, undecodable: Offsets) -> MalformedRecords:
        """Return the malformed records of a block in file order; ``undecodable`` are offsets of undecodable bytes."""
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
        """Return the record of the window's first line, whose end lies beyond the size limit."""
        line, offset = np.array([window.line]), np.array([window.origin])
        error = RecordError("record_too_long", [])
        raw = pa.array([self._encoding.to_text(self._cut(window.data))], pa.string())
        return MalformedRecords(self._build(line, offset, raw, [error]))

    def _places(self, window: Window, records: Records, starts: Offsets) -> tuple[Offsets, Offsets]:
        lines = window.line + np.searchsorted(records.lines, starts, "right")
        return lines, window.origin + self._encoding.original_offsets(window.data, starts)

    def _miscounted(self, window: Window, records: Records) -> pa.RecordBatch:
        """Return the records whose only error is their number of cells."""
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
        """Return the well-formed records of one line that contain undecodable bytes or a NUL."""
        data, begins = window.data, records.garbled
        line, offset = self._places(window, records, begins)
        ends = _without_line_ends(data, begins, records.garbled_ends)
        raw = slices(data, begins, ends)
        found = split_cells(raw, self._parser.dialect)
        at = np.searchsorted(undecodable, begins)
        undecoded = np.append(undecodable, len(data))[at] < ends
        nul = np.flatnonzero(np.frombuffer(data, np.uint8) == 0)
        place = np.where(
            undecoded, np.append(undecodable, 0)[at], np.append(nul, 0)[np.searchsorted(nul, begins)]
        )
        # The places among the slices records, whose bytes follow each other.
        edges = np.concatenate(([0], np.cumsum(ends - begins)))
        cell = np.searchsorted(found.begins, place - begins + edges[:-1], "right") - 1
        column = cell - found.first[:-1] + 1
        codes = np.where(undecoded, "undecodable_bytes", "nul_byte").tolist()
        messages = [
            self._message(code, count, number)
            for code, count, number in zip(codes, np.diff(found.first).tolist(), column.tolist(), strict=True)
        ]
        texts, cells = raw, found.cells
        if undecoded.any():
            shown = self._encoding.to_text
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
        """Return the errors that the reference parser found."""
        data = window.data
        begins = np.array([at for at, _, _ in errors], np.int64)
        line, offset = self._places(window, records, begins)
        stops = np.array([end for _, end, _ in errors], np.int64)
        ends = _without_line_ends(data, begins, stops)
        spoiled = np.searchsorted(undecodable, begins) < np.searchsorted(undecodable, ends)
        long = np.array([error.code == "record_too_long" for _, _, error in errors])
        special = spoiled | long
        if special.any():
            # The text of these records differs from the bytes in the file: escaped, or cut.
            texts = as_text(slices(data, begins, np.where(special, begins, ends)))
            some = [
                self._encoding.to_text(self._cut(data[begin:stop]) if cut else data[begin:end])
                for begin, end, stop, cut in zip(
                    *(one[special].tolist() for one in (begins, ends, stops, long)), strict=True
                )
            ]
            raw = pc.replace_with_mask(texts, pa.array(special), pa.array(some, pa.string()))
        else:
            raw = as_text(slices(data, begins, ends))
        return self._build(line, offset, raw, [error for _, _, error in errors])

    def _build(
        self, line: Offsets, offset: Offsets, raw: pa.Array, errors: list[RecordError]
    ) -> pa.RecordBatch:
        shown = self._encoding.to_text
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
        """Return the text of the cell with the error, or its beginning."""
        if len(value) >= VALUE_BYTES:
            value = whole_characters(value[:VALUE_BYTES])
        return self._encoding.to_text(value)

    def _cut(self, record: bytes) -> bytes:
        record = whole_characters(record[: min(_RAW_BYTES_OF_LONG, self._parser.limit)])
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
                encoding=self._encoding.name,
                limit=self._parser.limit,
            )
        return self._messages[key]


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector while many records are created, none of which is in a cycle.

    The collector would run after every 700 records, find nothing, and take as long as creating them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def whole_characters(value: bytes) -> bytes:
    """Return ``value`` without a UTF-8 character that was cut at its end."""
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
    """Return the offsets of the ``places`` that lie in a slice, once the slices are copied one after the other."""
    piece = np.searchsorted(begins, places, "right") - 1
    inside = (piece >= 0) & (places < ends[piece])
    piece = piece[inside]
    return places[inside] - begins[piece] + edges[piece]


def _lists(first: Offsets, cells: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(first, pa.int32()), cells)


def _batch(line: Offsets, offset: Offsets, *columns: Any) -> pa.RecordBatch:
    return pa.record_batch([pa.array(line), pa.array(offset), *columns], schema=MALFORMED)
