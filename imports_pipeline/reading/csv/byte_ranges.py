"""A stretch of a file: the records that begin in it, read as if all of the file were.

A record depends on nothing before it. So where a stretch begins with a record, its records are those of the whole
file; and the place at which it ``stop``s is where the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from imports_pipeline.reading.csv.record_finder import Records
from imports_pipeline.reading.csv.split_points import SplitPoint
from imports_pipeline.reading.csv.window import Window
from imports_pipeline.reading.detection.encodings import Coding, Offsets
from imports_pipeline.reading.records import RowBatch


class RangeEnd:
    """Where a stretch ends: no record that begins at this offset of the original, or behind it, is of it."""

    def __init__(self, byte_offset: int | None, coding: Coding) -> None:
        """Keep the offset; without one the stretch ends with the file."""
        self._at, self._coding = byte_offset, coding

    def reached(self, window: Window) -> bool:
        """Return whether the window is past all records of the stretch."""
        return self._at is not None and window.origin >= self._at

    def trim(self, window: Window, records: Records) -> Records:
        """Leave out the records behind the range_end."""
        if self._at is None:
            return records
        data = window.data
        reach = window.origin + int(self._coding.original(data, np.array([len(data)]))[0])
        if reach <= self._at:
            return records
        others = np.array([at for at, _ in records.others], np.int64)
        begins = np.sort(np.concatenate((records.starts, records.miscounted, records.garbled, others)))
        behind = int(np.searchsorted(window.origin + self._coding.original(data, begins), self._at))
        if behind == len(begins):
            return records
        stop = int(begins[behind])

        def kept(starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
            count = int(np.searchsorted(starts, stop))
            return starts[:count], ends[:count]

        return Records(
            *kept(records.starts, records.ends),
            *kept(records.miscounted, records.miscounted_ends),
            *kept(records.garbled, records.garbled_ends),
            [(at, result) for at, result in records.others if at < stop],
            stop,
            records.lines,
        )


class ByteRange:
    """The rows and malformed records of a stretch; read it once, to its end."""

    def __init__(self, window: Window, batches: Callable[[], Iterator[RowBatch]]) -> None:
        """Keep how to read it."""
        self._window, self._batches = window, batches

    def batches(self) -> Iterator[RowBatch]:
        """Read it, in file order."""
        return self._batches()

    def through(self, change: Callable[[Iterator[RowBatch]], Iterator[RowBatch]]) -> ByteRange:
        """Return the same stretch with its batches changed."""
        return ByteRange(self._window, lambda: change(self._batches()))

    @property
    def stop(self) -> SplitPoint:
        """Where the next record begins, once this is read; the file's end where there is none."""
        return self._window.position
