"""Refusal of tables that are read as one column although every line has several cells; it says how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.tokenizer import Tokenizer
from imports_pipeline.reading.detection.header_names import count_names, is_name
from imports_pipeline.reading.detection.sample import Record
from imports_pipeline.reading.options import NotATable

# Characters that occur in names, and so are no delimiters.
_IN_NAMES: Final = " _-.'\"()#&@?*"


def refuse_undelimited(
    header: Sequence[str], line: int, quoted: bool, dialect: Dialect, records: Sequence[Record]
) -> None:
    """Refuse a table of one column if an unknown delimiter divides all lines alike, or each line is quoted as a whole.

    Raises:
        NotATable: ``no_header``, with the delimiter to set, or how to save the file.
    """
    if len(header) != 1 or is_name(header[0]):
        return
    lines = [header[0], *(one.cells[0] for one in records if one.sound and len(one.cells) == 1)]
    if len(lines) <= len(records):
        return
    if quoted and any(mark in header[0] and _inner_width(lines, mark) > 1 for mark in ",;\t|^"):
        raise NotATable(
            "no_header",
            f"Line {line} and every line below it is one quoted cell that holds a whole record: remove the quotes "
            "around each line and make doubled quotes single, or save the file again as CSV.",
            line=line,
        )
    for mark in dict.fromkeys(header[0]):
        count = header[0].count(mark)
        if mark.isalnum() or mark in _IN_NAMES or not count_names(header[0].split(mark)):
            continue
        if all(text.count(mark) == count for text in lines):
            raise NotATable("no_header", _advice(header[0], line, dialect, mark), line=line)


def _advice(header: str, line: int, dialect: Dialect, mark: str) -> str:
    """Return the reason of the refusal: the delimiter that divides the lines, and what to do."""
    shown = repr(mark)[1:-1]
    reason = (
        f"Line {line} is one cell, `{header[:60]}`, and so is every line below it: the columns seem to be parted "
        f"by `{shown}`, not by `{repr(dialect.delimiter)[1:-1]}`. "
    )
    if mark.isascii() and mark not in "\r\n\0":
        return reason + f"Give delimiter `{shown}` (--delimiter '{shown}')."
    return reason + "Such a mark cannot be given; save the file with commas."


def _inner_width(lines: Sequence[str], mark: str) -> int:
    """Return how many cells each line has as a record with the delimiter ``mark``; 0 if the lines differ."""
    tokenizer = Tokenizer(Dialect(mark), 0)
    widths = {len(tokenizer.split(text.encode()) or ()) for text in lines}
    return widths.pop() if len(widths) == 1 else 0
