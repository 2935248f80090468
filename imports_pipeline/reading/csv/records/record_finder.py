"""Finds the plain records of a whole block at once, in NumPy, and passes the others to the reference parser.

A record is *plain* if it has the header's number of cells, its quotes stand only at cell borders or are doubled, and it
has no NUL, no undecodable byte, no stray line end and no backslash escape. For every record the result equals that of
``reference_parser`` (a property test holds the two equal), but without a loop over rows.

The method:

1. ``structural_index`` collects the offsets of all delimiters, quotes and line ends.
2. ``quote_parity`` counts quotes to decide what is inside them. It evaluates each physical line twice: as if it began
   outside quotes, and as if it began inside. A misplaced quote then affects only its own record.
3. Lines with an odd number of quotes are paired to records of several lines (``line_pairing``). Where a pair is not a
   record, the reference parser determines where the next record begins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from imports_pipeline.reading.csv.parse_result import ParseResult
from imports_pipeline.reading.csv.records.line_pairing import Block, pair_lines
from imports_pipeline.reading.csv.records.quote_parity import QuoteParity, QuoteRules
from imports_pipeline.reading.csv.records.structural_index import Flags, LineFinder, Offsets
from imports_pipeline.reading.csv.reference_parser import ReferenceParser


class Records(NamedTuple):
    """The records of a block. Offsets count from its beginning; all arrays ascend.

    Attributes:
        starts: The offsets of the plain records.
        ends: Their ends, after the line end.
        miscounted: The offsets of records whose only error is their number of cells.
        miscounted_ends: Their ends.
        garbled: The offsets of well-formed records of one line that contain a NUL or undecodable bytes.
        garbled_ends: Their ends.
        others: What the reference parser returned for other records, with the offset.
        consumed: The offset up to which the records are known.
        lines: The ends of the physical lines: every line terminator, and every stray line end that counts.
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


class RecordFinder:
    """Finds records of one dialect and width in blocks of UTF-8."""

    def __init__(self, parser: ReferenceParser) -> None:
        """Take dialect, width and size limit from the reference parser."""
        self.parser = parser
        dialect = parser.dialect
        self._delimiters = parser.width - 1
        self._quote = dialect.quote.encode()
        self._quote_rules = QuoteRules(dialect) if dialect.quote else None
        self._lines = LineFinder(dialect, parser.limit)

    def find(
        self, data: bytes, complete: int, final: bool, undecodable: Offsets, after_return: bool = False
    ) -> Records:
        """Find the records of ``data[:complete]``. A record that may continue after it is left for the next block.

        Args:
            data: A part of the file that begins with a record.
            complete: The end of the last whole line; the end of ``data`` if ``final``.
            final: True if ``data`` ends with the file.
            undecodable: The offsets of bytes that are not text.
            after_return: True if the byte before ``data`` is a CR. An LF at its beginning then ends no line.
        """
        lines = self._lines.find(data, complete, undecodable, after_return)
        block = Block(data, final, undecodable.tolist(), lines)
        if self._quote_rules is not None and data.find(self._quote, 0, complete) >= 0:
            parity = QuoteParity.of(lines, self._quote_rules)
            if parity.odd.any():
                return self._find_multiline(block, parity)
            return self._find_single_lines(block, parity.delimiters == self._delimiters, ~parity.bad)
        counts = np.diff(lines.line_end_index, prepend=-1) - 1
        return self._find_single_lines(block, counts == self._delimiters, np.ones(len(counts), np.bool_))

    def _find_single_lines(self, block: Block, right: Flags, sound: Flags) -> Records:
        """Find the records of a block in which every line is one.

        Args:
            block: The block.
            right: True for each line with the header's number of cells.
            sound: True for each line whose quotes stand where they may.
        """
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
            others = self._parse_lines(block, odd, np.zeros(len(odd), np.bool_))
        return Records(
            lines.starts[plain],
            lines.ends[plain],
            lines.starts[counted],
            lines.ends[counted],
            lines.starts[garbled],
            lines.ends[garbled],
            others,
            int(lines.ends[-1]) if len(lines.ends) else 0,
            lines.physical,
        )

    def _find_multiline(self, block: Block, parity: QuoteParity) -> Records:
        """Find the records of a block in which records span lines, or seem to."""
        lines = block.lines
        count = len(lines.starts)
        pairing = pair_lines(block, parity, self.parser)
        ends = lines.ends.copy()
        ends[pairing.first] = lines.ends[pairing.last]
        spans_lines = np.zeros(count, np.bool_)
        spans_lines[pairing.first] = True
        single = pairing.single
        if lines.blank is not None:
            single = single & ~lines.blank
        sound = single & ~parity.odd & ~parity.bad
        garbled = sound & lines.garbled if lines.garbled is not None else np.zeros(count, np.bool_)
        if lines.flagged is not None:
            sound &= ~lines.flagged
        right = parity.delimiters == self._delimiters
        right[pairing.first] = pairing.fits
        plain = (sound | spans_lines) & right
        counted = (sound | spans_lines) & ~right
        others = pairing.others + self._parse_lines(block, single & ~sound & ~garbled, pairing.is_open)
        others.sort(key=_by_start)
        return Records(
            lines.starts[plain],
            ends[plain],
            lines.starts[counted],
            ends[counted],
            lines.starts[garbled],
            lines.ends[garbled],
            others,
            pairing.consumed,
            lines.physical,
        )

    def _parse_lines(self, block: Block, which: Flags, is_open: Flags) -> list[tuple[int, ParseResult]]:
        """Parse single lines by the reference parser, with the cheapest call that gives its result.

        Args:
            block: The block.
            which: True for each line to parse.
            is_open: True for each line whose quote was certainly never closed.
        """
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


def _by_start(item: tuple[int, ParseResult]) -> int:
    return item[0]
