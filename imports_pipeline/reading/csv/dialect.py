"""A dialect: the characters that separate cells, quote them and end lines, once the text is UTF-8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LINE_FEED: Final = 10
CARRIAGE_RETURN: Final = 13


@dataclass(frozen=True)
class Dialect:
    r"""The dialect of a CSV file. Its characters are one ASCII character each; ``quote`` and ``escape`` may be empty.

    ``line_end`` is ``lf``, ``crlf`` or ``cr``. A file of LF or CRLF lines may mix the two; a lone CR in it,
    or an LF in a file of CR lines, is a *stray* line end (see ``reference_parser``).

    Example:
        >>> Dialect(delimiter=";", line_end="crlf").terminator
        b'\n'
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    line_end: str = "lf"

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for characters that could not be distinguished."""
        characters = [character for character in (self.delimiter, self.quote, self.escape) if character]
        if not self.delimiter or any(
            len(character) != 1 or not character.isascii() for character in characters
        ):
            raise ValueError("delimiter, quote and escape must be one ASCII character each")
        if len(set(characters)) != len(characters) or any(character in "\r\n\0" for character in characters):
            raise ValueError("delimiter, quote and escape must differ, and none can be a line end or NUL")

    @property
    def terminator(self) -> bytes:
        """The byte that ends a line: CR in a file of CR lines, LF otherwise."""
        return b"\r" if self.line_end == "cr" else b"\n"

    @property
    def stray(self) -> bytes:
        """The byte of the other line end: LF in a file of CR lines, CR otherwise."""
        return b"\n" if self.line_end == "cr" else b"\r"
