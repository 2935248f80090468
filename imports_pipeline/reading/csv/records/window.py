"""A window of UTF-8 text that moves forward over a file and keeps its place in the original bytes."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

import numpy as np

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.records.split_points import SplitPoint
from imports_pipeline.reading.detection.encodings import Encoding

#: The size of a block: small enough for the processor's caches, large enough for pyarrow's fixed cost to be small.
BLOCK_BYTES: Final = 2 * 1024 * 1024
_ANY_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class Window:
    """A part of a file.

    Attributes:
        data: The text, in UTF-8.
        origin: The offset in the original file at which ``data`` begins.
        line: The physical line at which ``data`` begins.
        after_return: True if the byte before ``data`` is a CR.
        final: True if ``data`` ends with the file.
    """

    def __init__(
        self,
        source: BinaryIO,
        encoding: Encoding,
        dialect: Dialect,
        block_bytes: int,
        begin: SplitPoint | None = None,
    ) -> None:
        """Begin at ``begin``, or at the top of ``source`` after its byte-order mark. Nothing is read yet."""
        self._source, self._encoding, self._block_bytes = source, encoding, block_bytes
        self._end = dialect.terminator
        self._other_end = dialect.stray
        self._decoder = encoding.decoder()
        self.origin, self.line, self.after_return = begin or SplitPoint(encoding.signature, 1)
        self._at = self.origin
        self.data = b""
        self.final = False

    def more(self) -> None:
        """Read another block. It is at least as long as ``data``, so that a long record takes few reads."""
        self._source.seek(self._at)
        chunk = self._source.read(max(self._block_bytes, len(self.data)))
        self._at += len(chunk)
        self.final = not chunk
        if self._decoder is not None:
            chunk = self._decoder.decode(chunk, self.final).encode()
        self.data = b"".join((self.data, chunk)) if self.data else chunk

    @property
    def position(self) -> SplitPoint:
        """The place in the original file at which ``data`` begins."""
        return SplitPoint(self.origin, self.line, self.after_return)

    @property
    def complete(self) -> int:
        """The number of bytes of ``data`` that are whole physical lines."""
        return len(self.data) if self.final else self.data.rfind(self._end) + 1

    def drop(self, count: int, lines: int) -> None:
        """Advance by ``count`` bytes of text, in which ``lines`` physical lines end."""
        if not count:
            return
        self.origin += int(self._encoding.original_offsets(self.data[:count], np.array([count]))[0])
        self.line += lines
        self.after_return = self.data[count - 1] == 13
        self.data = self.data[count:]

    def skip_lines(self, count: int) -> None:
        """Advance by ``count`` physical lines, with any line end, or to the end of the file."""
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
        """Advance past the current line without holding it in memory, however long it is."""
        lines, last_return = 0, False
        if self._end == b"\r" and self.after_return and self.data.startswith(b"\n"):
            lines -= 1
        while True:
            at = self.data.find(self._end)
            piece = self.data if at < 0 else self.data[:at]
            lines += piece.count(self._other_end)
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
