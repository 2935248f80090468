"""Reads a sheet of an XLSX file by calamine: its cells as text, as a person sees them, in batches.

Before calamine opens the workbook, ``workbook_checks`` refuses unsafe ones and finds the cells that show an error such
as ``#N/A``, which calamine returns as blank. Rows that are hidden or filtered out are read like all others.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Final

import pyarrow as pa
import python_calamine as calamine

from imports_pipeline.reading.csv import malformed_messages
from imports_pipeline.reading.detection.header_line import header_index
from imports_pipeline.reading.footers import MOST_FOOTER_LINES, Line, footer_of
from imports_pipeline.reading.options import Detected, NotATable, ReadOptions
from imports_pipeline.reading.passed_over import remove_footer
from imports_pipeline.reading.records import MalformedRecord, MalformedRecords, RowBatch
from imports_pipeline.reading.xlsx import sheets, workbook_checks
from imports_pipeline.reading.xlsx.number_formats import formatted_cells

_HEADER_ROWS: Final = 100
# The smallest number of more than 15 digits. Excel keeps 15.
_TOO_LONG: Final = 10**15


class _TooManyDigits(Exception):
    """A cell holds a number with more digits than a workbook keeps."""


def is_spreadsheet(archive: zipfile.ZipFile) -> bool:
    """Return True if a zip file is an XLSX file."""
    names = set(archive.namelist())
    return "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names)


class SpreadsheetReader:
    """One sheet of an XLSX file. ``byte_offset`` of a row is its 0-based number in the sheet."""

    def __init__(self, source: BinaryIO, archive: zipfile.ZipFile, options: ReadOptions) -> None:
        """Check the file, open the sheet and find its header. Raises ``NotATable``."""
        errors = workbook_checks.check(archive, options.unpacking.xml_bytes)
        self._source, self._options = source, options
        sheet = self._sheet()
        part = workbook_checks.part_of(archive, sheet.name)
        self._errors = errors.get(part, {})
        self._formatted = formatted_cells(archive, part)
        rows = islice(self._rows(sheet), max(_HEADER_ROWS, options.header_line or 0))
        top = [_shown(_texts_of_any(row), self._errors.get(line, {})) for line, row in enumerate(rows, 1)]
        index = options.header_line - 1 if options.header_line else header_index(top)
        if index is None or index >= len(top) or not any(top[index]):
            also = f" {sheets.others_sentence(sheet.name, self._others)}" if self._others else ""
            raise NotATable(
                "no_header", f"Sheet {sheet.name!r} has no header row: name another sheet or row.{also}"
            )
        header = top[index]
        while not header[-1].strip():
            header.pop()
        if valueless := [
            one for one in self._errors.get(index + 1, {}).values() if one.column <= len(header) + 1
        ]:
            raise NotATable(
                "no_header",
                f"Cell {valueless[0].column} of the header in row {index + 1} shows no value: write its name there.",
            )
        sheets.check_header_is_not_merged(sheet, index, len(header))
        self.header, self.header_line = tuple(header), index + 1
        self._top = [row for row in top[index + 1 :] if any(row)]
        self.detected = Detected(
            encoding="utf-8",
            delimiter="",
            quote="",
            header_line=self.header_line,
            line_end="",
            compression="",
            sheet=sheet.name,
            other_sheets=self._others,
        )

    def batches(self) -> Iterator[RowBatch]:
        """Yield all rows below the header except empty ones and the footer."""
        width = len(self.header)
        for block, is_last in self._blocks():
            lines, kept, malformed = [], [], []
            if self._formatted is not None:
                self._formatted.show(block, block[0][0], block[-1][0])
            for line, row in block:
                try:
                    cells = _texts(row)
                except _TooManyDigits:
                    malformed.append(_shortened(line, row))
                    continue
                if not any(cells) and line not in self._errors:
                    continue
                if any(cells[width:]):
                    malformed.append(_too_wide(line, cells, width))
                    continue
                if bad := [cell for cell in self._errors.get(line, {}).values() if cell.column <= width]:
                    malformed.append(_error(line, cells, bad[0]))
                    continue
                lines.append(line)
                kept.append(cells[:width] + [""] * (width - len(cells)))
            if kept or malformed:
                batch = _batch(kept, lines, malformed, width)
                footer = footer_of(self._last_lines(block), self.header) if is_last else None
                yield remove_footer(batch, footer) if footer else batch

    def _blocks(self) -> Iterator[tuple[list[tuple[int, list[Any]]], bool]]:
        """Yield the numbered rows below the header in blocks, each with True if it is the last one.

        The last block holds every line of the footer: a few rows that remain after a full block are added to that one.
        """
        numbered = islice(enumerate(self._rows(self._sheet()), 1), self.header_line, None)
        size = max(self._options.batch_rows, MOST_FOOTER_LINES)
        block = list(islice(numbered, size))
        while following := list(islice(numbered, size)):
            if len(following) < MOST_FOOTER_LINES:
                block += following
                break
            yield block, False
            block = following
        if block:
            yield block, True

    def _last_lines(self, block: Sequence[tuple[int, list[Any]]]) -> list[Line]:
        """Return the last rows of a block as lines, with as many cells as the header if no more are filled in."""
        lines, width = [], len(self.header)
        for line, row in block[-MOST_FOOTER_LINES:]:
            cells = _shown(_texts_of_any(row), self._errors.get(line, {}))
            while len(cells) > width and not cells[-1]:
                cells.pop()
            cells += [""] * (width - len(cells))
            lines.append(Line(line - 1, "\t".join(filter(None, cells)), cells))
        return lines

    def sample(self) -> RowBatch | None:
        """Return some of the first rows, or ``None`` if none can be read."""
        width = len(self.header)
        top = [row[:width] + [""] * (width - len(row)) for row in self._top if not any(row[width:])]
        return _batch(top, [0] * len(top), [], width) if top else None

    def _sheet(self) -> Any:
        self._source.seek(0)
        try:
            book = calamine.CalamineWorkbook.from_filelike(self._source)
            name, self._others = sheets.choose(book, self._options.sheet)
            return book.get_sheet_by_name(name)
        except (calamine.CalamineError, OSError) as error:
            raise NotATable(
                "not_a_table", f"The workbook cannot be read ({error}): save it again as XLSX or CSV."
            ) from error

    def _rows(self, sheet: Any) -> Iterator[list[Any]]:
        """Yield the sheet's rows from row 1 and column A on; calamine begins at the first column in use."""
        if sheet.start is None:
            return
        left = [""] * sheet.start[1]
        for row in sheet.iter_rows():
            yield left + row if left else row


def _texts(row: Sequence[Any]) -> list[str]:
    return [value if type(value) is str else _text(value) for value in row]


def _texts_of_any(row: Sequence[Any]) -> list[str]:
    """Return the cells of a row as text. A number with too many digits is shortened as in the workbook."""
    return [f"{value:.15g}" if _is_too_long(value) else _texts([value])[0] for value in row]


def _is_too_long(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) >= _TOO_LONG


def _text(value: Any) -> str:
    """Return a cell as a person sees it: whole numbers without a decimal point, dates as ISO 8601."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if _is_too_long(value):
        raise _TooManyDigits
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        # Excel shows no more than 15 digits; the rest is noise of the binary fraction.
        return format(Decimal(f"{value:.15g}"), "f")
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return "" if value is None else str(value)


def _too_wide(line: int, cells: list[str], width: int) -> MalformedRecord:
    while not cells[-1]:
        cells.pop()
    message = malformed_messages.message(
        "too_many_cells", count=len(cells), width=width, column=None, encoding="", limit=0
    )
    raw = "\t".join(cells)
    return MalformedRecord(line, line - 1, "too_many_cells", message, raw, tuple(cells))


def _error(line: int, cells: list[str], cell: workbook_checks.ErrorCell) -> MalformedRecord:
    message = malformed_messages.message(
        cell.code, count=0, width=0, column=cell.column, encoding="", limit=0
    )
    shown = _shown(cells, {cell.column: cell})
    raw = "\t".join(shown)
    return MalformedRecord(line, line - 1, cell.code, message, raw, tuple(shown), cell.column, cell.text)


def _shortened(line: int, row: Sequence[Any]) -> MalformedRecord:
    cells = _texts_of_any(row)
    column = next(number for number, value in enumerate(row, 1) if _is_too_long(value))
    message = malformed_messages.message(
        "shortened_number", count=0, width=0, column=column, encoding="", limit=0
    )
    raw = "\t".join(cells)
    return MalformedRecord(
        line, line - 1, "shortened_number", message, raw, tuple(cells), column, cells[column - 1]
    )


def _shown(cells: list[str], valueless: dict[int, workbook_checks.ErrorCell]) -> list[str]:
    """Return a row with the shown text of its cells that have no value."""
    shown = cells + [""] * (max(valueless, default=0) - len(cells))
    for column, cell in valueless.items():
        shown[column - 1] = cell.text or "?"
    return shown


def _batch(rows: list[list[str]], lines: list[int], malformed: list[MalformedRecord], width: int) -> RowBatch:
    columns = list(zip(*rows, strict=True)) or [()] * width
    arrays = [pa.array(column, pa.string()) for column in columns]
    return RowBatch(
        pa.RecordBatch.from_arrays(arrays, names=[f"c{number}" for number in range(width)]),
        pa.array(lines, pa.int64()),
        pa.array([line - 1 for line in lines], pa.int64()),
        MalformedRecords.of(malformed),
    )
