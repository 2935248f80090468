"""What the corrections of text files and of workbooks share."""

from __future__ import annotations

from typing import IO, Final

_CHUNK: Final = 1 << 20


class InvalidCorrection(ValueError):
    """A row cannot be corrected like this; the message says why, and what to do."""

    def __init__(self, line: int, reason: str, column: str | None = None) -> None:
        """Keep the line of the row, the reason, and the header of the cell if it is one cell."""
        super().__init__(reason)
        self.line = line
        self.reason = reason
        self.column = column


def copy_range(source: IO[bytes], begin: int, end: int | None, out: IO[bytes]) -> None:
    """Copy the bytes from ``begin`` to ``end``, or to the end of the file, in pieces."""
    source.seek(begin)
    left = -1 if end is None else end - begin
    while left:
        chunk = source.read(_CHUNK if left < 0 else min(_CHUNK, left))
        if not chunk:
            return
        out.write(chunk)
        left -= len(chunk) if left > 0 else 0
