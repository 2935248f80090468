"""Finds the plain records of a whole block at once, in numpy, and has the reference_parser reader decide the rest.

A record is *plain* when its cells are as many as the header's, its quotes stand only at cell borders or
doubled, and it holds no NUL, no undecodable byte, no stray line end and no backslash escape. The results
are those of ``reference_parser`` for every record (a property test holds the two equal); this module only reaches
them without a loop over rows.

How: the marks (delimiters, quotes, line ends) are gathered into one compact array. The running parity of
quotes tells inside from outside. Parity is cut at line starts, so that each physical line has two parity,
begun *outside* and begun *inside* quotes, and a bad quote spoils only its own record: lines with an odd
number of quotes pair up to records of several lines, and where a pair does not hold, the reference_parser reader says
where the next record starts and pairing goes on from there.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np

from imports_pipeline.reading.csv.parse_result import ParseResult
from imports_pipeline.reading.csv.quote_parity import QuoteParity, QuoteRules, running
from imports_pipeline.reading.csv.reference_parser import (
    SWALLOWED_LINES,
    SWALLOWED_WIDTH,
    ReferenceParser,
)
from imports_pipeline.reading.csv.structural_index import Flags, LineFinder, Lines, Offsets

_NONE: Final[Offsets] = np.zeros(0, np.int64)


class Records(NamedTuple):
    """What a block holds. Offsets count in the block; all arrays ascend.

    ``starts`` and ``ends`` (after the line end) are the plain records'. ``miscounted`` are starts of
    records whose only error is their number of cells, ``miscounted_ends`` their ends. ``garbled`` are starts of
    records of one line, well formed, that hold a NUL or bytes that are no text. ``others``
    are the reference_parser reader's results by start. ``consumed``: the records up to here are told. ``lines`` are
    the ends of the block's physical lines: every line terminator, and every stray line end that counts.
    """

    starts: Offsets
    ends: Offsets
    miscounted: Offsets
    miscounted_ends: Offsets
    garbled: Offsets
    garbled_ends: Offsets
    others: list[tuple[int, ParseResult]]
    consumed: int
    lines: Offsets


class _Text(NamedTuple):
    """What is being settled; ``undecodable`` are the offsets of bytes that are no text."""

    data: bytes
    final: bool
    undecodable: list[int]
    lines: Lines


class RecordFinder:
    """Finds records of one dialect and width in blocks of UTF-8."""

    def __init__(self, parser: ReferenceParser) -> None:
        """Take dialect, width and size limit from the reference_parser reader."""
        self.parser = parser
        dialect = parser.dialect
        self._delimiters = parser.width - 1
        self._quote = dialect.quote.encode()
        self._quote_rules = QuoteRules(dialect) if dialect.quote else None
        self._lines = LineFinder(dialect, parser.limit)

    def find(
        self, data: bytes, complete: int, final: bool, undecodable: Offsets, after_return: bool = False
    ) -> Records:
        """Return the records of ``data[:complete]``, whole lines, or everything there is if ``final``.

        ``data`` begins with a record; ``after_return`` says that the byte before it is a CR, so that an LF
        at its beginning ends no line. Records that may go on after ``data`` are left (``consumed``).
        """
        lines = self._lines.find(data, complete, undecodable, after_return)
        block = _Text(data, final, undecodable.tolist(), lines)
        if self._quote_rules is not None and data.find(self._quote, 0, complete) >= 0:
            parity = QuoteParity.of(lines, self._quote_rules)
            if parity.odd.any():
                return self._find_multiline(block, parity)
            return self._find_single_lines(block, parity.delimiters == self._delimiters, ~parity.bad)
        counts = np.diff(lines.line_end_index, prepend=-1) - 1
        return self._find_single_lines(block, counts == self._delimiters, np.ones(len(counts), np.bool_))

    def _find_single_lines(self, block: _Text, right: Flags, sound: Flags) -> Records:
        """Settle a block in which every line is a record."""
        lines = block.lines
        wrong = ~right
        if lines.blank is not None:
            right &= ~lines.blank
            wrong &= ~lines.blank
        odd = ~sound
        garbled = np.zeros(len(odd), np.bool_) if lines.garbled is None else lines.garbled & sound
        if lines.flagged is not None:
            odd |= lines.flagged
            if lines.blank is not None:
                odd &= ~lines.blank
        plain = right & ~odd
        counted = wrong & ~odd
        odd &= ~garbled
        others: list[tuple[int, ParseResult]] = []
        if odd.any():
            none = np.zeros(len(odd), np.bool_)
            others = self._parse_lines(block, odd, none)
        consumed = int(lines.ends[-1]) if len(lines.ends) else 0
        return Records(
            lines.starts[plain],
            lines.ends[plain],
            lines.starts[counted],
            lines.ends[counted],
            lines.starts[garbled],
            lines.ends[garbled],
            others,
            consumed,
            lines.physical,
        )

    def _find_multiline(self, block: _Text, parity: QuoteParity) -> Records:
        """Settle a block in which records span lines, or seem to."""
        data, final, known, lines = block
        count = len(lines.starts)
        flagged = lines.flagged if lines.flagged is not None else np.zeros(count, np.bool_)
        odd = np.flatnonzero(parity.odd)
        first, last = odd[:-1], odd[1:]
        holds, fits = self._pairs_hold(lines, parity, flagged, first, last)
        chain = _PairSequence(holds)
        covered = np.zeros(count + 1, np.int64)
        stop_line, consumed = count, int(lines.ends[-1])
        others: list[tuple[int, ParseResult]] = []
        spoiled = (parity.bad & ~flagged)[odd].tolist()
        # The quote is met again on a line that, by itself, begins a record well: it was never closed.
        left_open = self._left_open(lines, parity, flagged, odd)
        is_open = np.zeros(count, np.bool_)
        odd_lines, pairs, at = odd.tolist(), [], 0
        while True:
            failing = chain.next_failing(at)
            if failing > at:
                pairs.append(np.arange(at, min(failing, len(odd) - 1), 2))
            if failing >= len(odd_lines):
                break
            line = odd_lines[failing]
            if spoiled[failing] or left_open[failing]:
                is_open[line] = not spoiled[failing]
                at = failing + 1
                continue
            start = int(lines.starts[line])
            result = self.parser.read(data, start, final, known)
            if result.end < 0:
                stop_line, consumed = line, start
                break
            next_line = int(np.searchsorted(lines.starts, result.end))
            others.append((start, result))
            covered[line] += 1
            covered[next_line] -= 1
            at = bisect_left(odd_lines, next_line, failing)
        good = np.concatenate(pairs) if pairs else _NONE
        ends = lines.ends.copy()
        ends[first[good]] = lines.ends[last[good]]
        covered[first[good] + 1] += 1
        covered[last[good] + 1] -= 1
        single = np.cumsum(covered[:-1]) == 0
        single[stop_line:] = False
        is_pair = np.zeros(count, np.bool_)
        is_pair[first[good]] = True
        single &= ~is_pair
        if lines.blank is not None:
            single &= ~lines.blank
        sound = single & ~parity.odd & ~parity.bad
        garbled = sound & lines.garbled if lines.garbled is not None else np.zeros(count, np.bool_)
        sound &= ~flagged
        right = parity.delimiters == self._delimiters
        right[first] = np.where(is_pair[first], fits, right[first])
        plain = (sound | is_pair) & right
        counted = (sound | is_pair) & ~right
        others += self._parse_lines(block, single & ~sound & ~garbled, is_open)
        others.sort(key=_by_start)
        return Records(
            lines.starts[plain],
            ends[plain],
            lines.starts[counted],
            ends[counted],
            lines.starts[garbled],
            lines.ends[garbled],
            others,
            consumed,
            lines.physical,
        )

    def _parse_lines(self, block: _Text, which: Flags, is_open: Flags) -> list[tuple[int, ParseResult]]:
        """Have the reference_parser reader judge single lines, by what is known of them already."""
        data, final, known, lines = block
        parser, parsed = self.parser, []
        flagged = lines.flagged if lines.flagged is not None else np.zeros(len(which), np.bool_)
        spans = zip(
            lines.starts[which].tolist(),
            lines.stops[which].tolist(),
            lines.ends[which].tolist(),
            is_open[which].tolist(),
            flagged[which].tolist(),
            strict=True,
        )
        for start, stop, end, opened, other in spans:
            if opened:
                result = ParseResult(end, [], parser.unclosed_quote(data, start, stop))
            elif other:
                result = parser.read(data, start, final, known)
            else:
                result = parser.read_misplaced_quote(data, start, stop, final)
            parsed.append((start, result))
        return parsed

    def _left_open(self, lines: Lines, parity: QuoteParity, flagged: Flags, odd: Offsets) -> list[bool]:
        """Return of each odd line whether the quote it opens was certainly never closed.

        That is so when the first line, after it, on which a quote goes wrong begins a record well by itself,
        or when its first quote, the one that goes wrong, opens a cell there: ``reference_parser`` says why.
        """
        wrong = np.append(np.flatnonzero(parity.bad_inside), len(flagged))
        at = wrong[np.searchsorted(wrong, odd + 1)]
        until = np.append(odd[1:], len(flagged) - 1)
        opened: Flags = ~parity.bad[odd] & (at <= until)
        at = np.minimum(at, len(flagged) - 1)
        begins = ~parity.bad & (parity.odd | (parity.delimiters == self._delimiters))
        flags = running(flagged)
        opened &= (begins | parity.opens_first)[at]
        opened &= flags[at + 1] == flags[odd]
        opened &= lines.stops[at] - lines.starts[odd] < self.parser.limit
        return opened.tolist()

    def _pairs_hold(
        self, lines: Lines, parity: QuoteParity, flagged: Flags, first: Offsets, last: Offsets
    ) -> tuple[Flags, Flags]:
        """Return of each pair of neighbouring odd lines whether it is a well-formed record, and of what width.

        Gives which pairs begin and end such a record, and which of these have the header's width.
        """
        bad, delimiters, flags = (running(x) for x in (parity.bad_inside, parity.delimiters_inside, flagged))
        holds: Flags = ~parity.bad[first]
        holds &= bad[last + 1] == bad[first + 1]
        fits: Flags = (
            parity.delimiters[first] + delimiters[last + 1] - delimiters[first + 1] == self._delimiters
        )
        holds &= flags[last + 1] == flags[first]
        holds &= lines.stops[last] - lines.starts[first] < self.parser.limit
        if self._delimiters + 1 >= SWALLOWED_WIDTH:
            full = running(parity.all_delimiters >= self._delimiters)
            inner = last - first - 1
            holds &= (inner < SWALLOWED_LINES) | (full[last] - full[first + 1] < inner)
        return holds, fits


class _PairSequence:
    """The pairs of odd lines that do not hold, so that the next one on a way of every second is found fast."""

    def __init__(self, holds: Flags) -> None:
        """Sort the failing pairs by the way (even or odd) they lie on; the last odd line has no pair."""
        self._count = len(holds) + 1
        failing = np.append(np.flatnonzero(~holds), self._count - 1)
        self._ways = [failing[failing % 2 == way].tolist() for way in (0, 1)]

    def next_failing(self, at: int) -> int:
        """Return the first failing pair among ``at``, ``at + 2``, …, or a number past the last."""
        way = self._ways[at % 2]
        index = bisect_left(way, at)
        return way[index] if index < len(way) else self._count + (self._count - at) % 2


def _by_start(item: tuple[int, ParseResult]) -> int:
    return item[0]
