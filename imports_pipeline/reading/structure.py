"""Finds the plain records of a whole block at once, in numpy, and has the careful reader decide the rest.

A record is *plain* when its cells are as many as the header's, its quotes stand only at cell borders or
doubled, and it holds no NUL, no undecodable byte, no stray line end and no backslash escape. The verdicts
are those of ``careful`` for every record (a property test holds the two equal); this module only reaches
them without a loop over rows.

How: the marks (delimiters, quotes, line ends) are gathered into one compact array. The running parity of
quotes tells inside from outside. Parity is cut at line starts, so that each physical line has two readings,
begun *outside* and begun *inside* quotes, and a bad quote spoils only its own record: lines with an odd
number of quotes pair up to records of several lines, and where a pair does not hold, the careful reader says
where the next record starts and pairing goes on from there.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from imports_pipeline.reading.careful import SWALLOWED_LINES, SWALLOWED_WIDTH, Tokenizer, Verdict
from imports_pipeline.reading.dialects import CARRIAGE_RETURN, LINE_FEED

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_Bytes = npt.NDArray[np.uint8]
_NONE: Final[Offsets] = np.zeros(0, np.int64)


class Records(NamedTuple):
    """What a block holds. Offsets count in the block; all arrays ascend.

    ``starts`` and ``ends`` (after the line end) are the plain records'. ``miscounted`` are starts of
    single-line records whose only fault is their number of cells, ``miscounted_ends`` their ends. ``others``
    are the careful reader's verdicts by start. ``consumed``: the records up to here are told. ``lines`` are
    the ends of the block's physical lines: every line terminator, and every stray line end that counts.
    """

    starts: Offsets
    ends: Offsets
    miscounted: Offsets
    miscounted_ends: Offsets
    others: list[tuple[int, Verdict]]
    consumed: int
    lines: Offsets


class _Lines(NamedTuple):
    """A block's physical lines; ``marks`` and ``kinds`` are the places and bytes of all marks."""

    buffer: _Bytes
    marks: Offsets
    kinds: _Bytes
    last_mark: Offsets
    stops: Offsets
    starts: Offsets
    ends: Offsets
    flagged: Flags | None
    blank: Flags | None


class RecordFinder:
    """Finds records of one dialect and width in blocks of UTF-8."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take dialect, width and size limit from the careful reader."""
        self._careful = tokenizer
        dialect = tokenizer.dialect
        self._gaps = tokenizer.width - 1
        self._delimiter = ord(dialect.delimiter)
        self._quote = dialect.quote.encode()
        self._escape = dialect.escape.encode()
        self._end = dialect.terminator[0]
        before, after = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
        quote = list(self._quote)
        before[[self._delimiter, self._end, *quote]] = True
        after[[self._delimiter, LINE_FEED, CARRIAGE_RETURN, *quote]] = True
        self._may_precede, self._may_follow = before, after
        self._mask = np.zeros(0, np.bool_)
        self._one = np.zeros(0, np.bool_)

    def find(
        self, data: bytes, complete: int, final: bool, undecodable: Offsets, after_return: bool = False
    ) -> Records:
        """Tell the records of ``data[:complete]``, whole lines, or everything there is if ``final``.

        ``data`` begins with a record; ``after_return`` says that the byte before it is a CR, so that an LF
        at its beginning ends no line. Records that may go on after ``data`` are left (``consumed``).
        """
        lines, strays = self._lines(data, complete, undecodable)
        if (
            after_return
            and data.startswith(b"\n")
            and len(strays)
            and strays[0] == 1
            and self._end != LINE_FEED
        ):
            strays = strays[1:]
        quoted = bool(self._quote) and data.find(self._quote, 0, complete) >= 0
        if quoted:
            return self._with_quotes(data, lines, strays, final, undecodable)
        counts = np.diff(lines.last_mark, prepend=-1) - 1
        right = counts == self._gaps
        even = np.ones(len(right), np.bool_)
        return self._singles(data, lines, strays, right, even, final, undecodable)

    def _lines(self, data: bytes, complete: int, undecodable: Offsets) -> tuple[_Lines, Offsets]:
        buffer = np.frombuffer(data, np.uint8, complete)
        if len(self._mask) < complete:
            self._mask = np.empty(complete, np.bool_)
            self._one = np.empty(complete, np.bool_)
        mask, one = self._mask[:complete], self._one[:complete]
        np.equal(buffer, self._end, out=mask)
        for mark in (self._delimiter, *self._quote):
            np.equal(buffer, mark, out=one)
            np.logical_or(mask, one, out=mask)
        marks = np.flatnonzero(mask)
        kinds = buffer[marks]
        if complete and buffer[-1] != self._end:
            marks = np.append(marks, complete)
            kinds = np.append(kinds, np.uint8(self._end))
        last_mark = np.flatnonzero(kinds == self._end)
        stops = marks[last_mark]
        starts = np.concatenate(([0], stops[:-1] + 1))
        ends = np.minimum(stops + 1, complete)
        lengths = stops - starts
        flagged, counted = self._flags(data, buffer, stops, lengths, undecodable)
        blank = None
        if len(lengths) and int(lengths.min()) <= 1:
            blank = lengths == 0
            if self._end == LINE_FEED:
                blank |= (lengths == 1) & (buffer[starts.clip(max=complete - 1)] == CARRIAGE_RETURN)
        line_ends = ends if counted is None else np.sort(np.concatenate((ends, counted + 1)))
        return _Lines(buffer, marks, kinds, last_mark, stops, starts, ends, flagged, blank), line_ends

    def _flags(
        self, data: bytes, buffer: _Bytes, stops: Offsets, lengths: Offsets, undecodable: Offsets
    ) -> tuple[Flags | None, Offsets | None]:
        """Give the lines that only the careful reader can judge, and the stray line ends that count."""
        complete = len(buffer)
        places: list[Offsets] = []
        strays, counted = self._strays(data, buffer, stops)
        if strays is not None:
            places.append(strays)
        if len(undecodable):
            places.append(undecodable[undecodable < complete])
        if data.find(b"\0", 0, complete) >= 0:
            places.append(np.flatnonzero(buffer == 0))
        if self._escape and data.find(self._escape, 0, complete) >= 0:
            places.append(np.flatnonzero(buffer == self._escape[0]))
        long = len(lengths) > 0 and int(lengths.max()) > self._careful.limit
        if not places and not long:
            return None, counted
        flagged = lengths > self._careful.limit
        for place in places:
            flagged[np.searchsorted(stops, place)] = True
        return flagged, counted

    def _strays(self, data: bytes, buffer: _Bytes, stops: Offsets) -> tuple[Offsets | None, Offsets | None]:
        """Give the line ends of the other kind, and those of them that end a physical line."""
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

    def _singles(
        self,
        data: bytes,
        lines: _Lines,
        line_ends: Offsets,
        right: Flags,
        sound: Flags,
        final: bool,
        undecodable: Offsets,
    ) -> Records:
        """Settle a block in which every physical line is a record."""
        wrong = ~right
        if lines.blank is not None:
            right &= ~lines.blank
            wrong &= ~lines.blank
        odd = ~sound
        if lines.flagged is not None:
            odd |= lines.flagged
            if lines.blank is not None:
                odd &= ~lines.blank
        plain = right & ~odd
        counted = wrong & ~odd
        others: list[tuple[int, Verdict]] = []
        if odd.any():
            none = np.zeros(len(odd), np.bool_)
            others = self._one_by_one(data, lines, odd, none, final, undecodable.tolist())
        consumed = int(lines.ends[-1]) if len(lines.ends) else 0
        return Records(
            lines.starts[plain],
            lines.ends[plain],
            lines.starts[counted],
            lines.ends[counted],
            others,
            consumed,
            line_ends,
        )

    def _with_quotes(
        self, data: bytes, lines: _Lines, line_ends: Offsets, final: bool, undecodable: Offsets
    ) -> Records:
        readings = _Readings.of(lines, self)
        if not readings.odd.any():
            right = readings.gaps == self._gaps
            return self._singles(data, lines, line_ends, right, ~readings.bad, final, undecodable)
        return self._paired(data, lines, line_ends, readings, final, undecodable)

    def _paired(
        self,
        data: bytes,
        lines: _Lines,
        line_ends: Offsets,
        readings: _Readings,
        final: bool,
        undecodable: Offsets,
    ) -> Records:
        """Settle a block in which records span lines, or seem to."""
        count = len(lines.starts)
        flagged = lines.flagged if lines.flagged is not None else np.zeros(count, np.bool_)
        odd = np.flatnonzero(readings.odd)
        first, last = odd[:-1], odd[1:]
        holds = self._pairs_hold(lines, readings, flagged, first, last)
        chain = _Chain(holds)
        covered = np.zeros(count + 1, np.int64)
        stop_line, consumed = count, int(lines.ends[-1])
        others: list[tuple[int, Verdict]] = []
        known = undecodable.tolist()
        spoiled = (readings.bad & ~flagged)[odd].tolist()
        # The quote is met again on a line that, by itself, begins a record well: it was never closed.
        left_open = self._left_open(lines, readings, flagged, odd)
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
            verdict = self._careful.read(data, start, final, known)
            if verdict.end < 0:
                stop_line, consumed = line, start
                break
            next_line = int(np.searchsorted(lines.starts, verdict.end))
            others.append((start, verdict))
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
        sound = single & ~readings.odd & ~readings.bad & ~flagged
        right = readings.gaps == self._gaps
        plain = (sound & right) | is_pair
        counted = sound & ~right
        others += self._one_by_one(data, lines, single & ~sound, is_open, final, known)
        others.sort(key=_by_start)
        return Records(
            lines.starts[plain],
            ends[plain],
            lines.starts[counted],
            lines.ends[counted],
            others,
            consumed,
            line_ends,
        )

    def _one_by_one(
        self, data: bytes, lines: _Lines, which: Flags, is_open: Flags, final: bool, known: list[int]
    ) -> list[tuple[int, Verdict]]:
        """Have the careful reader judge single lines, by what is known of them already."""
        careful, told = self._careful, []
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
                verdict = Verdict(end, [], careful.unclosed(data, start, stop))
            elif other:
                verdict = careful.read(data, start, final, known)
            else:
                verdict = careful.spoiled(data, start, stop, final)
            told.append((start, verdict))
        return told

    def _left_open(self, lines: _Lines, readings: _Readings, flagged: Flags, odd: Offsets) -> list[bool]:
        """Tell of each odd line whether the quote it opens was certainly never closed.

        That is so when the first line, after it, on which a quote goes wrong begins a record well by itself,
        or when its first quote, the one that goes wrong, opens a cell there: ``careful`` says why.
        """
        wrong = np.append(np.flatnonzero(readings.bad_inside), len(flagged))
        at = wrong[np.searchsorted(wrong, odd + 1)]
        until = np.append(odd[1:], len(flagged) - 1)
        opened: Flags = ~readings.bad[odd] & (at <= until)
        at = np.minimum(at, len(flagged) - 1)
        begins = ~readings.bad & (readings.odd | (readings.gaps == self._gaps))
        flags = _running(flagged)
        opened &= (begins | readings.opens_first)[at]
        opened &= flags[at + 1] == flags[odd]
        opened &= lines.stops[at] - lines.starts[odd] < self._careful.limit
        return opened.tolist()

    def _pairs_hold(
        self, lines: _Lines, readings: _Readings, flagged: Flags, first: Offsets, last: Offsets
    ) -> Flags:
        """Tell of each pair of neighbouring odd lines whether they begin and end a plain record."""
        bad, gaps, flags = (_running(x) for x in (readings.bad_inside, readings.gaps_inside, flagged))
        holds: Flags = ~readings.bad[first]
        holds &= bad[last + 1] == bad[first + 1]
        holds &= readings.gaps[first] + gaps[last + 1] - gaps[first + 1] == self._gaps
        holds &= flags[last + 1] == flags[first]
        holds &= lines.stops[last] - lines.starts[first] < self._careful.limit
        if self._gaps + 1 >= SWALLOWED_WIDTH:
            full = _running(readings.all_gaps >= self._gaps)
            inner = last - first - 1
            holds &= (inner < SWALLOWED_LINES) | (full[last] - full[first + 1] < inner)
        return holds


class _Readings(NamedTuple):
    """Each line's two readings: begun outside quotes, as a record is, and begun inside (``_inside``).

    ``odd``: the line has an odd number of quotes. ``bad``: a quote stands where none may. ``gaps``:
    delimiters outside quotes. ``all_gaps``: delimiters in all. ``opens_first``: the first quote could open a
    cell, and could not close one.
    """

    odd: Flags
    bad: Flags
    bad_inside: Flags
    gaps: Offsets
    gaps_inside: Offsets
    all_gaps: Offsets
    opens_first: Flags

    @classmethod
    def of(cls, lines: _Lines, finder: RecordFinder) -> _Readings:
        """Read every line both ways."""
        buffer, marks, kinds = lines.buffer, lines.marks, lines.kinds
        is_quote = kinds == finder._quote[0]
        if finder._escape and lines.flagged is not None:
            is_quote &= ~_escaped(buffer, finder._escape[0], marks)
        parity = np.bitwise_xor.accumulate(is_quote.view(np.uint8))
        after = parity[lines.last_mark].astype(np.bool_)
        before = np.concatenate((np.zeros(1, np.bool_), after[:-1]))
        firsts = np.concatenate(([0], lines.last_mark[:-1] + 1))
        at = np.flatnonzero(is_quote)
        places, opening = marks[at], parity[at].astype(np.bool_)
        previous = buffer[places - 1]
        if len(places) and places[0] == 0:
            previous[0] = finder._end
        following = buffer[np.minimum(places + 1, len(buffer) - 1)]
        if len(places) and places[-1] == len(buffer) - 1:
            following[-1] = finder._end
        opens = finder._may_precede[previous]
        closes = finder._may_follow[following]
        bad = _any_per_line(at, np.where(opening, ~opens, ~closes), len(marks), firsts)
        inverse = _any_per_line(at, np.where(opening, ~closes, ~opens), len(marks), firsts)
        is_gap = kinds == finder._delimiter
        all_gaps = np.add.reduceat(is_gap.view(np.uint8), firsts, dtype=np.int64)
        is_gap &= parity == 0
        outside = np.add.reduceat(is_gap.view(np.uint8), firsts, dtype=np.int64)
        gaps = np.where(before, all_gaps - outside, outside)
        return cls(
            odd=before != after,
            bad=np.where(before, inverse, bad),
            bad_inside=np.where(before, bad, inverse),
            gaps=gaps,
            gaps_inside=all_gaps - gaps,
            all_gaps=all_gaps,
            opens_first=_first_per_line(places, opens & ~closes, lines),
        )


class _Chain:
    """The pairs of odd lines that do not hold, so that the next one on a way of every second is found fast."""

    def __init__(self, holds: Flags) -> None:
        """Sort the failing pairs by the way (even or odd) they lie on; the last odd line has no pair."""
        self._count = len(holds) + 1
        failing = np.append(np.flatnonzero(~holds), self._count - 1)
        self._ways = [failing[failing % 2 == way].tolist() for way in (0, 1)]

    def next_failing(self, at: int) -> int:
        """Give the first failing pair among ``at``, ``at + 2``, …, or a number past the last."""
        way = self._ways[at % 2]
        index = bisect_left(way, at)
        return way[index] if index < len(way) else self._count + (self._count - at) % 2


def _by_start(item: tuple[int, Verdict]) -> int:
    return item[0]


def _running(values: npt.NDArray[Any]) -> Offsets:
    """Give the sums before each place, and the total."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _first_per_line(places: Offsets, values: Flags, lines: _Lines) -> Flags:
    """Give for each line the value of the first of ``places`` on it, ``False`` where there is none."""
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


def _escaped(buffer: _Bytes, escape: int, marks: Offsets) -> Flags:
    """Tell which marks stand behind an odd number of escapes."""
    places = np.flatnonzero(buffer == escape)
    begins = np.ones(len(places), np.bool_)
    begins[1:] = np.diff(places) != 1
    run_start = places[begins][np.cumsum(begins) - 1]
    escapes = places[(places - run_start) % 2 == 0]
    return np.isin(marks, escapes + 1)
