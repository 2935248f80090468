"""Cells that are accepted as they are, although they were probably damaged before the file was written.

* Letters that were read in the wrong encoding: ``MÃ¼ller`` was ``Müller``. Some program read text in UTF-8 as
  Windows-1252 and saved what it saw, so the cell's bytes in Windows-1252 are valid UTF-8.
* Character references of HTML in names: ``Smith &amp; Sons`` was ``Smith & Sons`` on a web page.
* Character escapes of workbooks: ``a_x000D_b`` was two lines in a cell. Some programs read such a text as it is.
* Names that programs write for "no value": ``NULL``, ``nan``. Somebody may be called Null, so they are no errors.

Nothing is changed: a notice names the first such cell, so that a person can export the file again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model.notices import Notice
from imports_pipeline.schemas.cells import has_byte, is_ascii, text_bytes

# What begins a letter of UTF-8 that was read as Windows-1252 (bytes C2 to F4), with another such byte behind it.
_MISREAD: Final = "[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6-\u2122]"
_REFERENCE: Final = "&(?:[A-Za-z]{2,8}|#[0-9]{2,7}|#[xX][0-9A-Fa-f]{2,6});"
_ESCAPE: Final = "_x00[01][0-9A-Fa-f]_|_x005[Ff]_"
_NO_VALUES: Final = pa.array(
    [
        *(
            "NULL",
            "null",
            "Null",
            "(null)",
            "<null>",
            "\\N",
            "\\n",
            "nan",
            "NaN",
            "NAN",
            "<NA>",
            "NA",
            "N/A",
            "n/a",
        ),
        *("None", "NONE", "none", "nil", "undefined", "-", "--", "---"),
    ]
)
_LONGEST_NO_VALUE: Final = max(map(len, _NO_VALUES.to_pylist()))
# The suspect cells of one column and batch that are looked at one by one.
_LOOKED_AT: Final = 100
# Bytes that Windows-1252 leaves undefined; programs read them as the control characters of ISO 8859-1.
_UNDEFINED: Final = "\x81\x8d\x8f\x90\x9d"

_SENTENCES: Final = {
    "misread_letters": (
        "Letters were damaged before the file was written: line {0.line} has {0.written!r}, which was {0.meant!r} in "
        "UTF-8 and was read as Windows-1252. Such cells are taken as they are; export the file again as UTF-8 from the "
        "program that has the right letters."
    ),
    "html_references": (
        "Names hold character references of HTML: line {0.line} has {0.written!r}, which a web page shows as "
        "{0.meant!r}. Such cells are taken as they are; export the file again as plain text."
    ),
    "workbook_escapes": (
        "Cells hold character escapes of a workbook: line {0.line} has {0.written!r}, which Excel shows as {0.meant!r}."
        " Such cells are taken as they are; import the workbook itself, or export it from the spreadsheet program."
    ),
    "placeholder_names": (
        "Names look like a program's word for no value: line {0.line} has the name {0.written!r}. They are taken as "
        "they are; leave such cells blank if nobody is called so."
    ),
}


@dataclass(frozen=True)
class SuspiciousCell:
    """A cell that was probably damaged: the code of its notice, its line, its text, and what was meant."""

    code: str
    line: int
    written: str
    meant: str

    def notice(self) -> Notice:
        """Return the notice that names the cell."""
        return Notice(self.code, _SENTENCES[self.code].format(self))


def first_suspicious(cells: pa.RecordBatch, line: pa.Array) -> dict[str, SuspiciousCell]:
    """Return the first suspicious cell of each kind, by code, in a batch of fields whose rows begin in ``line``."""
    found: dict[str, SuspiciousCell] = {}
    for cell in _suspicious(cells, line):
        if cell.code not in found or cell.line < found[cell.code].line:
            found[cell.code] = cell
    return found


def merged(
    some: Mapping[str, SuspiciousCell], others: Mapping[str, SuspiciousCell]
) -> dict[str, SuspiciousCell]:
    """Return the first cells of two parts of a file; ``others`` are of the rows that follow."""
    return {**others, **some}


def _suspicious(cells: pa.RecordBatch, line: pa.Array) -> Iterator[SuspiciousCell]:
    """Yield the first suspicious cell of each kind in each column."""
    for name, column in zip(cells.schema.names, cells.columns, strict=True):
        if not pa.types.is_string(column.type):
            continue
        if _may_be_misread(column):
            suspect = pc.match_substring_regex(column, _MISREAD)
            yield from _first("misread_letters", column, suspect, line, unmangled)
        holds_names = name == "name" or name.startswith("groups")
        if holds_names and has_byte(column, b"&"):
            suspect = pc.match_substring_regex(column, _REFERENCE)
            yield from _first("html_references", column, suspect, line, unescaped)
        if (holds_names or name == "notes") and has_byte(column, b"_"):
            suspect = pc.match_substring_regex(column, _ESCAPE)
            yield from _first("workbook_escapes", column, suspect, line, unescaped_workbook)
        if name == "name":
            yield from _first("placeholder_names", column, _are_no_values(column), line, str)


def _are_no_values(column: pa.Array) -> pa.Array:
    """Return which texts are a program's word for no value. All of these words are short, and few names are."""
    found: np.ndarray = np.diff(text_bytes(column)[0]) <= _LONGEST_NO_VALUE
    if found.any():
        found[found] = pc.is_in(column.filter(pa.array(found)), _NO_VALUES).to_numpy(zero_copy_only=False)
    return pa.array(found)


def _may_be_misread(column: pa.Array) -> bool:
    """Return False if no text matches ``_MISREAD``, which the bytes of most columns show at once.

    In UTF-8 the letters U+00C2 to U+00F4 are the byte C3 and one of 82 to B4. The letter behind one is not ASCII.
    """
    if is_ascii(column):
        return False
    edges, body = text_bytes(column)
    part = body[edges[0] : edges[-1]]
    leads = np.flatnonzero(part[:-2] == 0xC3)
    seconds = part[leads + 1]
    found = (seconds >= 0x82) & (seconds <= 0xB4) & (part[leads + 2] >= 0x80)
    return bool(found.any())


def _first(
    code: str, column: pa.Array, suspect: pa.Array, line: pa.Array, meaning: Callable[[str], str]
) -> Iterator[SuspiciousCell]:
    """Yield the first of the suspect cells that has a meaning."""
    for at in pc.indices_nonzero(suspect)[:_LOOKED_AT].to_pylist():
        written = column[at].as_py()
        if meant := meaning(written):
            yield SuspiciousCell(code, line[at].as_py(), written, meant)
            return


def unmangled(text: str) -> str:
    """Return the text that gives ``text`` when its UTF-8 is read as Windows-1252, or ``""`` if there is none.

    Example:
        >>> unmangled("MÃ¼ller"), unmangled("Müller")
        ('Müller', '')
    """
    try:
        data = b"".join(letter.encode("latin-1" if letter in _UNDEFINED else "cp1252") for letter in text)
        return data.decode() if not data.isascii() else ""
    except UnicodeError:
        return ""


def unescaped_workbook(text: str) -> str:
    r"""Return the text that Excel shows for a text of a workbook.

    Example:
        >>> unescaped_workbook("a_x000D_b")
        'a\rb'
    """
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), text)


def unescaped(text: str) -> str:
    """Return the text that a web page shows for ``text``, or ``""`` if it is the same."""
    shown = html.unescape(text)
    return shown if shown != text else ""
