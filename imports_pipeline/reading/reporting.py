"""Makes ``MalformedRecord``s of what was found wrong: where, what, and the text as the user wrote it."""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from imports_pipeline.reading.blocks import Window
from imports_pipeline.reading.careful import VALUE_BYTES, Fault, Tokenizer
from imports_pipeline.reading.encodings import Coding, Offsets
from imports_pipeline.reading.faults import sentence
from imports_pipeline.reading.records import MalformedRecord
from imports_pipeline.reading.structure import Records

#: How much of a record over the size limit is kept as its ``raw``, in bytes.
_KEPT_OF_LONG: Final = 1000


class Reporter:
    """Reports the malformed records of one file."""

    def __init__(self, coding: Coding, tokenizer: Tokenizer) -> None:
        """Keep what texts, cells and sentences are made of."""
        self._coding, self._tokenizer = coding, tokenizer
        self._messages: dict[tuple[str, int, int | None], str] = {}

    def malformed(self, window: Window, records: Records) -> list[MalformedRecord]:
        """Give all malformed records of the block, in file order."""
        faults = [(at, verdict) for at, verdict in records.others if verdict.fault is not None]
        made = self._miscounted(window, records) if len(records.miscounted) else []
        if not faults:
            return made
        starts = np.array([at for at, _ in faults], np.int64)
        lines, offsets = self._places(window, records, starts)
        data = window.data
        for (at, verdict), line, offset in zip(faults, lines, offsets, strict=True):
            assert verdict.fault is not None
            made.append(self._of(verdict.fault, data[at : verdict.end], line, offset))
        if len(records.miscounted):
            order = np.argsort(np.concatenate((records.miscounted, starts)), kind="stable")
            made = [made[index] for index in order.tolist()]
        return made

    def too_long(self, window: Window) -> MalformedRecord:
        """Report the line at hand, whose end is not in sight."""
        return self._of(Fault("record_too_long", []), window.data, window.line, window.origin)

    def _places(self, window: Window, records: Records, starts: Offsets) -> tuple[list[int], list[int]]:
        lines = window.line + np.searchsorted(records.lines, starts, "right")
        offsets = window.origin + self._coding.original(window.data, starts)
        return lines.tolist(), offsets.tolist()

    def _miscounted(self, window: Window, records: Records) -> list[MalformedRecord]:
        """Report records whose only fault is their number of cells; there can be very many."""
        lines, offsets = self._places(window, records, records.miscounted)
        raws = self._texts(window.data, records)
        made = []
        width = self._tokenizer.width
        messages: dict[int, tuple[str, str]] = {}
        for raw, cells, line, offset in zip(raws, self._cells(raws), lines, offsets, strict=True):
            count = len(cells)
            if count not in messages:
                code = "too_many_cells" if count > width else "too_few_cells"
                messages[count] = code, self._message(code, count, None)
            code, message = messages[count]
            made.append(MalformedRecord(line, offset, code, message, raw, cells))
        return made

    def _texts(self, data: bytes, records: Records) -> list[str]:
        """Give the miscounted records' texts, without their line ends."""
        buffer = np.frombuffer(data, np.uint8)
        begins, ends = records.miscounted, records.miscounted_ends
        for mark in b"\n\r":
            ends = ends - ((buffer[ends - 1] == mark) & (ends > begins))
        if not data.isascii():
            # These records hold no undecodable byte; their neighbours may, so each is decoded by itself.
            spans = zip(begins.tolist(), ends.tolist(), strict=True)
            return [data[begin:end].decode() for begin, end in spans]
        text = data.decode("ascii")
        return [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]

    def _cells(self, raws: list[str]) -> Iterator[tuple[str, ...]]:
        """Split well-formed records."""
        dialect, split = self._tokenizer.dialect, self._tokenizer.split
        delimiter, quote = dialect.delimiter, dialect.quote
        if not quote and not dialect.escape:
            return (tuple(raw.split(delimiter)) for raw in raws)
        if dialect.escape or max(map(len, raws)) > csv.field_size_limit():
            return (tuple(cell.decode() for cell in split(raw.encode()) or ()) for raw in raws)
        # The standard library's reader is not strict, but of well-formed records there is one reading.
        quoted = csv.reader((raw for raw in raws if quote in raw), delimiter=delimiter, quotechar=quote)
        return (tuple(next(quoted)) if quote in raw else tuple(raw.split(delimiter)) for raw in raws)

    def _of(self, fault: Fault, record: bytes, line: int, offset: int) -> MalformedRecord:
        if fault.code == "record_too_long":
            record = whole_characters(record[: min(_KEPT_OF_LONG, self._tokenizer.limit)])
        shown = self._coding.shown
        return MalformedRecord(
            line,
            offset,
            fault.code,
            self._message(fault.code, len(fault.cells), fault.column),
            shown(_without_line_end(record)),
            tuple(map(shown, fault.cells)),
            fault.column,
            shown(fault.value if len(fault.value) < VALUE_BYTES else whole_characters(fault.value)),
        )

    def _message(self, code: str, count: int, column: int | None) -> str:
        key = (code, count, column)
        if key not in self._messages:
            self._messages[key] = sentence(
                code,
                count=count,
                width=self._tokenizer.width,
                column=column,
                encoding=self._coding.name,
                limit=self._tokenizer.limit,
            )
        return self._messages[key]


@contextmanager
def uncollected() -> Iterator[None]:
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


def _without_line_end(record: bytes) -> bytes:
    if record.endswith(b"\r\n"):
        return record[:-2]
    return record[:-1] if record.endswith((b"\n", b"\r")) else record
