"""Byte ranges of a file: the records that begin in a range are the same as when the whole file is read.

A record does not depend on the records before it. A range that begins with a record therefore has the whole file's
records, and the next range must begin where the last record of this one ends (``ByteRange.stop``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from imports_pipeline.reading.csv.records.record_finder import Records
from imports_pipeline.reading.csv.records.split_points import SplitPoint
from imports_pipeline.reading.csv.records.window import Window
from imports_pipeline.reading.detection.encodings import Encoding, Offsets
from imports_pipeline.reading.records import RowBatch


class RangeEnd:
    """The end of a byte range: an offset in the original file. The range has only records that begin before it."""

    def __init__(self, byte_offset: int | None, encoding: Encoding) -> None:
        """Keep the offset; ``None`` means the end of the file."""
        self._at, self._encoding = byte_offset, encoding

    def reached(self, window: Window) -> bool:
        """Return True if the window is past all records of the range."""
        return self._at is not None and window.origin >= self._at

    def trim(self, window: Window, records: Records) -> Records:
        """Return the records without those that begin at or after the end of the range."""
        if self._at is None:
            return records
        data = window.data
        reach = window.origin + int(self._encoding.original_offsets(data, np.array([len(data)]))[0])
        if reach <= self._at:
            return records
        others = np.array([at for at, _ in records.others], np.int64)
        begins = np.sort(np.concatenate((records.starts, records.miscounted, records.garbled, others)))
        after = int(np.searchsorted(window.origin + self._encoding.original_offsets(data, begins), self._at))
        if after == len(begins):
            return records
        stop = int(begins[after])

        def before_stop(starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
            count = int(np.searchsorted(starts, stop))
            return starts[:count], ends[:count]

        return Records(
            *before_stop(records.starts, records.ends),
            *before_stop(records.miscounted, records.miscounted_ends),
            *before_stop(records.garbled, records.garbled_ends),
            [(at, result) for at, result in records.others if at < stop],
            stop,
            records.lines,
        )


class ByteRange:
    """The rows and malformed records of a byte range. It can be read once, to its end."""

    def __init__(self, window: Window, batches: Callable[[], Iterator[RowBatch]]) -> None:
        """Keep the window and the function that reads from it."""
        self._window, self._batches = window, batches

    def batches(self) -> Iterator[RowBatch]:
        """Yield the range's batches in file order."""
        return self._batches()

    def through(self, change: Callable[[Iterator[RowBatch]], Iterator[RowBatch]]) -> ByteRange:
        """Return the same range with its batches changed by ``change``."""
        return ByteRange(self._window, lambda: change(self._batches()))

    @property
    def stop(self) -> SplitPoint:
        """The place at which the next record begins, or the end of the file. Valid after the range was read."""
        return self._window.position
