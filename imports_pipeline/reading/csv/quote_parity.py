"""Reads every line of a block twice, begun outside quotes and begun inside, by the running parity of quotes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.csv.dialect import CARRIAGE_RETURN, LINE_FEED, Dialect
from imports_pipeline.reading.csv.structural_index import Bytes, Flags, Lines, Offsets


class QuoteRules:
    """A dialect that has a quote, as numpy needs it: bytes, and which may stand beside a quote at an range_end."""

    def __init__(self, dialect: Dialect) -> None:
        """Make the tables of bytes."""
        self.delimiter, self.quote = ord(dialect.delimiter), ord(dialect.quote)
        self.escape = ord(dialect.escape) if dialect.escape else 0
        self.end = dialect.terminator[0]
        self.may_precede, self.may_follow = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
        self.may_precede[[self.delimiter, self.quote, self.end]] = True
        self.may_follow[[self.delimiter, self.quote, LINE_FEED, CARRIAGE_RETURN]] = True


class QuoteParity(NamedTuple):
    """Each line's two parity: begun outside quotes, as a record is, and begun inside (``_inside``).

    ``odd``: the line has an odd number of quotes. ``bad``: a quote stands where none may. ``delimiters``:
    delimiters outside quotes. ``all_delimiters``: delimiters in all. ``opens_first``: the first quote could open a
    cell, and could not close one.
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
        """Read every line both ways."""
        buffer, marks, kinds = lines.buffer, lines.structural, lines.structural_bytes
        is_quote = kinds == rules.quote
        if rules.escape and lines.flagged is not None:
            is_quote &= ~_escaped(buffer, rules.escape, marks)
        parity = np.bitwise_xor.accumulate(is_quote.view(np.uint8))
        after = parity[lines.line_end_index].astype(np.bool_)
        before = np.concatenate((np.zeros(1, np.bool_), after[:-1]))
        firsts = np.concatenate(([0], lines.line_end_index[:-1] + 1))
        at = np.flatnonzero(is_quote)
        places, opening = marks[at], parity[at].astype(np.bool_)
        previous = buffer[places - 1]
        if len(places) and places[0] == 0:
            previous[0] = rules.end
        following = buffer[np.minimum(places + 1, len(buffer) - 1)]
        if len(places) and places[-1] == len(buffer) - 1:
            following[-1] = rules.end
        opens = rules.may_precede[previous]
        closes = rules.may_follow[following]
        bad = _any_per_line(at, np.where(opening, ~opens, ~closes), len(marks), firsts)
        inverse = _any_per_line(at, np.where(opening, ~closes, ~opens), len(marks), firsts)
        is_gap = kinds == rules.delimiter
        all_delimiters = np.add.reduceat(is_gap.view(np.uint8), firsts, dtype=np.int64)
        is_gap &= parity == 0
        outside = np.add.reduceat(is_gap.view(np.uint8), firsts, dtype=np.int64)
        delimiters = np.where(before, all_delimiters - outside, outside)
        return cls(
            odd=before != after,
            bad=np.where(before, inverse, bad),
            bad_inside=np.where(before, bad, inverse),
            delimiters=delimiters,
            delimiters_inside=all_delimiters - delimiters,
            all_delimiters=all_delimiters,
            opens_first=_first_per_line(places, opens & ~closes, lines),
        )


def running(values: npt.NDArray[Any]) -> Offsets:
    """Return the sums before each place, and the total."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _first_per_line(places: Offsets, values: Flags, lines: Lines) -> Flags:
    """Return for each line the value of the first of ``places`` on it, ``False`` where there is none."""
    first = np.searchsorted(places, lines.starts)
    known = first < len(places)
    told = np.zeros(len(first), np.bool_)
    first = first[known]
    told[known] = values[first] & (places[first] < lines.stops[known])
    return told


def _any_per_line(at: Offsets, values: Flags, count: int, firsts: Offsets) -> Flags:
    """Spread ``values`` at the marks ``at`` over all marks, and tell of each line whether it has one."""
    spread = np.zeros(count, np.uint8)
    spread[at] = values
    return np.bitwise_or.reduceat(spread, firsts).astype(np.bool_)


def _escaped(buffer: Bytes, escape: int, marks: Offsets) -> Flags:
    """Return which marks stand behind an odd number of escapes."""
    places = np.flatnonzero(buffer == escape)
    begins = np.ones(len(places), np.bool_)
    begins[1:] = np.diff(places) != 1
    run_start = places[begins][np.cumsum(begins) - 1]
    escapes = places[(places - run_start) % 2 == 0]
    return np.isin(marks, escapes + 1)
