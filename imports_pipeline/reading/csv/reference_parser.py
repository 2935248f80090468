"""The careful reader: one record at a time, and the verdict on it. It defines what reading means.

``structure`` finds the plain records of a whole block at once and must agree with this module on each of
them; everything else comes here. The grammar is RFC 4180's, read strictly, with any delimiter and quote,
optionally with backslash escapes:

* A cell is quoted when its first character is the quote. Inside, a quote is written twice (or escaped).
  After the closing quote only a delimiter or a line end may stand: else ``text_after_quote``.
* A quote inside a cell that does not begin with one (``5" pipe``, ``Bob "the" Builder``) is text, if it
  stands between other characters, not at the cell's edge, and the record, all on one line, then has the
  header's width: no other reading of it has. So are the quotes of a cell that as a whole is the formula of a
  text, ``="00017"``, as exports write it for spreadsheets. At any other cell's edge a quote may have been
  lost: that is a ``stray_quote``, and so is one in a record of the wrong size, or of several lines.
* Blanks around a quoted cell (``Ann, "ann@example.org" , x``) are no part of it, and in such a record no part of
  any cell, if the record, all on one line, is then well formed and has the header's width.
* A backslash, in a dialect that has it, escapes a quote, a backslash, a delimiter, and inside quotes a line
  end; before anything else it is a character like others.
* A line end of the other kind outside quotes (a lone CR in an LF file) parts records only when every part
  then has the header's width, two cells or more; else the line is a ``stray_line_end``.

**Finding its feet again.** A record that goes wrong on its first line costs that line. A quoted cell that
goes wrong on a later line, G, can mean two things: its quote was never meant to be open, and the lines
after it are records; or it really spans lines and is spoiled at G. The first is believed when the quote
at G opens a cell of its own line, or G by itself begins a record well, or any line up to G can stand
alone with the header's width; then only the first line is given up, as ``unclosed_quote``. Else the
record is everything up to G's end. A quote that is not closed within the size limit, or by the end of the
file, costs its first line. A cell that closes well, but holds three whole lines or more each of which
could stand alone (three columns or more), is taken for two lost quotes: its first line is given up,
rather than rows being swallowed in silence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from imports_pipeline.reading.csv.cell_grammar import Patterns
from imports_pipeline.reading.csv.dialect import Dialect

Cells = list[bytes]
#: Inner lines from which on a cell full of records is taken for two lost quotes.
SWALLOWED_LINES: Final = 3
#: Columns from which on a line of text is unlikely to look like a record by accident.
SWALLOWED_WIDTH: Final = 3
#: How much of a cell is kept as the value to blame.
VALUE_BYTES: Final = 200


class Fault(NamedTuple):
    """What is wrong with a record: a code of ``ROW_CODES``, the cells so far, the cell (from 1) to blame.

    ``message`` names the sentence that says it more closely than the code's own.
    """

    code: str
    cells: Cells
    column: int | None = None
    value: bytes = b""
    message: str = ""


class Verdict(NamedTuple):
    """What stands at a place: rows (offset and cells; more than one only at stray line ends), or a fault.

    ``end`` is where the next record starts; ``-1`` says that more of the file is needed to tell.
    """

    end: int
    rows: list[tuple[int, Cells]]
    fault: Fault | None = None


class _Token(NamedTuple):
    """How a record's tokens ended: ``state``, the offset after it, its cells, the offset of the trouble.

    ``loose`` is the number of the first cell that has quotes as text, 0 if there is none.
    """

    state: str
    end: int
    cells: Cells
    place: int = 0
    loose: int = 0


_MORE: Final = Verdict(-1, [])


class Tokenizer:
    """Reads records of one dialect. ``width`` is the header's number of cells, 0 while it is not known."""

    def __init__(self, dialect: Dialect, width: int, max_record_bytes: int) -> None:
        """Keep the dialect as bytes."""
        self.dialect = dialect
        self.width = width
        self.limit = max_record_bytes
        self._patterns = Patterns.of(dialect)
        self._delimiter = ord(dialect.delimiter)
        self._delimiter_text = dialect.delimiter.encode()
        self._quote = ord(dialect.quote) if dialect.quote else -1
        self._end = dialect.terminator
        self._end_byte = self._end[0]
        self._doubled = dialect.quote.encode() * 2
        self._one = dialect.quote.encode()

    def read(self, data: bytes, start: int, final: bool, undecodable: Sequence[int] = ()) -> Verdict:
        """Return what the record at ``start``, the beginning of a physical line, is.

        ``final`` says that ``data`` ends with the file; else a record that reaches the end of ``data`` is
        left open. ``undecodable`` are the offsets (ascending) of bytes that are no text. The verdict depends
        on the file alone, never on where ``data`` happens to end.
        """
        found = data.find(self._end, start)
        line_end = len(data) if found < 0 else found
        next_line = min(line_end + 1, len(data))
        if line_end - start > self.limit:
            return Verdict(next_line, [], Fault("record_too_long", []))
        token = self._tokens(data, start, start + self.limit, final, line_end)
        if token.state == "more":
            return _MORE
        if token.state == "stray_line_end" and token.loose:
            # The parts after it would be read from quotes whose meaning is open.
            verdict = Verdict(next_line, [], Fault(token.state, []))
        elif token.state == "stray_line_end":
            verdict = self._parted(data, start, next_line, token, final)
        elif token.state == "end":
            verdict = self._well_formed(data, start, next_line, token)
        elif token.state == "record_too_long":
            verdict = Verdict(next_line, [], Fault(token.state, []))
        elif token.state == "unclosed_quote":
            verdict = Verdict(next_line, [], self.unclosed(data, start, line_end))
        elif token.place < next_line:
            cells = self.padded(data[start:line_end])
            if cells is not None:
                verdict = Verdict(next_line, [(start, cells)])
            else:
                verdict = Verdict(next_line, [], self._fault(data, token))
        else:
            verdict = self._garbled_later(data, start, next_line, token, final)
        return verdict if verdict.end < 0 else self._text_only(data, start, verdict, undecodable)

    def unclosed(self, data: bytes, start: int, stop: int) -> Fault:
        """Return the fault of a line, ``data[start:stop]``, whose last cell opens a quote and leaves it open."""
        run = self._patterns.run.match(data, start, stop)
        assert run is not None, "a run can be empty, so it always matches"
        value = data[run.end() : min(stop, run.end() + VALUE_BYTES)].rstrip(b"\r")
        return Fault("unclosed_quote", [], self._count(run[0]) + 1, value)

    def spoiled(self, data: bytes, start: int, stop: int, final: bool) -> Verdict:
        """Return what a line is in which a quote stands where none may; ``stop`` is its line end.

        The same as ``read``, but quick for text after a closing quote. The line has no NUL, no bytes that
        are no text, and no stray line end.
        """
        run = self._patterns.run.match(data, start, stop)
        assert run is not None, "a run can be empty, so it always matches"
        at = run.end()
        if at < stop and data[at] == self._quote and self._patterns.quoted is not None:
            match = self._patterns.quoted.match(data, at, stop)
            if match is not None and data[match.end() : match.end() + 1] not in (b"", b"\r", b"\n"):
                cells = self.padded(data[start:stop])
                if cells is not None:
                    return Verdict(min(stop + 1, len(data)), [(start, cells)])
                text = self._as_meant(match[0][1:-1])
                rest = data[match.end() : min(stop, match.end() + VALUE_BYTES)].rstrip(b"\r")
                why = self._blank_after(data, match.end())
                column = self._count(run[0]) + 1
                fault = Fault("text_after_quote", [], column, (text + rest)[:VALUE_BYTES], why)
                return Verdict(min(stop + 1, len(data)), [], fault)
        return self.read(data, start, final)

    def split(self, record: bytes) -> Cells | None:
        """Return the cells of ``record`` (no line end) if it is well formed, whatever their number."""
        token = self._tokens(record, 0, len(record), True)
        return token.cells if token.state == "end" and token.end == len(record) else None

    def padded(self, line: bytes) -> Cells | None:
        """Return the cells of a line whose quoted cells have blanks around them, or ``None`` if it is no record so."""
        padded, plain = self._patterns.padded, self._patterns.plain
        if padded is None:
            return None
        if self._end_byte == 10 and line.endswith(b"\r"):
            line = line[:-1]
        if b"\r" in line or b"\n" in line:
            return None
        cells: Cells = []
        at = 0
        while True:
            match = padded.match(line, at)
            if match is not None:
                cells.append(self._as_meant(match[1][1:-1]))
            else:
                match = plain.match(line, at)
                assert match is not None, "an unquoted cell can be empty, so it always matches"
                text = match[0]
                cells.append(
                    (self._as_meant(text) if self.dialect.escape else text).strip(self._patterns.blanks)
                )
            at = match.end()
            if at == len(line):
                return cells if not self.width or len(cells) == self.width else None
            if line[at] != self._delimiter:
                return None
            at += 1

    def _tokens(self, data: bytes, start: int, limit: int, final: bool, loose_until: int = 0) -> _Token:
        """Split the record at ``start``; no cell may reach beyond the offset ``limit``.

        Quotes may be text up to ``loose_until``, the end of the first line; the record then ends there.
        """
        size, loose = len(data), 0
        quote, delimiter, end_byte = self._quote, self._delimiter, self._end_byte
        run = self._patterns.run.match(data, start, min(size, limit))
        assert run is not None, "a run can be empty, so it always matches"
        cells, at = self._cells(run[0]), run.end()
        plain, quoted = self._patterns.plain, self._patterns.quoted
        while True:
            if at > limit:
                return _Token("record_too_long", at, cells, at)
            if at < size and data[at] == quote and quoted is not None:
                match = quoted.match(data, at, min(size, limit) if not loose else loose_until)
                if match is None and loose:
                    return _Token("stray_quote", at, cells[:loose], at)
                if match is None:
                    known = final or size >= limit
                    return _Token("unclosed_quote" if known else "more", size, cells, at)
                at = match.end()
                cell = match[0][1:-1]
                if self._one in cell or self.dialect.escape:
                    cell = self._as_meant(cell)
                bad = "text_after_quote"
            else:
                match = plain.match(data, at)
                assert match is not None, "an unquoted cell can be empty, so it always matches"
                begin, at = at, match.end()
                if at < loose_until and data[at] == quote and self._patterns.loose is not None:
                    text = self._patterns.loose.match(data, begin, loose_until)
                    if text is not None:
                        match, at, loose = text, text.end(), loose or len(cells) + 1
                cell = match[0]
                if self.dialect.escape:
                    cell = self._as_meant(cell)
                bad = "stray_quote"
            cells.append(cell)
            if at > limit:
                return _Token("record_too_long", at, cells, at)
            if at == size:
                return _Token("end" if final else "more", size, cells, size, loose)
            byte = data[at]
            if byte == delimiter:
                at += 1
            elif byte == end_byte:
                return _Token("end", at + 1, cells, at, loose)
            elif byte == 13 and end_byte == 10 and data[at + 1 : at + 2] == b"\n":
                return _Token("end", at + 2, cells, at, loose)
            elif byte == 13 and end_byte == 10 and at + 1 == size and not final:
                return _Token("more", size, cells, at)
            elif byte in b"\r\n":
                return _Token("stray_line_end", at + 1, cells, at, loose)
            else:
                return _Token(bad, at, cells, at)

    def _cells(self, run: bytes) -> Cells:
        """Split a run of well-formed cells, each with its delimiter."""
        if self.dialect.escape or (self._one and self._one in run):
            cells = []
            for cell in self._patterns.cell.findall(run):
                text = cell[1:-2] if cell[0] == self._quote else cell[:-1]
                cells.append(self._as_meant(text) if self.dialect.escape or self._one in text else text)
            return cells
        cells = run.split(self._delimiter_text)
        cells.pop()
        return cells

    def _count(self, run: bytes) -> int:
        if self.dialect.escape or (self._one and self._one in run):
            return len(self._patterns.cell.findall(run))
        return run.count(self._delimiter_text)

    def _as_meant(self, cell: bytes) -> bytes:
        if not self.dialect.escape:
            return cell.replace(self._doubled, self._one)
        written = self._patterns.written
        assert written is not None, "a dialect with escapes has a pattern for them"
        return written.sub(lambda match: match[match.lastindex or 0], cell)

    def _well_formed(self, data: bytes, start: int, next_line: int, token: _Token) -> Verdict:
        count = len(token.cells)
        if token.end > next_line and self._swallows(data, next_line, token.end):
            return Verdict(next_line, [], self.unclosed(data, start, data.find(self._end, start)))
        if self.width and count != self.width and token.loose:
            return Verdict(token.end, [], Fault("stray_quote", [], token.loose, token.cells[token.loose - 1]))
        if self.width and count != self.width:
            code = "too_many_cells" if count > self.width else "too_few_cells"
            return Verdict(token.end, [], Fault(code, token.cells))
        return Verdict(token.end, [(start, token.cells)])

    def _swallows(self, data: bytes, inner: int, end: int) -> bool:
        """Return whether the whole lines from ``inner`` to the one that ends at ``end`` are all records."""
        if self.width < SWALLOWED_WIDTH:
            return False
        last = data.rfind(self._end, 0, end - 1) + 1
        if data.count(self._end, inner, last) < SWALLOWED_LINES:
            return False
        while inner < last:
            after = data.find(self._end, inner) + 1
            if not self._stands_alone(data[inner : after - 1]):
                return False
            inner = after
        return True

    def _stands_alone(self, line: bytes) -> bool:
        if self._end_byte == 10 and line.endswith(b"\r"):
            line = line[:-1]
        cells = self.split(line)
        return len(cells) == self.width if cells is not None else self.padded(line) is not None

    def _begins_record(self, line: bytes) -> bool:
        """Return whether ``line`` is a record, or begins one that spans lines."""
        token = self._tokens(line, 0, len(line), True)
        if token.state == "end":
            return len(token.cells) == self.width
        return token.state == "unclosed_quote" or self.padded(line) is not None

    def _garbled_later(self, data: bytes, start: int, next_line: int, token: _Token, final: bool) -> Verdict:
        """Decide between a quote that was never closed and a record spoiled on a later line."""
        place, horizon = token.place, start + 2 * self.limit + 1
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
            token.state == "text_after_quote"
            and (
                closing == line
                or (data[closing - 1] == self._delimiter and self.split(data[line : closing - 1]) is not None)
            )
        )
        at = next_line
        while not opens and at < after:
            following = data.find(self._end, at) + 1 or len(data)
            opens = self._stands_alone(data[at:following].rstrip(b"\r\n"))
            at = following
        if opens:
            return Verdict(next_line, [], self.unclosed(data, start, data.find(self._end, start)))
        return Verdict(after, [], self._fault(data, token))

    def _parted(self, data: bytes, start: int, next_line: int, token: _Token, final: bool) -> Verdict:
        """Read the parts between stray line ends, if there is only one way to; else give up the line."""
        rows: list[tuple[int, Cells]] = []
        at = start
        while True:
            if token.state not in ("end", "stray_line_end"):
                break
            if token.cells != [b""] or data[at : at + 1] not in (b"", b"\r", b"\n"):
                rows.append((at, token.cells))
            at = token.end
            if token.state != "end" and at >= len(data) and not final:
                return _MORE
            if token.state == "end" or at >= len(data):
                if not rows:
                    return Verdict(at, [])
                fits = all(len(cells) == self.width for _, cells in rows)
                if (fits and self.width > 1) or (len(rows) == 1 and (fits or not self.width)):
                    return Verdict(at, rows)
                if len(rows) == 1:
                    code = "too_many_cells" if len(rows[0][1]) > self.width else "too_few_cells"
                    return Verdict(at, [], Fault(code, rows[0][1]))
                break
            token = self._tokens(data, at, start + self.limit, final)
            if token.state == "more":
                return _MORE
        return Verdict(next_line, [], Fault("stray_line_end", []))

    def _text_only(self, data: bytes, start: int, verdict: Verdict, undecodable: Sequence[int]) -> Verdict:
        """Refuse a record that holds bytes that are no text, whatever else it is."""
        index = bisect_left(undecodable, start)
        if index < len(undecodable) and undecodable[index] < verdict.end:
            place, code = undecodable[index], "undecodable_bytes"
        else:
            place, code = data.find(b"\0", start, verdict.end), "nul_byte"
            if place < 0:
                return verdict
        known = verdict.rows[0][1] if len(verdict.rows) == 1 else []
        if verdict.fault is not None and verdict.fault.code.endswith("_cells"):
            known = verdict.fault.cells
        column = self._cell_at(data, start, place, known) if known else None
        value = known[column - 1][:VALUE_BYTES] if column and column <= len(known) else b""
        return Verdict(verdict.end, [], Fault(code, known, column, value))

    def _cell_at(self, data: bytes, start: int, place: int, cells: Cells) -> int | None:
        """Return the number of the cell that the byte at ``place``, in the record at ``start``, belongs to."""
        run = self._patterns.run.match(data, start, place)
        assert run is not None, "a run can be empty, so it always matches"
        begun = data[run.end() : place]
        if not self._one or self._one not in begun or begun.startswith(self._one):
            return self._count(run[0]) + 1
        # Quotes that are text: the first cell that holds the byte is as good a guess as any.
        holders = [number for number, cell in enumerate(cells, 1) if data[place : place + 1] in cell]
        return holders[0] if holders else None

    def _fault(self, data: bytes, token: _Token) -> Fault:
        """Blame the cell at which the tokens ended, or the blank beside its quote."""
        blanks, cell, why = self._patterns.blanks, token.cells[-1], ""
        if token.state == "stray_quote" and cell and not cell.strip(blanks):
            why = "blank_before_quote"
        elif token.state == "text_after_quote":
            why = self._blank_after(data, token.place)
        value = cell + data[token.place : token.place + VALUE_BYTES]
        value = (value.splitlines() or [b""])[0][:VALUE_BYTES]
        return Fault(token.state, [], len(token.cells), value, why)

    def _blank_after(self, data: bytes, place: int) -> str:
        """Return the name of the message where only blanks stand between a closing quote and the delimiter."""
        rest = data[place : place + VALUE_BYTES]
        behind = rest.lstrip(self._patterns.blanks)
        return (
            "blank_after_quote"
            if rest != behind and behind[:1] in (b"", self._delimiter_text, b"\r", b"\n")
            else ""
        )
