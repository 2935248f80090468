"""Finds where a large text file may be cut into parts: behind line ends that are outside quotes.

A scan of quote parity and line ends in numpy, not a parse: it is right for every file whose quotes are, and a good
guess for others. Whether a place was right is known when the part before it has been read (``ByteRange.stop``), so a
wrong guess costs time and no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.csv.dialect import CARRIAGE_RETURN, LINE_FEED, Dialect
from imports_pipeline.reading.detection.encodings import Coding, SingleByte, Utf8, WideUnits

#: Small enough for a processor's cache: a block is gone through several times.
_BLOCK_BYTES: Final = 512 * 1024

Units = npt.NDArray[np.unsignedinteger]


class SplitPoint(NamedTuple):
    """Where a record begins: its offset in the original file, and its physical line from 1.

    ``after_return``: a CR stands before it, so that an LF there ends no line of its own.
    """

    byte_offset: int
    line: int
    after_return: bool = False


def split_points(
    source: BinaryIO, coding: Coding, dialect: Dialect, begin: SplitPoint, part_bytes: int
) -> Iterator[SplitPoint]:
    """Yield the places where parts of about ``part_bytes`` begin, ``begin`` first; it alone where none is certain.

    Reads ``source`` once, from ``begin`` to its end.
    """
    yield begin
    kind = unit_of(coding)
    if kind is None or dialect.escape:
        return
    scan = _Parity(dialect)
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
            place = SplitPoint(offset, line + scan.lines(units[:found]), dialect.terminator == b"\r")
            yield place
            wanted = place.byte_offset + part_bytes
        line += scan.lines(units)
        scan.move(units)
        at += units.nbytes
        # The scan may share the file with whoever reads what it found.
        source.seek(at)


def unit_of(coding: Coding) -> np.dtype[np.unsignedinteger] | None:
    """Return the unit in which quotes and line ends are themselves, or nothing where that is not so."""
    if isinstance(coding, Utf8):
        return np.dtype(np.uint8)
    if isinstance(coding, SingleByte):
        ascii_bytes = bytes(range(128))
        plain = coding.decoder().decode(ascii_bytes, True) == ascii_bytes.decode("ascii")
        return np.dtype(np.uint8) if plain else None
    if isinstance(coding, WideUnits):
        order = ">" if coding.name.endswith("be") else "<"
        return np.dtype(f"{order}u{2 if coding.name.startswith('utf-16') else 4}")
    return None


class _Parity:
    """What is known at the beginning of a block: whether it is inside quotes, and what unit stood before."""

    def __init__(self, dialect: Dialect) -> None:
        self._quote = ord(dialect.quote) if dialect.quote else None
        self._end = dialect.terminator[0]
        self._inside = 0
        self._last: int = 0

    def first(self, units: Units, wanted: int) -> int | None:
        """Return the first place from ``wanted`` on behind a line end outside quotes, where a line with text begins."""
        ends = np.flatnonzero(units[wanted:-1] == self._end) + wanted
        following = units[ends + 1]
        # A blank line is no record, and an LF behind a CR belongs to it.
        ends = ends[(following != LINE_FEED) & (following != CARRIAGE_RETURN)]
        if self._quote is not None and len(ends):
            quotes = np.flatnonzero(units == self._quote)
            before = np.searchsorted(quotes, ends) + self._inside
            ends = ends[before % 2 == 0]
        return int(ends[0]) + 1 if len(ends) else None

    def lines(self, units: Units) -> int:
        """Count the physical lines that end here: by LF, CR or both."""
        returns = units == CARRIAGE_RETURN
        count = int(np.count_nonzero(units == LINE_FEED))
        alone = int(np.count_nonzero(returns))
        if alone and len(units):
            count += alone - int(np.count_nonzero(returns[:-1] & (units[1:] == LINE_FEED)))
        if len(units) and self._last == CARRIAGE_RETURN and units[0] == LINE_FEED:
            count -= 1
        return count

    def move(self, units: Units) -> None:
        """Move on behind these units."""
        if self._quote is not None:
            self._inside = (self._inside + int(np.count_nonzero(units == self._quote))) % 2
        if len(units):
            self._last = int(units[-1])
