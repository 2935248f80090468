"""Cells whose letters were damaged before the file was written: ``MÃ¼ller``, which was ``Müller``.

Some program read text in UTF-8 as Windows-1252 and saved what it saw. The cell's bytes in Windows-1252 are then valid
UTF-8. Nothing is changed: a notice names one such cell, so that a person can export the file again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model.notices import Notice

# What begins a letter of UTF-8 that was read as Windows-1252 (bytes C2 to F4), with another such byte behind it.
_SUSPECT: Final = "[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6-\u2122]"
# Suspect cells of one column and batch that are looked at one by one.
_LOOKED_AT: Final = 100
# Bytes that Windows-1252 leaves undefined; programs read them as the control characters of ISO 8859-1.
_UNDEFINED: Final = "\x81\x8d\x8f\x90\x9d"


@dataclass(frozen=True)
class MisreadCell:
    """A cell of misread letters: its line in the file, what it holds, and what was meant."""

    line: int
    written: str
    meant: str

    def notice(self) -> Notice:
        """Return the notice that names the cell."""
        return Notice(
            "misread_letters",
            f"Letters were damaged before the file was written: line {self.line} has {self.written!r}, which was"
            f" {self.meant!r} in UTF-8 and was read as Windows-1252. Such cells are taken as they are; export the"
            " file again as UTF-8 from the program that has the right letters.",
        )


def first_misread(cells: pa.RecordBatch, line: pa.Array) -> MisreadCell | None:
    """Return the first cell of misread letters in the text columns of a batch whose rows begin in ``line``."""
    found = None
    for column in cells.columns:
        if not pa.types.is_string(column.type) or pc.all(pc.string_is_ascii(column)).as_py() is not False:
            continue
        suspect = pc.indices_nonzero(pc.match_substring_regex(column, _SUSPECT))
        for at in suspect[:_LOOKED_AT].to_pylist():
            written = column[at].as_py()
            meant = unmangled(written)
            if meant:
                cell = MisreadCell(line[at].as_py(), written, meant)
                found = cell if found is None or cell.line < found.line else found
                break
    return found


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
