"""Pairs lines with an odd number of quotes: such a line begins or ends a record that spans lines.

``record_finder`` uses this for blocks in which some record spans lines, or seems to.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np

from imports_pipeline.reading.csv.parse_result import ParseResult
from imports_pipeline.reading.csv.records.quote_parity import QuoteParity, cumulative
from imports_pipeline.reading.csv.records.structural_index import Flags, Lines, Offsets
from imports_pipeline.reading.csv.reference_parser import SWALLOWED_LINES, SWALLOWED_WIDTH, ReferenceParser

_NONE: Final[Offsets] = np.zeros(0, np.int64)


class Block(NamedTuple):
    """A part of a file whose records are being found.

    Attributes:
        data: The text, in UTF-8.
        final: True if the file ends with it.
        undecodable: The offsets of bytes that are not text.
        lines: Its lines.
    """

    data: bytes
    final: bool
    undecodable: list[int]
    lines: Lines


class Pairing(NamedTuple):
    """The records of several lines, and the lines that belong to no such record.

    Attributes:
        first: The numbers of the lines that begin a well-formed record of several lines.
        last: The number of each such record's last line.
        fits: True for each such record that has the header's width.
        others: What the reference parser returned where a pair was not a record, with the offset.
        is_open: True for each line whose quote was certainly never closed.
        single: True for each line that is not part of a record of several lines.
        consumed: The offset up to which the records are known.
    """

    first: Offsets
    last: Offsets
    fits: Flags
    others: list[tuple[int, ParseResult]]
    is_open: Flags
    single: Flags
    consumed: int


def pair_lines(block: Block, parity: QuoteParity, parser: ReferenceParser) -> Pairing:
    """Pair the lines with an odd number of quotes, from the top of the block.

    Neighbouring odd lines pair up as long as each pair is a well-formed record. Where one is not, the reference parser
    parses the record and its end is where pairing continues.
    """
    lines = block.lines
    count = len(lines.starts)
    odd = np.flatnonzero(parity.odd)
    flagged = lines.flagged if lines.flagged is not None else np.zeros(count, np.bool_)
    holds, fits = _check_pairs(lines, parity, odd, parser)
    sequence = _PairSequence(holds)
    misplaced = (parity.bad & ~flagged)[odd].tolist()
    never_closed = _find_never_closed(lines, parity, odd, parser)
    is_open = np.zeros(count, np.bool_)
    # The change of the number of records of several lines that contain a line, from the line before it.
    covering = np.zeros(count + 1, np.int64)
    others: list[tuple[int, ParseResult]] = []
    stop_line, consumed = count, int(lines.ends[-1])
    odd_lines, runs, at = odd.tolist(), [], 0
    while True:
        failing = sequence.next_failing(at)
        if failing > at:
            runs.append(np.arange(at, min(failing, len(odd) - 1), 2))
        if failing >= len(odd_lines):
            break
        line = odd_lines[failing]
        # The first line whose quotes are wrong. If blanks stand beside one of them, a record of several lines may fit.
        wrong = line if misplaced[failing] else never_closed[failing]
        if wrong >= 0 and not parser.may_be_padded(
            block.data, int(lines.starts[wrong]), int(lines.stops[wrong])
        ):
            # The record is this line alone.
            is_open[line] = not misplaced[failing]
            at = failing + 1
            continue
        start = int(lines.starts[line])
        result = parser.read(block.data, start, block.final, block.undecodable)
        if result.end < 0:
            stop_line, consumed = line, start
            break
        next_line = int(np.searchsorted(lines.starts, result.end))
        others.append((start, result))
        covering[line] += 1
        covering[next_line] -= 1
        at = bisect_left(odd_lines, next_line, failing)
    pairs = np.concatenate(runs) if runs else _NONE
    first, last = odd[pairs], odd[pairs + 1]
    covering[first] += 1
    covering[last + 1] -= 1
    single = np.cumsum(covering[:-1]) == 0
    single[stop_line:] = False
    return Pairing(first, last, fits[pairs], others, is_open, single, consumed)


def _check_pairs(
    lines: Lines, parity: QuoteParity, odd: Offsets, parser: ReferenceParser
) -> tuple[Flags, Flags]:
    """Check each pair of neighbouring odd lines.

    Returns:
        True for each pair that begins and ends a well-formed record, and for each that has the header's width.
    """
    first, last = odd[:-1], odd[1:]
    bad, delimiters = cumulative(parity.bad_inside), cumulative(parity.delimiters_inside)
    holds: Flags = ~parity.bad[first]
    holds &= bad[last + 1] == bad[first + 1]
    expected = parser.width - 1
    fits: Flags = parity.delimiters[first] + delimiters[last + 1] - delimiters[first + 1] == expected
    if lines.flagged is not None:
        flags = cumulative(lines.flagged)
        holds &= flags[last + 1] == flags[first]
    holds &= lines.stops[last] - lines.starts[first] < parser.limit
    if parser.width >= SWALLOWED_WIDTH:
        full = cumulative(parity.all_delimiters >= expected)
        inner = last - first - 1
        holds &= (inner < SWALLOWED_LINES) | (full[last] - full[first + 1] < inner)
    return holds, fits


def _find_never_closed(lines: Lines, parity: QuoteParity, odd: Offsets, parser: ReferenceParser) -> list[int]:
    """Return for each odd line the number of the line that shows that its quote was never closed, or -1.

    The first later line with a misplaced quote shows it for certain if it begins a well-formed record by itself, or
    if its first quote is the misplaced one and opens a cell there (see "Recovery" in ``reference_parser``).
    """
    count = len(lines.starts)
    wrong = np.append(np.flatnonzero(parity.bad_inside), count)
    at = wrong[np.searchsorted(wrong, odd + 1)]
    until = np.append(odd[1:], count - 1)
    opened: Flags = ~parity.bad[odd] & (at <= until)
    at = np.minimum(at, count - 1)
    begins = ~parity.bad & (parity.odd | (parity.delimiters == parser.width - 1))
    opened &= (begins | parity.opens_first)[at]
    if lines.flagged is not None:
        flags = cumulative(lines.flagged)
        opened &= flags[at + 1] == flags[odd]
    opened &= lines.stops[at] - lines.starts[odd] < parser.limit
    shown: list[int] = np.where(opened, at, -1).tolist()
    return shown


class _PairSequence:
    """The pairs of odd lines that are no records, by whether they begin at an even or an odd number.

    Pairing advances by two lines at a time, so only one of the two lists matters at any place.
    """

    def __init__(self, holds: Flags) -> None:
        """Index the failing pairs; the last odd line has no partner and so always fails."""
        self._count = len(holds) + 1
        failing = np.append(np.flatnonzero(~holds), self._count - 1)
        self._failing = [failing[failing % 2 == remainder].tolist() for remainder in (0, 1)]

    def next_failing(self, at: int) -> int:
        """Return the first failing pair among ``at``, ``at + 2``, …, or a number past the last."""
        failing = self._failing[at % 2]
        index = bisect_left(failing, at)
        return failing[index] if index < len(failing) else self._count + (self._count - at) % 2
