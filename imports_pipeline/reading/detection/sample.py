"""Reads the first records of a text table, for detection and for the checks of the header."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.reference_parser import ReferenceParser

#: The size of the sample in records and bytes. A larger one makes detection slower, not better.
RECORDS: Final = 200
SAMPLE_BYTES: Final = 64 * 1024
LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class Record(NamedTuple):
    """One of the first records: where it starts, and its cells.

    Where it is not ``sound``, ``cells`` are its first line's pieces between delimiters, without quotes.
    """

    start: int
    cells: list[str]
    sound: bool


def first_records(sample: bytes, cut: bool, dialect: Dialect) -> list[Record]:
    """Read the first records of ``sample``; ``cut`` says that the file goes on behind it."""
    parser = ReferenceParser(dialect, 0, SAMPLE_BYTES)
    records: list[Record] = []
    at = 0
    while at < len(sample) and len(records) < RECORDS:
        result = parser.read(sample, at, True)
        if cut and result.end >= len(sample) and records:
            break
        for start, cells in result.rows:
            if cells != [b""]:
                records.append(Record(start, [cell.decode("utf-8", "replace") for cell in cells], True))
        if result.error is not None:
            records.append(Record(at, _pieces(sample[at : result.end], dialect), False))
        at = result.end
    return records


def begin_of(head: bytes, line: int) -> int:
    """Return the offset at which a physical line begins, or the end of ``head``."""
    at = 0
    for number, match in enumerate(LINE_END.finditer(head), 1):
        if number == line:
            return at
        at = match.end()
    return at if line > 1 else 0


def _pieces(text: bytes, dialect: Dialect) -> list[str]:
    line = LINE_END.split(text, 1)[0].decode("utf-8", "replace")
    if dialect.quote:
        line = line.replace(dialect.quote, "")
    return [piece.strip() for piece in line.split(dialect.delimiter)]
