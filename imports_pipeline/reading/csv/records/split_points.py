"""Finds where a large text file can be split into parts: after line ends that are outside quotes.

It scans quotes and line ends in NumPy and does not parse. The result is right for every file whose quotes are right,
and a good guess for others. Reading the part before a split point shows if it was right
(``ByteRange.stop``), so a wrong guess costs time but no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.csv.dialect import CARRIAGE_RETURN, LINE_FEED, Dialect
from imports_pipeline.reading.detection.encodings import Encoding, SingleByte, Utf8, WideUnits

# Small enough for a processor's cache, because a block is scanned several times.
_BLOCK_BYTES: Final = 512 * 1024

Units = npt.NDArray[np.unsignedinteger]


class SplitPoint(NamedTuple):
    """The place at which a record begins.

    Attributes:
        byte_offset: Its offset in the original file.
        line: Its physical line, from 1.
        after_return: True if the byte before it is a CR. An LF at this place then ends no line of its own.
    """

    byte_offset: int
    line: int
    after_return: bool = False


def split_points(
    source: BinaryIO, encoding: Encoding, dialect: Dialect, begin: SplitPoint, part_bytes: int
) -> Iterator[SplitPoint]:
    """Yield the places where parts of about ``part_bytes`` begin: ``begin`` first, and no other if none is certain.

    ``source`` is read once, from ``begin`` to its end.
    """
    yield begin
    kind = unit_type(encoding)
    if kind is None or dialect.escape:
        return
    scan = _QuoteScan(dialect)
    source.seek(begin.byte_offset)
    at, line, wanted = begin.byte_offset, begin.line, begin.byte_offset + part_bytes
    while block := source.read(_BLOCK_BYTES):
        units = np.frombuffer(block, kind, len(block) // kind.itemsize)
        if not len(units):
            return
        while wanted < at + units.nbytes:
            found = scan.first(units, max(0, wanted - at) // kind.itemsize)
            if found is None:
                break
            offset = at + found * kind.itemsize
            point = SplitPoint(offset, line + scan.lines(units[:found]), dialect.terminator == b"\r")
            yield point
            wanted = point.byte_offset + part_bytes
        line += scan.lines(units)
        scan.advance(units)
        at += units.nbytes
        # The caller may read the parts from the same file object meanwhile.
        source.seek(at)


def unit_type(encoding: Encoding) -> np.dtype[np.unsignedinteger] | None:
    """Return the data type of the encoding's unit, or ``None`` if quotes and line ends are not always one unit."""
    if isinstance(encoding, Utf8):
        return np.dtype(np.uint8)
    if isinstance(encoding, SingleByte):
        ascii_bytes = bytes(range(128))
        plain = encoding.decoder().decode(ascii_bytes, True) == ascii_bytes.decode("ascii")
        return np.dtype(np.uint8) if plain else None
    if isinstance(encoding, WideUnits):
        order = ">" if encoding.name.endswith("be") else "<"
        return np.dtype(f"{order}u{2 if encoding.name.startswith('utf-16') else 4}")
    return None


class _QuoteScan:
    """The state at the beginning of a block: if it is inside quotes, and the unit before it."""

    def __init__(self, dialect: Dialect) -> None:
        self._quote = ord(dialect.quote) if dialect.quote else None
        self._end = dialect.terminator[0]
        self._inside = 0
        self._last: int = 0

    def first(self, units: Units, wanted: int) -> int | None:
        """Return the first place from ``wanted`` at which a line with text begins outside quotes, or ``None``."""
        ends = np.flatnonzero(units[wanted:-1] == self._end) + wanted
        following = units[ends + 1]
        # A blank line is not a record, and an LF after a CR belongs to the same line end.
        ends = ends[(following != LINE_FEED) & (following != CARRIAGE_RETURN)]
        if self._quote is not None and len(ends):
            quotes = np.flatnonzero(units == self._quote)
            before = np.searchsorted(quotes, ends) + self._inside
            ends = ends[before % 2 == 0]
        return int(ends[0]) + 1 if len(ends) else None

    def lines(self, units: Units) -> int:
        """Return the number of physical lines that end in these units, by LF, CR or both."""
        returns = units == CARRIAGE_RETURN
        count = int(np.count_nonzero(units == LINE_FEED))
        alone = int(np.count_nonzero(returns))
        if alone and len(units):
            count += alone - int(np.count_nonzero(returns[:-1] & (units[1:] == LINE_FEED)))
        if len(units) and self._last == CARRIAGE_RETURN and units[0] == LINE_FEED:
            count -= 1
        return count

    def advance(self, units: Units) -> None:
        """Advance the state to the end of these units."""
        if self._quote is not None:
            self._inside = (self._inside + int(np.count_nonzero(units == self._quote))) % 2
        if len(units):
            self._last = int(units[-1])
