"""Indexes the structural bytes of a block (delimiters, quotes, line ends) in NumPy, and divides it into lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.csv.dialect import CARRIAGE_RETURN, LINE_FEED, Dialect

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


class Lines(NamedTuple):
    """The lines of a block, as its line terminator divides them. Offsets count from the block's beginning.

    Arrays have one value a line, except ``buffer``, ``structural``, ``structural_bytes`` and ``physical``. ``None``
    stands for an array in which no value is True.

    Attributes:
        buffer: The block's bytes.
        structural: The offsets of all delimiters, quotes and terminators.
        structural_bytes: The bytes at these offsets.
        line_end_index: The number of the line's terminator among the structural bytes.
        stops: The offset of the line's terminator.
        starts: The offset of the line's first byte.
        ends: The offset after the line's terminator.
        flagged: True if the reference parser must parse the line.
        garbled: True if it must do so only because of a NUL or undecodable bytes.
        blank: True if the line is empty.
        physical: The ends of all physical lines: the terminators, and the stray line ends that count.
    """

    buffer: Bytes
    structural: Offsets
    structural_bytes: Bytes
    line_end_index: Offsets
    stops: Offsets
    starts: Offsets
    ends: Offsets
    flagged: Flags | None
    garbled: Flags | None
    blank: Flags | None
    physical: Offsets


class LineFinder:
    """Finds the lines of blocks of one dialect. It reuses its scratch arrays for each block."""

    def __init__(self, dialect: Dialect, max_record_bytes: int) -> None:
        """Keep the structural bytes of the dialect, and the size limit of a record."""
        self._delimiter = ord(dialect.delimiter)
        self._quote, self._escape = dialect.quote.encode(), dialect.escape.encode()
        self._end = dialect.terminator[0]
        self._limit = max_record_bytes
        self._mask = np.zeros(0, np.bool_)
        self._equal = np.zeros(0, np.bool_)

    def find(self, data: bytes, complete: int, undecodable: Offsets, after_return: bool) -> Lines:
        """Return the lines of ``data[:complete]``.

        Args:
            data: A part of the file, in UTF-8.
            complete: The end of the last whole line, or of the file.
            undecodable: The offsets of bytes that are not text.
            after_return: True if the byte before ``data`` is a CR. An LF at its beginning then ends no line.
        """
        buffer = np.frombuffer(data, np.uint8, complete)
        if len(self._mask) < complete:
            self._mask = np.empty(complete, np.bool_)
            self._equal = np.empty(complete, np.bool_)
        mask, equal = self._mask[:complete], self._equal[:complete]
        np.equal(buffer, self._end, out=mask)
        for byte in (self._delimiter, *self._quote):
            np.equal(buffer, byte, out=equal)
            np.logical_or(mask, equal, out=mask)
        structural = np.flatnonzero(mask)
        kinds = buffer[structural]
        if complete and buffer[-1] != self._end:
            structural = np.append(structural, complete)
            kinds = np.append(kinds, np.uint8(self._end))
        line_end_index = np.flatnonzero(kinds == self._end)
        stops = structural[line_end_index]
        starts = np.concatenate(([0], stops[:-1] + 1))
        ends = np.minimum(stops + 1, complete)
        lengths = stops - starts
        strays, counted = self._strays(data, buffer, stops)
        flagged, garbled = self._flags(data, buffer, stops, lengths, undecodable, strays)
        blank = None
        if len(lengths) and int(lengths.min()) <= 1:
            blank = lengths == 0
            if self._end == LINE_FEED:
                blank |= (lengths == 1) & (buffer[starts.clip(max=complete - 1)] == CARRIAGE_RETURN)
        physical = ends
        if counted is not None:
            if after_return and self._end == CARRIAGE_RETURN and len(counted) and counted[0] == 0:
                counted = counted[1:]
            physical = np.sort(np.concatenate((ends, counted + 1)))
        return Lines(
            buffer, structural, kinds, line_end_index, stops, starts, ends, flagged, garbled, blank, physical
        )

    def _flags(
        self,
        data: bytes,
        buffer: Bytes,
        stops: Offsets,
        lengths: Offsets,
        undecodable: Offsets,
        strays: Offsets | None,
    ) -> tuple[Flags | None, Flags | None]:
        """Return ``Lines.flagged`` and ``Lines.garbled``."""
        complete = len(buffer)
        places: list[Offsets] = [] if strays is None else [strays]
        if self._escape and data.find(self._escape, 0, complete) >= 0:
            places.append(np.flatnonzero(buffer == self._escape[0]))
        garbling: list[Offsets] = []
        if len(undecodable):
            garbling.append(undecodable[undecodable < complete])
        if data.find(b"\0", 0, complete) >= 0:
            garbling.append(np.flatnonzero(buffer == 0))
        long = len(lengths) > 0 and int(lengths.max()) > self._limit
        if not places and not garbling and not long:
            return None, None
        flagged = lengths > self._limit
        for place in places:
            flagged[np.searchsorted(stops, place)] = True
        if not garbling:
            return flagged, None
        garbled = np.zeros(len(flagged), np.bool_)
        for place in garbling:
            garbled[np.searchsorted(stops, place)] = True
        return flagged | garbled, garbled & ~flagged

    def _strays(self, data: bytes, buffer: Bytes, stops: Offsets) -> tuple[Offsets | None, Offsets | None]:
        """Return the offsets of the line ends of the other kind, and of those that end a physical line."""
        complete = len(buffer)
        if self._end == CARRIAGE_RETURN:
            if data.find(b"\n", 0, complete) < 0:
                return None, None
            feeds = np.flatnonzero(buffer == LINE_FEED)
            alone = feeds[(feeds == 0) | (buffer[feeds - 1] != CARRIAGE_RETURN)]
            return feeds, alone
        returns = data.count(b"\r", 0, complete)
        if not returns:
            return None, None
        real = stops[(stops > 0) & (stops < complete)]
        if int(np.count_nonzero(buffer[real - 1] == CARRIAGE_RETURN)) == returns:
            return None, None
        places = np.flatnonzero(buffer == CARRIAGE_RETURN)
        after = np.append(buffer[1:], np.uint8(0))[places] if complete else buffer[:0]
        alone = places[after != LINE_FEED]
        return alone, alone
