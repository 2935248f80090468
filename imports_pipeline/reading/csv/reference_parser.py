"""Parses one record at a time. This parser defines how every record is read.

``record_finder`` finds the plain records of a whole block at once and must agree with this module on each of them (a
property test holds them equal). It passes every other record to this module. ``tokenizer`` has the grammar of a cell.
These are the rules for a whole record:

* Only a delimiter or a line end may follow a closing quote. Anything else is ``text_after_quote``.
* A quote inside an unquoted cell is text only if the record is on one line and has the header's width, because no
  other reading of it has that width. A quote at the edge of an unquoted cell may be half of a pair whose other
  quote was lost. It is a ``stray_quote``, as is any such quote in a record of another width or of several lines.
* Blanks around a quoted cell (``Ann, "ann@example.org" , x``) are not part of the cell if the record is well formed
  without them, and then has the header's width. In such a record, no cell keeps its outer blanks. If it spans lines,
  it must not contain a line that could be a record (of three columns or more). The same holds for a record of
  several lines with a spreadsheet's text formula (``="00017"``).
* A line end of the other kind outside quotes (a lone CR in an LF file) separates records only if every part then has
  the header's width, which must be two cells or more. Otherwise the line is a ``stray_line_end``.

**Recovery.** A record with an error on its first line costs that line. If a quoted cell has an error on a later
line, G, there are two explanations:

1. The quote was not meant to open a cell, and the lines after it are records. This is assumed if the quote at G opens
   a cell of that line, if G by itself begins a well-formed record, or if any line up to G is a record of the header's
   width. Only the first line is then rejected, as ``unclosed_quote``.
2. The cell spans lines, and the error is at G. The record then extends to the end of G.

A quote that is not closed within the size limit, or by the end of the file, costs its first line. A cell that closes
well but contains three or more whole lines, each of which could be a record (of three columns or more), is taken for
two lost quotes: its first line is rejected, so that no rows disappear into a cell.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from imports_pipeline.reading.csv.dialect import LINE_FEED, Dialect
from imports_pipeline.reading.csv.parse_result import VALUE_BYTES, Cells, ParseResult, RecordError
from imports_pipeline.reading.csv.tokenizer import Tokenizer, Tokens

#: A cell that contains at least this many lines which could be records is taken for two lost quotes.
SWALLOWED_LINES: Final = 3
#: The number of columns from which on a line of text is unlikely to look like a record by accident.
SWALLOWED_WIDTH: Final = 3
_MORE: Final = ParseResult(-1, [])


class ReferenceParser:
    """Parses records of one dialect. ``width`` is the header's number of cells, 0 while it is not known."""

    def __init__(self, dialect: Dialect, width: int, max_record_bytes: int) -> None:
        """Prepare the tokenizer for ``dialect``."""
        self.dialect = dialect
        self.width = width
        self.limit = max_record_bytes
        self.tokenizer = Tokenizer(dialect, width)
        self._patterns = self.tokenizer.patterns
        self._delimiter = ord(dialect.delimiter)
        self._quote_byte = ord(dialect.quote) if dialect.quote else -1
        self._quote = dialect.quote.encode()
        self._end = dialect.terminator
        self._end_byte = self._end[0]

    def read(self, data: bytes, start: int, final: bool, undecodable: Sequence[int] = ()) -> ParseResult:
        """Parse the record at ``start``. The result depends on the file alone, not on where ``data`` ends.

        Args:
            data: A part of the file, in UTF-8.
            start: The offset of the record, at the beginning of a physical line.
            final: True if ``data`` ends with the file. If not, a record that reaches the end of ``data`` is undecided.
            undecodable: The offsets (ascending) of bytes that are not text.
        """
        found = data.find(self._end, start)
        line_end = len(data) if found < 0 else found
        next_line = min(line_end + 1, len(data))
        if line_end - start > self.limit:
            return ParseResult(next_line, [], RecordError("record_too_long", []))
        tokens = self.tokenizer.tokens(data, start, start + self.limit, final, line_end)
        if tokens.state == "more":
            return _MORE
        if tokens.state == "stray_line_end" and tokens.literal:
            # Quotes that may or may not be text leave the parts after the line end ambiguous.
            result = ParseResult(next_line, [], RecordError(tokens.state, []))
        elif tokens.state == "stray_line_end":
            result = self._read_parts(data, start, next_line, tokens, final)
        elif tokens.state == "end":
            result = self._well_formed(data, start, next_line, tokens)
        elif tokens.state == "record_too_long":
            result = ParseResult(next_line, [], RecordError(tokens.state, []))
        elif tokens.state == "unclosed_quote":
            result = ParseResult(next_line, [], self.unclosed_quote(data, start, line_end))
        elif (padded := self._read_padded(data, start, next_line, final)) is not None:
            result = padded
        elif tokens.place < next_line:
            result = ParseResult(next_line, [], self._quote_error(data, tokens))
        else:
            result = self._error_on_later_line(data, start, next_line, tokens, final)
        return result if result.end < 0 else self._check_text(data, start, result, undecodable)

    def unclosed_quote(self, data: bytes, start: int, stop: int) -> RecordError:
        """Return the error of the line ``data[start:stop]``, whose last cell opens a quote and does not close it."""
        run = self._patterns.run.match(data, start, stop)
        assert run is not None, "a run can be empty, so it always matches"
        value = data[run.end() : min(stop, run.end() + VALUE_BYTES)].rstrip(b"\r")
        return RecordError("unclosed_quote", [], self.tokenizer.count(run[0]) + 1, value)

    def read_misplaced_quote(self, data: bytes, start: int, stop: int, final: bool) -> ParseResult:
        """Parse a line in which a quote stands where none may; ``stop`` is its line end.

        The result is that of ``read``, but text after a closing quote is found faster. The line must have no NUL, no
        undecodable bytes, and no stray line end.
        """
        run = self._patterns.run.match(data, start, stop)
        assert run is not None, "a run can be empty, so it always matches"
        at = run.end()
        if at < stop and data[at] == self._quote_byte and self._patterns.quoted is not None:
            match = self._patterns.quoted.match(data, at, stop)
            if match is not None and data[match.end() : match.end() + 1] not in (b"", b"\r", b"\n"):
                cells = self.tokenizer.padded(data[start:stop])
                if cells is not None:
                    return ParseResult(min(stop + 1, len(data)), [(start, cells)])
                text = self.tokenizer.unescape(match[0][1:-1])
                rest = data[match.end() : min(stop, match.end() + VALUE_BYTES)].rstrip(b"\r")
                message = self._message_after_quote(data, match.end())
                column = self.tokenizer.count(run[0]) + 1
                error = RecordError("text_after_quote", [], column, (text + rest)[:VALUE_BYTES], message)
                return ParseResult(min(stop + 1, len(data)), [], error)
        return self.read(data, start, final)

    def may_be_padded(self, data: bytes, start: int, stop: int) -> bool:
        """Return True if a quote in ``data[start:stop]`` may open or close a cell with blanks around its quotes."""
        return self.tokenizer.has_padded_quote(data[start:stop])

    def _read_padded(self, data: bytes, start: int, next_line: int, final: bool) -> ParseResult | None:
        """Return the row of a record whose quoted cells have blanks around them, or ``None`` if it is none."""
        tokens = self.tokenizer.padded_tokens(data, start, start + self.limit, final)
        if tokens is None or tokens.state == "more":
            return None if tokens is None else _MORE
        count = len(tokens.cells)
        if self.width and count != self.width:
            return None
        if tokens.end > next_line and self._contains_record(data, next_line, tokens.end, count):
            return None
        return ParseResult(tokens.end, [(start, tokens.cells)])

    def _contains_record(self, data: bytes, inner: int, end: int, width: int) -> bool:
        """Return True if any whole line from ``inner`` to the one that ends at ``end`` could be a record."""
        last = data.rfind(self._end, 0, end - 1) + 1
        while inner < last and width >= SWALLOWED_WIDTH:
            after = data.find(self._end, inner) + 1
            if self._width_of(data[inner : after - 1]) == width:
                return True
            inner = after
        return False

    def _well_formed(self, data: bytes, start: int, next_line: int, tokens: Tokens) -> ParseResult:
        """Return the row of a record that ended well, or the error of one that absorbed rows or has another width."""
        count = len(tokens.cells)
        if tokens.end > next_line and self._swallows(data, next_line, tokens.end):
            line_end = data.find(self._end, start)
            return ParseResult(next_line, [], self.unclosed_quote(data, start, line_end))
        if self.width and count != self.width and tokens.literal:
            value = tokens.cells[tokens.literal - 1]
            return ParseResult(tokens.end, [], RecordError("stray_quote", [], tokens.literal, value))
        if self.width and count != self.width:
            code = "too_many_cells" if count > self.width else "too_few_cells"
            return ParseResult(tokens.end, [], RecordError(code, tokens.cells))
        return ParseResult(tokens.end, [(start, tokens.cells)])

    def _swallows(self, data: bytes, inner: int, end: int) -> bool:
        """Return True if all whole lines from ``inner`` to the one that ends at ``end`` could be records."""
        if self.width < SWALLOWED_WIDTH:
            return False
        last = data.rfind(self._end, 0, end - 1) + 1
        if data.count(self._end, inner, last) < SWALLOWED_LINES:
            return False
        while inner < last:
            after = data.find(self._end, inner) + 1
            if not self._is_record(data[inner : after - 1]):
                return False
            inner = after
        return True

    def _is_record(self, line: bytes) -> bool:
        """Return True if ``line`` is a record of the header's width."""
        return self._width_of(line) == self.width

    def _width_of(self, line: bytes) -> int:
        """Return the number of cells if ``line`` is a record, and -1 if not."""
        if self._end_byte == LINE_FEED and line.endswith(b"\r"):
            line = line[:-1]
        cells = self.tokenizer.split(line) or self.tokenizer.padded(line)
        return -1 if cells is None else len(cells)

    def _begins_record(self, line: bytes) -> bool:
        """Return True if ``line`` is a record, or begins one that spans lines."""
        tokens = self.tokenizer.tokens(line, 0, len(line), True)
        if tokens.state == "end":
            return len(tokens.cells) == self.width
        return tokens.state == "unclosed_quote" or self.tokenizer.padded(line) is not None

    def _error_on_later_line(
        self, data: bytes, start: int, next_line: int, tokens: Tokens, final: bool
    ) -> ParseResult:
        """Decide between a quote that was never closed and an error on a later line of the record."""
        place, horizon = tokens.place, start + 2 * self.limit + 1
        line = data.rfind(self._end, 0, place) + 1
        after = data.find(self._end, place, horizon) + 1
        if not after and len(data) < horizon:
            if not final:
                return _MORE
            after = len(data)
        # A line that does not end before the horizon is too long to belong to the record.
        after = after or line
        closing = place - 1
        own_line = data[line:after].rstrip(b"\r\n")
        opens = self._begins_record(own_line) or (
            tokens.state == "text_after_quote"
            and (
                closing == line
                or (
                    data[closing - 1] == self._delimiter
                    and self.tokenizer.split(data[line : closing - 1]) is not None
                )
            )
        )
        at = next_line
        while not opens and at < after:
            following = data.find(self._end, at) + 1 or len(data)
            opens = self._is_record(data[at:following].rstrip(b"\r\n"))
            at = following
        if opens:
            return ParseResult(next_line, [], self.unclosed_quote(data, start, data.find(self._end, start)))
        return ParseResult(after, [], self._quote_error(data, tokens))

    def _read_parts(
        self, data: bytes, start: int, next_line: int, tokens: Tokens, final: bool
    ) -> ParseResult:
        """Parse the parts between stray line ends as records, or reject the line if they are ambiguous."""
        rows: list[tuple[int, Cells]] = []
        at = start
        while True:
            if tokens.state not in ("end", "stray_line_end"):
                break
            if tokens.cells != [b""] or data[at : at + 1] not in (b"", b"\r", b"\n"):
                rows.append((at, tokens.cells))
            at = tokens.end
            if tokens.state != "end" and at >= len(data) and not final:
                return _MORE
            if tokens.state == "end" or at >= len(data):
                if not rows:
                    return ParseResult(at, [])
                fits = all(len(cells) == self.width for _, cells in rows)
                if (fits and self.width > 1) or (len(rows) == 1 and (fits or not self.width)):
                    return ParseResult(at, rows)
                if len(rows) == 1:
                    code = "too_many_cells" if len(rows[0][1]) > self.width else "too_few_cells"
                    return ParseResult(at, [], RecordError(code, rows[0][1]))
                break
            tokens = self.tokenizer.tokens(data, at, start + self.limit, final)
            if tokens.state == "more":
                return _MORE
        return ParseResult(next_line, [], RecordError("stray_line_end", []))

    def _check_text(
        self, data: bytes, start: int, result: ParseResult, undecodable: Sequence[int]
    ) -> ParseResult:
        """Return ``result``, or an error if the record holds undecodable bytes or a NUL."""
        index = bisect_left(undecodable, start)
        if index < len(undecodable) and undecodable[index] < result.end:
            place, code = undecodable[index], "undecodable_bytes"
        else:
            place, code = data.find(b"\0", start, result.end), "nul_byte"
            if place < 0:
                return result
        known = result.rows[0][1] if len(result.rows) == 1 else []
        if result.error is not None and result.error.code.endswith("_cells"):
            known = result.error.cells
        column = self._cell_at(data, start, place, known) if known else None
        value = known[column - 1][:VALUE_BYTES] if column and column <= len(known) else b""
        return ParseResult(result.end, [], RecordError(code, known, column, value))

    def _cell_at(self, data: bytes, start: int, place: int, cells: Cells) -> int | None:
        """Return the number of the cell that contains the byte at ``place``, in the record at ``start``."""
        run = self._patterns.run.match(data, start, place)
        assert run is not None, "a run can be empty, so it always matches"
        begun = data[run.end() : place]
        if not self._quote or self._quote not in begun or begun.startswith(self._quote):
            return self.tokenizer.count(run[0]) + 1
        # Quotes that are text hide the cell's number. The first cell that holds the byte is the best guess.
        holders = [number for number, cell in enumerate(cells, 1) if data[place : place + 1] in cell]
        return holders[0] if holders else None

    def _quote_error(self, data: bytes, tokens: Tokens) -> RecordError:
        """Return the error of the cell at which the tokens ended; its message names a blank beside the quote."""
        blanks, cell, message = self._patterns.blanks, tokens.cells[-1], ""
        if tokens.state == "stray_quote" and cell and not cell.strip(blanks):
            message = "blank_before_quote"
        elif tokens.state == "text_after_quote":
            message = self._message_after_quote(data, tokens.place)
        value = cell + data[tokens.place : tokens.place + VALUE_BYTES]
        value = (value.splitlines() or [b""])[0][:VALUE_BYTES]
        return RecordError(tokens.state, [], len(tokens.cells), value, message)

    def _message_after_quote(self, data: bytes, place: int) -> str:
        return "blank_after_quote" if self.tokenizer.blank_after_quote(data, place) else ""
