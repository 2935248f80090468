"""Replace cells of a workbook's sheet by texts, and keep every other cell with its value, type and format.

The XML of the sheet is copied byte by byte, except for the cells that change: they become inline strings (ECMA-376
Part 1, 18.3.1.53). A sheet written anew from the texts that were read would have dates and errors as texts.
"""

from __future__ import annotations

import codecs
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, BinaryIO, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from imports_pipeline.reading.correction_parts import InvalidCorrection, copy_range
from imports_pipeline.reading.options import NotATable
from imports_pipeline.reading.xlsx import workbook_checks
from imports_pipeline.reading.xlsx.sheet_reader import SpreadsheetReader

_CHUNK: Final = 1 << 20
_SPOOL_BYTES: Final = 32 << 20
# The largest number of UTF-16 code units in a cell.
_CELL_UNITS: Final = 32_767
# Characters that XML 1.0 cannot hold.
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Text that a workbook would read as an escaped character; its underscore is escaped.
_LOOKS_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_PLACE: Final = re.compile(r"([A-Z]+)([0-9]+)")
_STYLE: Final = re.compile(rb"""\ss=["']([0-9]+)["']""")


def correct_sheet(
    source: BinaryIO, reader: SpreadsheetReader, changes: Mapping[int, Mapping[int, str]], out: BinaryIO
) -> None:
    """Write the workbook with changed cells in the sheet that ``reader`` reads.

    Args:
        source: the workbook.
        reader: its reader.
        changes: the new cells by row of the sheet, from 1, and position.
        out: where it is written.

    Raises:
        InvalidCorrection: there is no such row, or a workbook cannot hold the text of a cell.
    """
    texts = _changed_texts(reader, changes)
    source.seek(0)
    with (
        tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as book,
        tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as sheet,
        zipfile.ZipFile(source) as archive,
    ):
        part = workbook_checks.part_of(archive, reader.detected.sheet)
        if part not in archive.namelist():
            line = min(changes, default=0)
            raise InvalidCorrection(line, "The sheet cannot be corrected in this workbook; save it as CSV.")
        with archive.open(part) as packed:
            shutil.copyfileobj(packed, sheet, _CHUNK)
        sheet.seek(0)
        if sheet.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise InvalidCorrection(
                min(changes, default=0), "The sheet is written in UTF-16; save it as CSV."
            )
        with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as copy:
            for entry in archive.infolist():
                with copy.open(
                    zipfile.ZipInfo(entry.filename, entry.date_time), "w", force_zip64=True
                ) as target:
                    if entry.filename == part:
                        _write_sheet(sheet, texts, target)
                    else:
                        with archive.open(entry) as packed:
                            shutil.copyfileobj(packed, target, _CHUNK)
        book.seek(0)
        shutil.copyfileobj(book, out, _CHUNK)


def _changed_texts(
    reader: SpreadsheetReader, changes: Mapping[int, Mapping[int, str]]
) -> dict[int, dict[int, str]]:
    """Return the cells that are written by row and position: those that differ from what was read."""
    width = len(reader.header)
    texts: dict[int, dict[int, str]] = {}
    for line, cells in _rows(reader, changes):
        new = dict(changes[line])
        if any(cells[width:]):
            if len(new) < width:
                raise InvalidCorrection(
                    line,
                    "This row has cells beyond the header; give the cells of all columns to remove them.",
                )
            new |= dict.fromkeys(range(width, len(cells)), "")
        shown = dict(enumerate(cells))
        texts[line] = {position: text for position, text in new.items() if text != shown.get(position, "")}
        for position, text in texts[line].items():
            _check(text, line, reader.header[position] if position < width else None)
    for line in changes:
        if line not in texts:
            raise InvalidCorrection(line, f"No row of the sheet is in line {line:,}.")
    return texts


def _rows(reader: SpreadsheetReader, lines: Mapping[int, object]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield line and cells of the rows in these lines, also of those that are malformed."""
    if not lines:
        return
    for batch in reader.batches():
        for at, line in enumerate(batch.line.to_pylist()):
            if line in lines:
                yield line, tuple(column[at].as_py() for column in batch.cells.columns)
        for record in batch.malformed:
            if record.line in lines:
                yield record.line, record.cells


def _check(text: str, line: int, column: str | None) -> None:
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > _CELL_UNITS:
        raise InvalidCorrection(line, f"A cell of a workbook has at most {_CELL_UNITS:,} characters.", column)
    if _NOT_IN_XML.search(text):
        raise InvalidCorrection(line, "The cell has a character that a workbook cannot hold.", column)


@dataclass
class _Row:
    """A row in the XML: its place, the end of its start tag, and the places of its cells by position."""

    begin: int
    name: str
    cells: list[tuple[int, int, int]] = field(default_factory=list)


def _write_sheet(sheet: IO[bytes], texts: Mapping[int, Mapping[int, str]], out: IO[bytes]) -> None:
    at = 0
    for line, row, end in _places(sheet, texts):
        copy_range(sheet, at, row.begin, out)
        sheet.seek(row.begin)
        out.write(_corrected(sheet.read(end - row.begin), row, line, texts[line]))
        at = end
    copy_range(sheet, at, None, out)


def _corrected(raw: bytes, row: _Row, line: int, texts: Mapping[int, str]) -> bytes:
    """Return the XML of a row with changed cells."""
    begin = row.begin
    tag_end = _tag_end(raw, 0)
    prefix = f"{row.name.rpartition(':')[0]}:" if ":" in row.name else ""
    cells: dict[int, bytes] = {}
    for position, first, stop in row.cells:
        cells[position] = raw[first - begin : stop - begin]
    if not row.cells and raw[:tag_end].endswith(b"/>"):
        start, rest = raw[: tag_end - 2] + b">", f"</{row.name}>".encode()
    else:
        start = raw[:tag_end]
        rest = raw[row.cells[-1][2] - begin if row.cells else tag_end :]
    for position, text in texts.items():
        style = _STYLE.search(cells.get(position, b"")[: _tag_end(cells.get(position, b""), 0)])
        cells[position] = _cell(prefix, position, line, text, style[1].decode() if style else "")
    return start + b"".join(cells[position] for position in sorted(cells)) + rest


def _cell(prefix: str, position: int, line: int, text: str, style: str) -> bytes:
    attributes = f'r="{_letters(position)}{line}"' + (f' s="{style}"' if style else "")
    if not text:
        return f"<{prefix}c {attributes}/>".encode()
    shown = escape(_LOOKS_ESCAPED.sub("_x005F_", text)).replace("\r", "_x000D_")
    inline = f'<{prefix}is><{prefix}t xml:space="preserve">{shown}</{prefix}t></{prefix}is>'
    return f'<{prefix}c {attributes} t="inlineStr">{inline}</{prefix}c>'.encode()


def _places(sheet: IO[bytes], lines: Mapping[int, object]) -> list[tuple[int, _Row, int]]:
    """Return number, place and end of the rows with these numbers, in the order of the file."""
    parser = expat.ParserCreate()
    found: list[tuple[int, _Row, int]] = []
    number, column, depth = 0, -1, 0
    row: _Row | None = None
    cell: tuple[int, int] | None = None

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal number, column, row, cell, depth
        kind = name.rpartition(":")[2]
        if kind == "row":
            number = int(attributes.get("r", number + 1))
            column = -1
            if number in lines:
                row = _Row(parser.CurrentByteIndex, name)
                parser.EndElementHandler = ended
        elif kind == "c" and row is not None and cell is None:
            place = _PLACE.fullmatch(attributes.get("r", ""))
            column = _number(place[1]) if place else column + 1
            cell = (column, parser.CurrentByteIndex)

    def ended(name: str) -> None:
        nonlocal row, cell
        kind = name.rpartition(":")[2]
        if kind == "c" and row is not None and cell is not None:
            row.cells.append((cell[0], cell[1], parser.CurrentByteIndex))
            cell = None
        elif kind == "row" and row is not None:
            found.append((number, row, parser.CurrentByteIndex))
            row = None
            parser.EndElementHandler = None

    parser.StartElementHandler = started
    sheet.seek(0)
    try:
        while chunk := sheet.read(_CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NotATable(
            "not_a_table", f"The sheet's XML is damaged ({error}): save the workbook again."
        ) from error
    return [(line, _closed(sheet, one), _end(sheet, end)) for line, one, end in found]


def _closed(sheet: IO[bytes], row: _Row) -> _Row:
    """Return a row whose cells end after their end tags."""
    return _Row(row.begin, row.name, [(column, begin, _end(sheet, end)) for column, begin, end in row.cells])


def _end(sheet: IO[bytes], at: int) -> int:
    """Return the end of an element: of the end tag at this place, or the place itself after an empty element."""
    sheet.seek(at)
    tag = sheet.read(256)
    return at + tag.index(b">") + 1 if tag.startswith(b"</") else at


def _tag_end(raw: bytes, at: int) -> int:
    """Return where the start tag at this place ends. A ``>`` in the value of an attribute is no end."""
    quote = 0
    for place in range(at, len(raw)):
        byte = raw[place]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == 62:
            return place + 1
    return len(raw)


def _letters(position: int) -> str:
    letters, number = "", position + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
