"""Replace records of a text file, in its encoding and dialect, and keep every other byte."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

import numpy as np

from imports_pipeline.reading.correction_parts import InvalidCorrection, copy_range
from imports_pipeline.reading.csv.parse_result import Cells
from imports_pipeline.reading.csv.reference_parser import ReferenceParser
from imports_pipeline.reading.csv.scan import Scan

# The largest number of bytes of a record that is corrected. A record without a line end may be a whole file.
_LONGEST: Final = 8 << 20


def correct_text(
    scan: Scan, columns: int, changes: Mapping[int, Mapping[int, str]], out: BinaryIO
) -> dict[int, int]:
    """Write the file of a scan with the records of some lines changed.

    Args:
        scan: the file.
        columns: the number of columns of its table.
        changes: the new cells by line and position.
        out: where it is written.

    Returns:
        By how many lines a record has become longer, by the line of the record, where it has.

    Raises:
        InvalidCorrection: no record begins in a line, or a cell cannot be written in this encoding or dialect.
    """
    places = _places(scan, sorted(changes))
    for line in changes:
        if line not in places:
            raise InvalidCorrection(line, f"No row of the file begins in line {line:,}.")
    writer = _RecordWriter(scan, columns)
    longer: dict[int, int] = {}
    source, at = scan.source, 0
    for line, (begin, end) in sorted(places.items()):
        copy_range(source, at, begin, out)
        if end - begin > _LONGEST:
            raise InvalidCorrection(line, "The row is too long to be corrected here; correct it in the file.")
        source.seek(begin)
        before = source.read(end - begin)
        after = writer.corrected(before, changes[line], line)
        if more := writer.lines(after) - writer.lines(before):
            longer[line] = more
        out.write(after)
        at = end
    copy_range(source, at, None, out)
    return longer


def _places(scan: Scan, lines: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return where the records of these lines begin and end in the file."""
    wanted = np.array(lines, np.int64)
    found: dict[int, tuple[int, int]] = {}
    if not len(wanted):
        return found
    for spans in scan.spans():
        chosen = np.flatnonzero(np.isin(spans.line, wanted))
        for line, begin, end in zip(
            spans.line[chosen].tolist(), spans.begin[chosen].tolist(), spans.end[chosen].tolist(), strict=True
        ):
            found[line] = (begin, end)
        if len(spans.line) and spans.line[-1] > wanted[-1]:
            break
    return found


class _RecordWriter:
    """Changes cells of single records of one file."""

    def __init__(self, scan: Scan, columns: int) -> None:
        self._encoding, self._dialect, self._columns = scan.encoding, scan.dialect, columns
        self._parser: ReferenceParser = scan.parser()
        name = self._encoding.name
        self._codec = codecs.lookup("utf-8" if name == "utf-8-sig" else name)

    def corrected(self, record: bytes, changes: Mapping[int, str], line: int) -> bytes:
        """Return a record with changed cells, or the record itself if its cells are those already."""
        data = self._decoded(record)
        line_end = next((end for end in (b"\r\n", b"\n", b"\r") if data.endswith(end)), b"")
        cells, is_row = self._cells(data)
        complete = len(changes) == self._columns
        width = self._parser.width
        if not is_row and not complete and (not cells or any(cells[width:])):
            raise InvalidCorrection(
                line, "This row could not be split into its cells; give the cells of all its columns."
            )
        new = cells[:width] if not is_row or len(cells) > width else list(cells)
        new += [b""] * (width - len(new))
        for position, text in changes.items():
            if cells and position < len(cells) and self._shown(cells[position]) == text:
                cell = cells[position]
                if not cell.isascii() and len(self._encoding.undecodable(cell, len(cell))):
                    raise InvalidCorrection(
                        line, f"Cell {position + 1} still holds bytes that are not text; write its text anew."
                    )
                continue
            new[position] = text.encode()
        if is_row and new == cells:
            return record
        written = self._written(new, line) + line_end
        again, sound = self._cells(written)
        if not sound or again != new:
            raise InvalidCorrection(
                line, "The row cannot be written in this file so that the same cells are read from it again."
            )
        return self._encoded(written, line)

    def lines(self, record: bytes) -> int:
        """Return the number of line ends in a record."""
        data = self._decoded(record)
        return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")

    def _cells(self, data: bytes) -> tuple[Cells, bool]:
        """Return the cells of a record as far as they are known, and True if the record is a row."""
        undecodable = () if data.isascii() else self._encoding.undecodable(data, len(data)).tolist()
        result = self._parser.read(data, 0, True, undecodable)
        if result.error is not None or len(result.rows) != 1 or result.end != len(data):
            return (result.error.cells if result.error is not None else []), False
        return result.rows[0][1], True

    def _shown(self, cell: bytes) -> str:
        return self._encoding.to_text(cell)

    def _decoded(self, record: bytes) -> bytes:
        decoder = self._encoding.decoder()
        return record if decoder is None else decoder.decode(record, True).encode()

    def _written(self, cells: Cells, line: int) -> bytes:
        """Return cells as a record, quoted where that is needed."""
        delimiter, quote, escape = (
            one.encode() for one in (self._dialect.delimiter, self._dialect.quote, self._dialect.escape)
        )
        written = []
        for number, cell in enumerate(cells, 1):
            special = any(one and one in cell for one in (delimiter, quote, escape, b"\r", b"\n"))
            if not special and cell == cell.strip() and (cell or len(cells) > 1):
                written.append(cell)
                continue
            if not quote:
                if special:
                    raise InvalidCorrection(
                        line, f"Cell {number} holds a delimiter or a line end, and the file has no quotes."
                    )
                written.append(cell)
                continue
            if escape:
                cell = cell.replace(escape, escape * 2)
            inner = cell.replace(quote, (escape or quote) + quote)
            written.append(quote + inner + quote)
        return delimiter.join(written)

    def _encoded(self, written: bytes, line: int) -> bytes:
        text = written.decode()
        name = self._encoding.name
        try:
            encoded = self._codec.encode(text)[0]
            same = self._codec.decode(encoded)[0] == text
        except UnicodeError:
            same = False
        if not same:
            lost = next((one for one in text if not _can_encode(self._codec, one)), "?")
            raise InvalidCorrection(
                line,
                f"The character {lost!r} cannot be written in the file's encoding, {name}; write the cell without it,"
                " or save the file as UTF-8 and import it again.",
            )
        return encoded


def _can_encode(codec: codecs.CodecInfo, character: str) -> bool:
    try:
        return codec.decode(codec.encode(character)[0])[0] == character
    except UnicodeError:
        return False
