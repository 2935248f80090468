"""Determines what is inside quotes by the parity of the quotes before it, for all lines of a block at once.

Every line is evaluated twice: as if it began outside quotes, and as if it began inside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.csv.dialect import CARRIAGE_RETURN, LINE_FEED, Dialect
from imports_pipeline.reading.csv.records.structural_index import Bytes, Flags, Lines, Offsets


class QuoteRules:
    """The bytes of a dialect that has a quote, and the bytes that may stand beside a quote at a cell's edge."""

    def __init__(self, dialect: Dialect) -> None:
        """Build the lookup tables, one entry a byte."""
        self.delimiter, self.quote = ord(dialect.delimiter), ord(dialect.quote)
        self.escape = ord(dialect.escape) if dialect.escape else 0
        self.end = dialect.terminator[0]
        self.may_precede, self.may_follow = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
        self.may_precede[[self.delimiter, self.quote, self.end]] = True
        self.may_follow[[self.delimiter, self.quote, LINE_FEED, CARRIAGE_RETURN]] = True


class QuoteParity(NamedTuple):
    """Each line, evaluated as if it began outside quotes, and as if it began inside (``_inside``).

    Attributes:
        odd: True if the line has an odd number of quotes.
        bad: True if a quote stands where none may.
        bad_inside: The same for a line that begins inside quotes.
        delimiters: The number of delimiters outside quotes.
        delimiters_inside: The same for a line that begins inside quotes.
        all_delimiters: The number of delimiters in all.
        opens_first: True if the first quote could open a cell, and could not close one.
    """

    odd: Flags
    bad: Flags
    bad_inside: Flags
    delimiters: Offsets
    delimiters_inside: Offsets
    all_delimiters: Offsets
    opens_first: Flags

    @classmethod
    def of(cls, lines: Lines, rules: QuoteRules) -> QuoteParity:
        """Evaluate every line both ways."""
        buffer, offsets, kinds = lines.buffer, lines.structural, lines.structural_bytes
        is_quote = kinds == rules.quote
        if rules.escape and lines.flagged is not None:
            is_quote &= ~_escaped(buffer, rules.escape, offsets)
        parity = np.bitwise_xor.accumulate(is_quote.view(np.uint8))
        after = parity[lines.line_end_index].astype(np.bool_)
        before = np.concatenate((np.zeros(1, np.bool_), after[:-1]))
        firsts = np.concatenate(([0], lines.line_end_index[:-1] + 1))
        at = np.flatnonzero(is_quote)
        quotes, opening = offsets[at], parity[at].astype(np.bool_)
        previous = buffer[quotes - 1]
        if len(quotes) and quotes[0] == 0:
            previous[0] = rules.end
        following = buffer[np.minimum(quotes + 1, len(buffer) - 1)]
        if len(quotes) and quotes[-1] == len(buffer) - 1:
            following[-1] = rules.end
        opens = rules.may_precede[previous]
        closes = rules.may_follow[following]
        bad = _any_per_line(at, np.where(opening, ~opens, ~closes), len(offsets), firsts)
        inverse = _any_per_line(at, np.where(opening, ~closes, ~opens), len(offsets), firsts)
        is_delimiter = kinds == rules.delimiter
        all_delimiters = np.add.reduceat(is_delimiter.view(np.uint8), firsts, dtype=np.int64)
        is_delimiter &= parity == 0
        outside = np.add.reduceat(is_delimiter.view(np.uint8), firsts, dtype=np.int64)
        delimiters = np.where(before, all_delimiters - outside, outside)
        return cls(
            odd=before != after,
            bad=np.where(before, inverse, bad),
            bad_inside=np.where(before, bad, inverse),
            delimiters=delimiters,
            delimiters_inside=all_delimiters - delimiters,
            all_delimiters=all_delimiters,
            opens_first=_first_per_line(quotes, opens & ~closes, lines),
        )


def cumulative(values: npt.NDArray[Any]) -> Offsets:
    """Return the sum of the values before each place, and at the end the sum of all: one value more than given."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _first_per_line(offsets: Offsets, values: Flags, lines: Lines) -> Flags:
    """Return for each line the value at the first of ``offsets`` on it; False for a line that has none."""
    first = np.searchsorted(offsets, lines.starts)
    known = first < len(offsets)
    found = np.zeros(len(first), np.bool_)
    first = first[known]
    found[known] = values[first] & (offsets[first] < lines.stops[known])
    return found


def _any_per_line(at: Offsets, values: Flags, count: int, firsts: Offsets) -> Flags:
    """Return for each line True if any of its structural bytes has a true value.

    Args:
        at: The structural bytes that have a value, by number.
        values: Their values; all other structural bytes count as False.
        count: The number of all structural bytes.
        firsts: The number of each line's first structural byte.
    """
    spread = np.zeros(count, np.uint8)
    spread[at] = values
    return np.bitwise_or.reduceat(spread, firsts).astype(np.bool_)


def _escaped(buffer: Bytes, escape: int, offsets: Offsets) -> Flags:
    """Return True for each of ``offsets`` that stands behind an odd number of escapes."""
    places = np.flatnonzero(buffer == escape)
    begins = np.ones(len(places), np.bool_)
    begins[1:] = np.diff(places) != 1
    run_start = places[begins][np.cumsum(begins) - 1]
    escapes = places[(places - run_start) % 2 == 0]
    return np.isin(offsets, escapes + 1)
