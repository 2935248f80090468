"""Writes a table as an XLSX workbook in which every cell is a text, so that a spreadsheet changes none of them.

A spreadsheet that opens a CSV file reads ``00017`` as 17, ``+4930901820`` as a number, and an id such as ``1E5`` as
100,000. In a workbook each cell has a type and a format: here the type is text, and the format of the whole column is
text too (``@``), so that a value which a person types into it stays as it was typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

# The limits of a sheet: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3
_ROWS: Final = 1_048_576
_COLUMNS: Final = 16_384
#: The largest number of UTF-16 code units in a cell.
CELL_UNITS: Final = 32_767
# Characters that XML 1.0 does not have and that the format has no escape for.
_NOT_IN_XML: Final = frozenset("\ufffe\uffff")
_WIDTH: Final = 20


class NoWorkbook(ValueError):
    """The table cannot be a workbook; the message says why."""


class MarkedCell(str):
    """The text of a cell that is shown on a red ground."""


def write_text_workbook(rows: Iterable[Sequence[str]], out: BinaryIO, sheet: str) -> None:
    """Write rows, the header first, as the only sheet of a workbook. Memory does not grow with their number.

    Args:
        rows: The cells. An empty one stays empty.
        out: Where the workbook is written, when all rows have been read.
        sheet: The name of the sheet.

    Raises:
        NoWorkbook: There are more rows, columns or characters of a cell than a sheet can have.
    """
    # Imported here because only exports and errors files need it.
    from xlsxwriter import Workbook

    with TemporaryDirectory(prefix="imports-workbook-") as folder:
        # `constant_memory` keeps one row in memory, and the rows before it in a file of the folder.
        book = Workbook(out, {"constant_memory": True, "tmpdir": folder})
        text = book.add_format({"num_format": "@"})
        marked = book.add_format({"num_format": "@", "bg_color": "#FFC7CE"})
        table = book.add_worksheet(sheet)
        table.set_column(0, _COLUMNS - 1, _WIDTH, text)
        table.freeze_panes(1, 0)
        # Excel would mark each number that is a text, and offer to make it a number.
        table.ignore_errors({"number_stored_as_text": f"A1:XFD{_ROWS}"})
        header: Sequence[str] = ()
        for number, row in enumerate(rows):
            header = header or row
            if number >= _ROWS:
                raise NoWorkbook(
                    f"there are more rows than the {_ROWS - 1:,} that fit below the header of a sheet"
                )
            if len(row) > _COLUMNS:
                raise NoWorkbook(f"there are {len(row):,} columns, and a sheet has {_COLUMNS:,}")
            for column, cell in enumerate(row):
                if cell:
                    _check(cell, header, row, column)
                if cell or isinstance(cell, MarkedCell):
                    table.write_string(number, column, cell, marked if isinstance(cell, MarkedCell) else text)
        book.close()


def _check(cell: str, header: Sequence[str], row: Sequence[str], column: int) -> None:
    """Raise ``NoWorkbook`` if a sheet cannot hold the text."""
    units = len(cell) if len(cell) <= CELL_UNITS // 2 else len(cell.encode("utf-16-le")) // 2
    if units <= CELL_UNITS and _NOT_IN_XML.isdisjoint(cell):
        return
    name = f"`{header[column]}`" if column < len(header) else f"column {column + 1}"
    where = f"{name} of {row[0]}"
    if units > CELL_UNITS:
        raise NoWorkbook(f"{where} has {units:,} characters, and a cell of a sheet can have {CELL_UNITS:,}")
    raise NoWorkbook(f"{where} has a character that a workbook cannot hold")
