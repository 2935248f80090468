"""A file as a window of UTF-8 text that moves forward: reads blocks, keeps the place in the original."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

import numpy as np

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.split_points import SplitPoint
from imports_pipeline.reading.detection.encodings import Coding

#: About how much of the file is looked at at once: fits the processor's caches, pays pyarrow's fixed cost.
BLOCK_BYTES: Final = 2 * 1024 * 1024
_ANY_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class Window:
    """The text at hand, ``data``, which begins at the original offset ``origin`` on physical line ``line``.

    ``final``: ``data`` ends with the file.
    """

    def __init__(
        self,
        source: BinaryIO,
        coding: Coding,
        dialect: Dialect,
        block_bytes: int,
        begin: SplitPoint | None = None,
    ) -> None:
        """Begin at the top of ``source``, after its byte-order mark, or where a record begins."""
        self._source, self._coding, self._block_bytes = source, coding, block_bytes
        self._end = dialect.terminator
        self._stray = dialect.stray
        self._decoder = coding.decoder()
        self.origin, self.line, self.after_return = begin or SplitPoint(coding.signature, 1)
        self._at = self.origin
        self.data = b""
        self.final = False

    def more(self) -> None:
        """Read another block (as much again as is at hand, if that is more)."""
        self._source.seek(self._at)
        chunk = self._source.read(max(self._block_bytes, len(self.data)))
        self._at += len(chunk)
        self.final = not chunk
        if self._decoder is not None:
            chunk = self._decoder.decode(chunk, self.final).encode()
        self.data = b"".join((self.data, chunk)) if self.data else chunk

    @property
    def position(self) -> SplitPoint:
        """Where ``data`` begins in the original."""
        return SplitPoint(self.origin, self.line, self.after_return)

    @property
    def complete(self) -> int:
        """How much of ``data`` is whole physical lines."""
        return len(self.data) if self.final else self.data.rfind(self._end) + 1

    def drop(self, count: int, lines: int) -> None:
        """Move on by ``count`` bytes of text, which end ``lines`` physical lines."""
        if not count:
            return
        self.origin += int(self._coding.original(self.data[:count], np.array([count]))[0])
        self.line += lines
        self.after_return = self.data[count - 1] == 13
        self.data = self.data[count:]

    def skip_lines(self, count: int) -> None:
        """Move past ``count`` physical lines, whatever ends them, or to the end of the file."""
        while count:
            match = _ANY_LINE_END.search(self.data)
            if (match is None or match.end() == len(self.data)) and not self.final:
                if match is None and len(self.data) > self._block_bytes:
                    self.drop(len(self.data) - 1, 0)
                self.more()
                continue
            self.drop(match.end() if match else len(self.data), 1)
            count -= 1

    def skip_line(self) -> None:
        """Move past the line at hand, however long it is, without keeping it."""
        lines, last_return = 0, False
        if self._end == b"\r" and self.after_return and self.data.startswith(b"\n"):
            lines -= 1
        while True:
            at = self.data.find(self._end)
            piece = self.data if at < 0 else self.data[:at]
            lines += piece.count(self._stray)
            last_return = piece.endswith(b"\r") if piece else last_return
            if at >= 0:
                ends_crlf = self._end == b"\n" and last_return
                self.drop(at + 1, lines + 1 - ends_crlf)
                return
            self.drop(len(self.data), 0)
            if self.final:
                self.line += lines
                return
            self.more()
