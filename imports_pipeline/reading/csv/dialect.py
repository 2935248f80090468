"""A dialect: which bytes part cells, quote them and end lines, once the text is UTF-8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LINE_FEED: Final = 10
CARRIAGE_RETURN: Final = 13


@dataclass(frozen=True)
class Dialect:
    """Every mark is one ASCII character; ``quote`` and ``escape`` may be empty.

    ``line_end`` is ``lf``, ``crlf`` or ``cr``. A file of LF or CRLF lines may mix the two; a lone CR in it,
    or an LF in a file of CR lines, is a *stray* line end (see ``careful``).
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    line_end: str = "lf"

    def __post_init__(self) -> None:
        """Refuse marks that could not be told apart."""
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark]
        if not self.delimiter or any(len(mark) != 1 or not mark.isascii() for mark in marks):
            raise ValueError("delimiter, quote and escape are one ASCII character each")
        if len(set(marks)) != len(marks) or any(mark in "\r\n\0" for mark in marks):
            raise ValueError("delimiter, quote and escape must differ, and none can be a line end or NUL")

    @property
    def terminator(self) -> bytes:
        """The byte that ends a line: CR in a ``cr`` file, LF otherwise."""
        return b"\r" if self.line_end == "cr" else b"\n"

    @property
    def stray(self) -> bytes:
        """The other line end's byte."""
        return b"\n" if self.line_end == "cr" else b"\r"
