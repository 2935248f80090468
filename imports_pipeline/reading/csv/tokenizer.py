"""Splits one record into cells. ``reference_parser`` decides what the outcome means for the rows.

The grammar of a cell is RFC 4180's (section 2) with any delimiter and quote, and optionally backslash escapes:

* A cell is quoted if its first character is the quote. A quote inside it is doubled, or escaped.
* A quote inside a cell that does not begin with one (``5" pipe``, ``Bob "the" Builder``) is text if it stands
  between other characters. So are the quotes of a cell that is a spreadsheet's text formula (``="00017"``).
* A backslash, in a dialect that has it, escapes a quote, a backslash, a delimiter, and a line end inside quotes.
  Before any other character it is an ordinary character.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imports_pipeline.reading.csv.cell_grammar import Patterns
from imports_pipeline.reading.csv.dialect import CARRIAGE_RETURN, LINE_FEED, Dialect
from imports_pipeline.reading.csv.parse_result import VALUE_BYTES, Cells


class Tokens(NamedTuple):
    """The cells of a record, and how the record ended.

    Attributes:
        state: ``end``, ``more`` (the data ends too early to decide), or the code of an error.
        end: The offset after the record.
        cells: The cells so far.
        place: The offset of the line end, or of the error.
        literal: The number of the first cell whose quotes are text, from 1; 0 if there is none.
    """

    state: str
    end: int
    cells: Cells
    place: int = 0
    literal: int = 0


class Tokenizer:
    """Splits records of one dialect into cells. ``width`` is the header's number of cells, 0 if it is unknown."""

    def __init__(self, dialect: Dialect, width: int) -> None:
        """Compile the patterns of ``dialect``."""
        self.dialect = dialect
        self.width = width
        self.patterns = Patterns.of(dialect)
        self.delimiter = dialect.delimiter.encode()
        self._delimiter_byte = ord(dialect.delimiter)
        self._quote_byte = ord(dialect.quote) if dialect.quote else -1
        self._quote = dialect.quote.encode()
        self._end = dialect.terminator
        self._end_byte = self._end[0]

    def split(self, record: bytes) -> Cells | None:
        """Return the cells of ``record`` (without line end) if it is well formed, whatever their number."""
        tokens = self.tokens(record, 0, len(record), True)
        return tokens.cells if tokens.state == "end" and tokens.end == len(record) else None

    def padded(self, line: bytes) -> Cells | None:
        """Return the cells of a line whose quoted cells may have blanks around them.

        Returns:
            The cells without these blanks, or ``None`` if the line is not one such record of the right width.
        """
        if self._end_byte == LINE_FEED and line.endswith(b"\r"):
            line = line[:-1]
        tokens = self.padded_tokens(line, 0, len(line), True)
        if tokens is None or tokens.end != len(line) or line.endswith((b"\r", b"\n")):
            return None
        return tokens.cells if self.width in (0, len(tokens.cells)) else None

    def padded_tokens(self, data: bytes, start: int, limit: int, final: bool) -> Tokens | None:
        """Split the record at ``start``, whose quoted cells may have blanks around them, into cells.

        Cells may also be a spreadsheet's text formulas, whose quotes are text.

        Args:
            data: The text, in UTF-8.
            start: The offset of the record.
            limit: The offset that no cell may exceed.
            final: True if ``data`` ends with the file.

        Returns:
            The cells without these blanks (``end``), ``more``, or ``None`` if there is no such record.
        """
        padded, plain = self.patterns.padded, self.patterns.plain
        if padded is None:
            return None
        size, end_byte = len(data), self._end_byte
        cells: Cells = []
        at = start
        while not self.width or len(cells) < self.width:
            opened = self.patterns.blank.match(data, at)
            assert opened is not None, "there may be no blank, so it always matches"
            if data[opened.end() : opened.end() + 1] == self._quote:
                match = padded.match(data, opened.end(), min(size, limit))
                if match is None:
                    return None if final or size >= limit else Tokens("more", size, cells)
                cells.append(self.unescape(match[1][1:-1]))
            else:
                match = plain.match(data, at)
                assert match is not None, "an unquoted cell can be empty, so it always matches"
                if data[match.end() : match.end() + 1] == self._quote:
                    formula = self._formula(data, at, limit)
                    if formula is None and not final and size < limit and data.find(self._end, at) < 0:
                        return Tokens("more", size, cells)
                    match = formula or match
                text = self.unescape(match[0]) if self.dialect.escape else match[0]
                cells.append(text.strip(self.patterns.blanks))
            at = match.end()
            if at > limit:
                return None
            rest = data[at : at + 2]
            if not rest or (rest == b"\r" and end_byte == LINE_FEED):
                if not final:
                    return Tokens("more", size, cells)
                return None if rest else Tokens("end", size, cells, size)
            if rest[0] == end_byte:
                return Tokens("end", at + 1, cells, at)
            if rest == b"\r\n" and end_byte == LINE_FEED:
                return Tokens("end", at + 2, cells, at)
            if rest[0] != self._delimiter_byte:
                return None
            at += 1
        return None

    def _formula(self, data: bytes, at: int, limit: int) -> re.Match[bytes] | None:
        formula = self.patterns.formula
        return None if formula is None else formula.match(data, at, min(len(data), limit))

    def has_padded_quote(self, line: bytes) -> bool:
        """Return True if blanks stand between a quote of ``line`` and an edge of a cell, or a formula begins in it."""
        beside = self.patterns.beside
        return beside is not None and beside.search(line) is not None

    def tokens(self, data: bytes, start: int, limit: int, final: bool, literal_until: int = 0) -> Tokens:
        """Split the record at ``start`` into cells.

        Args:
            data: The text, in UTF-8.
            start: The offset of the record.
            limit: The offset that no cell may exceed.
            final: True if ``data`` ends with the file.
            literal_until: The end of the record's first line. Quotes may be text up to it; a record with such quotes
                ends there.
        """
        size, literal = len(data), 0
        quote, delimiter, end_byte = self._quote_byte, self._delimiter_byte, self._end_byte
        run = self.patterns.run.match(data, start, min(size, limit))
        assert run is not None, "a run can be empty, so it always matches"
        cells, at = self._cells(run[0]), run.end()
        plain, quoted = self.patterns.plain, self.patterns.quoted
        while True:
            if at > limit:
                return Tokens("record_too_long", at, cells, at)
            if at < size and data[at] == quote and quoted is not None:
                match = quoted.match(data, at, min(size, limit) if not literal else literal_until)
                if match is None and literal:
                    return Tokens("stray_quote", at, cells[:literal], at)
                if match is None:
                    known = final or size >= limit
                    return Tokens("unclosed_quote" if known else "more", size, cells, at)
                at = match.end()
                cell = match[0][1:-1]
                if self._quote in cell or self.dialect.escape:
                    cell = self.unescape(cell)
                bad = "text_after_quote"
            else:
                match = plain.match(data, at)
                assert match is not None, "an unquoted cell can be empty, so it always matches"
                begin, at = at, match.end()
                if at < literal_until and data[at] == quote and self.patterns.literal is not None:
                    text = self.patterns.literal.match(data, begin, literal_until)
                    if text is not None:
                        match, at, literal = text, text.end(), literal or len(cells) + 1
                cell = match[0]
                if self.dialect.escape:
                    cell = self.unescape(cell)
                bad = "stray_quote"
            cells.append(cell)
            if at > limit:
                return Tokens("record_too_long", at, cells, at)
            if at == size:
                return Tokens("end" if final else "more", size, cells, size, literal)
            byte = data[at]
            if byte == delimiter:
                at += 1
            elif byte == end_byte:
                return Tokens("end", at + 1, cells, at, literal)
            elif byte == CARRIAGE_RETURN and end_byte == LINE_FEED and data[at + 1 : at + 2] == b"\n":
                return Tokens("end", at + 2, cells, at, literal)
            elif byte == CARRIAGE_RETURN and end_byte == LINE_FEED and at + 1 == size and not final:
                return Tokens("more", size, cells, at)
            elif byte in b"\r\n":
                return Tokens("stray_line_end", at + 1, cells, at, literal)
            else:
                return Tokens(bad, at, cells, at)

    def count(self, run: bytes) -> int:
        """Return the number of cells in a run of well-formed cells, each with its delimiter."""
        if self.dialect.escape or (self._quote and self._quote in run):
            return len(self.patterns.cell.findall(run))
        return run.count(self.delimiter)

    def unescape(self, cell: bytes) -> bytes:
        """Return a cell's content with doubled quotes made single and escapes removed."""
        if not self.dialect.escape:
            return cell.replace(self._quote * 2, self._quote)
        escaped = self.patterns.escaped
        assert escaped is not None, "a dialect with escapes has a pattern for them"
        return escaped.sub(lambda match: match[match.lastindex or 0], cell)

    def blank_after_quote(self, data: bytes, place: int) -> bool:
        """Return True if only blanks stand between the closing quote before ``place`` and the cell's end."""
        rest = data[place : place + VALUE_BYTES]
        behind = rest.lstrip(self.patterns.blanks)
        return rest != behind and behind[:1] in (b"", self.delimiter, b"\r", b"\n")

    def _cells(self, run: bytes) -> Cells:
        """Split a run of well-formed cells, each with its delimiter."""
        if self.dialect.escape or (self._quote and self._quote in run):
            cells = []
            for cell in self.patterns.cell.findall(run):
                text = cell[1:-2] if cell[0] == self._quote_byte else cell[:-1]
                cells.append(self.unescape(text) if self.dialect.escape or self._quote in text else text)
            return cells
        cells = run.split(self.delimiter)
        cells.pop()
        return cells
