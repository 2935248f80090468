"""Checks an XLSX workbook before it is opened: refuses unsafe ones, and finds cells that show no value.

Unsafe workbooks declare XML entities, have parts that unpack to too many bytes, or have sheets whose few cells lie so
far apart that the area between them would fill the memory. Parts are read in chunks and never parsed as a whole.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from defusedxml import ElementTree

from imports_pipeline.reading.archives import chunks
from imports_pipeline.reading.options import NotATable

#: Cells in the area a sheet spans; a full sheet of 95 columns has as many. Its reader holds all of them, 24 bytes each.
_AREA: Final = 100_000_000
# A larger area must have at least one cell in every `_SPARSE`, because a few distant cells would fill the memory.
_SPARSE_AREA: Final = 10_000_000
_SPARSE: Final = 20
_REFERENCE: Final = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_DECLARATION: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_ERROR: Final = re.compile(rb'\st="e"')
_VALUE: Final = re.compile(rb"<(?:\w+:)?v>([^<]{1,40})<")
# The bytes of a chunk that are examined again with the next one, so that no match is cut in two.
_OVERLAP: Final = 256


#: A cell that is left unfinished at the end of a chunk is looked at again whole, up to this size: a formula has
#: at most 8,192 characters, of up to six bytes each as XML writes them.
_CELL_BYTES: Final = 64 * 1024
_CELL_END: Final = re.compile(rb"</(?:\w+:)?c>")
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
_FORMULA_TEXT: Final = re.compile(rb"<(?:\w+:)?f[^>]*>([^<]{0,60})")
_SOME_VALUE: Final = re.compile(rb"<(?:\w+:)?v>[^<]|<(?:\w+:)?v\s[^>]*[^/]>[^<]")
_TEXT_TYPE: Final = re.compile(rb'\st="(?:str|inlineStr|e)"')


@dataclass(frozen=True)
class ErrorCell:
    """A cell that shows no value: its column (from 1), what it shows if that is known, and the code for it."""

    column: int
    text: str
    code: str = "spreadsheet_error"


#: row (from 1) → column → cell
Errors = dict[int, dict[int, ErrorCell]]


def check(archive: zipfile.ZipFile, limit: int) -> dict[str, Errors]:
    """Return the cells of each sheet, by the sheet's part, that show an error.

    Raises ``NotATable`` for entities, encryption, and bombs of size and of area.
    """
    left = limit
    errors: dict[str, Errors] = {}
    for entry in archive.infolist():
        if entry.flag_bits & 1:
            raise NotATable("unsafe_archive", "The workbook is encrypted: save it without a password.")
        if entry.file_size > left:
            raise NotATable("file_too_large", f"The workbook unpacks to more than {limit:,} bytes: split it.")
        is_sheet = entry.filename.startswith("xl/worksheets/")
        columns, last_row, cells, tail = {b"A"}, 1, 0, b""
        try:
            with archive.open(entry) as part:
                for chunk in chunks(part, left, "XLSX"):
                    left -= len(chunk)
                    # Without its NULs, UTF-16 text of ASCII letters is ASCII.
                    piece = tail + chunk.replace(b"\0", b"")
                    if _DECLARATION.search(piece):
                        raise NotATable(
                            "unsafe_archive",
                            "The workbook's XML declares entities: save it again from Excel.",
                        )
                    if is_sheet:
                        found = _REFERENCE.findall(piece)
                        cells += len(found)
                        columns.update(column for column, _ in found)
                        last_row = max([last_row, *(int(row) for _, row in found[-1:])])
                        for row, cell in (*_errors(piece), *_uncalculated(piece)):
                            errors.setdefault(entry.filename, {}).setdefault(row, {})[cell.column] = cell
                    tail = piece[-_OVERLAP:]
                    if is_sheet:
                        tail = piece[_unfinished(piece) :]
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise NotATable(
                "not_a_table", f"The workbook is damaged ({error}): save it again as XLSX or CSV."
            ) from error
        area = last_row * max(map(_column_number, columns))
        if area > _AREA or area > max(_SPARSE_AREA, _SPARSE * cells):
            last = f"{max(columns, key=_column_number).decode()}{last_row}"
            raise NotATable(
                "file_too_large",
                f"The cells of sheet {_sheet_in(archive, entry.filename)!r} span to {last}, too large an area: delete "
                "what stands far from the others, its formats too.",
            )
    return errors


def _errors(piece: bytes) -> Iterator[tuple[int, ErrorCell]]:
    """Find the cells of type ``e`` (ECMA-376 Part 1, 18.18.11) in a piece of a sheet, with their rows."""
    for match in _ERROR.finditer(piece):
        begin, end = piece.rfind(b"<", 0, match.start()), piece.find(b">", match.end())
        place = _REFERENCE.search(piece, max(begin, 0), end) if end >= 0 else None
        if place is not None:
            close = piece.find(b"</c", end)
            shown = _VALUE.search(piece, end, close) if close >= 0 else None
            text = shown[1].decode("utf-8", "replace") if shown else ""
            yield int(place[2]), ErrorCell(_column_number(place[1]), text)


def _uncalculated(piece: bytes) -> Iterator[tuple[int, ErrorCell]]:
    """Find the cells whose formula has no saved result, which no reader can tell from a blank; with their rows.

    A program that writes a formula and does not calculate it leaves them. An empty text is a result (``t="str"``).
    """
    for match in _FORMULA.finditer(piece):
        begin = piece.rfind(b"<", 0, match.start())
        close = _CELL_END.search(piece, match.end())
        if begin < 0 or close is None:
            continue
        place = _REFERENCE.search(piece, begin, match.start())
        typed = _TEXT_TYPE.search(piece, begin, match.start())
        if place is None or typed or _SOME_VALUE.search(piece, match.start(), close.start()):
            continue
        formula = _FORMULA_TEXT.match(piece, match.start())
        text = f"={formula[1].decode('utf-8', 'replace')}" if formula and formula[1] else ""
        yield int(place[2]), ErrorCell(_column_number(place[1]), text, "formula_without_value")


def _unfinished(piece: bytes) -> int:
    """Return where the last cell of the piece begins, if it may go on in the next, or else the overlap."""
    overlap = max(0, len(piece) - _OVERLAP)
    begin = max(piece.rfind(b"<c "), piece.rfind(b":c "))
    return min(overlap, begin) if begin >= max(0, len(piece) - _CELL_BYTES) else overlap


def part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the part that holds a sheet, by the workbook's own list; empty if it has none."""
    return _parts(archive).get(sheet, "")


def _sheet_in(archive: zipfile.ZipFile, part: str) -> str:
    """Return the name of the sheet that a part holds, or the part's if the workbook does not list it."""
    return next((sheet for sheet, own in _parts(archive).items() if own == part), part)


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part of each sheet by its name, in the workbook's order."""
    try:
        sheets = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        targets = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, ElementTree.ParseError):
        return {}
    parts = {one.get("Id"): one.get("Target", "") for one in targets.iter()}
    found = {}
    for one in sheets.iter():
        own = next((value for name, value in one.attrib.items() if name.endswith("}id")), None)
        if one.tag.rpartition("}")[2] == "sheet" and own in parts:
            found[one.get("name", "")] = posixpath.normpath(posixpath.join("/xl", parts[own])).lstrip("/")
    return found


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
