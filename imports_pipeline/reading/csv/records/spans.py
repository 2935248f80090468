"""Where the records of a block are in the original file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from imports_pipeline.reading.csv.records.record_finder import Records
from imports_pipeline.reading.csv.records.window import Window
from imports_pipeline.reading.detection.encodings import Encoding, Offsets


class Spans(NamedTuple):
    """The places of records, in file order.

    Attributes:
        line: The physical line at which each record starts, from 1.
        begin: The offset in the original file at which it starts.
        end: The offset after its line end.
    """

    line: Offsets
    begin: Offsets
    end: Offsets


def spans_of(window: Window, records: Records, encoding: Encoding) -> Spans:
    """Return the places of the records that were found in a window, without blank lines."""
    starts: list[int] = []
    ends: list[int] = []
    for at, result in records.others:
        # Stray line ends may separate several rows. A line with neither rows nor an error is blank.
        if result.rows or result.error is not None:
            places = [place for place, _ in result.rows] or [at]
            starts += places
            ends += [*places[1:], result.end]
    begin = np.concatenate((records.starts, records.miscounted, records.garbled, np.array(starts, np.int64)))
    end = np.concatenate(
        (records.ends, records.miscounted_ends, records.garbled_ends, np.array(ends, np.int64))
    )
    order = np.argsort(begin)
    begin, end = begin[order], end[order]
    return Spans(
        window.line + np.searchsorted(records.lines, begin, "right"),
        window.origin + encoding.original_offsets(window.data, begin),
        window.origin + encoding.original_offsets(window.data, end),
    )


def span(line: int, begin: int, end: int) -> Spans:
    """Return the place of one record."""
    return Spans(*(np.array([one], np.int64) for one in (line, begin, end)))
