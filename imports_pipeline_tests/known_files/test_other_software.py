"""A known file that another program has opened and saved again is the same file."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
import xlsxwriter

from imports_pipeline_tests.known_files.reading import opened, read
from imports_pipeline_tests.known_files.test_any_order import table_of
from imports_pipeline_tests.known_files.test_samples import _EXPECTED

Rows = list[list[str]]


def frame(table: Rows) -> pd.DataFrame:
    return pd.DataFrame(table[1:], columns=table[0])


def arrow(table: Rows) -> pa.Table:
    columns = [pa.array(list(cells), pa.string()) for cells in zip(*table[1:], strict=True)]
    return pa.table(columns, names=table[0])


def of_pandas(table: Rows, folder: Path) -> bytes:
    return frame(table).to_csv(index=False).encode()


def of_pandas_for_excel(table: Rows, folder: Path) -> bytes:
    return frame(table).to_csv(index=False, sep=";", lineterminator="\r\n").encode("utf-8-sig")


def of_pandas_in_utf_16(table: Rows, folder: Path) -> bytes:
    return frame(table).to_csv(index=False, sep="\t").encode("utf-16")


def of_arrow(table: Rows, folder: Path) -> bytes:
    written = BytesIO()
    pyarrow.csv.write_csv(arrow(table), written)
    return written.getvalue()


def of_duckdb(table: Rows, folder: Path) -> bytes:
    path = folder / "duckdb.csv"
    with duckdb.connect() as connection:
        connection.register("given", arrow(table))
        connection.execute(f"COPY (SELECT * FROM given) TO '{path}' (HEADER, DELIMITER '|')")
    return path.read_bytes()


def of_openpyxl(table: Rows, folder: Path) -> bytes:
    book, written = openpyxl.Workbook(), BytesIO()
    for row in table:
        book.worksheets[0].append([cell or None for cell in row])
    book.save(written)
    return written.getvalue()


def of_xlsxwriter(table: Rows, folder: Path) -> bytes:
    """Write a table of Excel, with a filter; numbers are numbers where that changes no digit."""
    written = BytesIO()
    book = xlsxwriter.Workbook(written, {"in_memory": True, "strings_to_formulas": False})
    sheet = book.add_worksheet("Export")
    for at, row in enumerate(table):
        for column, cell in enumerate(row):
            if cell.isdecimal() and len(cell) < 15 and str(int(cell)) == cell:
                sheet.write_number(at, column, int(cell))
            elif cell:
                sheet.write_string(at, column, cell)
    sheet.autofilter(0, 0, len(table) - 1, len(table[0]) - 1)
    book.close()
    return written.getvalue()


def of_xlsxwriter_with_formats(table: Rows, folder: Path) -> bytes:
    """Write every number as a number whose format shows its zeros."""
    written = BytesIO()
    book = xlsxwriter.Workbook(written, {"in_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate(table):
        for column, cell in enumerate(row):
            if cell.isdecimal() and len(cell) < 15:
                sheet.write_number(at, column, int(cell), book.add_format({"num_format": "0" * len(cell)}))
            elif cell:
                sheet.write_string(at, column, cell)
    book.close()
    return written.getvalue()


WRITERS: Final = (
    *(of_pandas, of_pandas_for_excel, of_pandas_in_utf_16, of_arrow, of_duckdb),
    *(of_openpyxl, of_xlsxwriter, of_xlsxwriter_with_formats),
)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["google-contacts", "outlook-de", "pipedrive", "civicrm", "mailchimp"])
def test_it_is_read_in_the_same_way(name: str, writer: Callable[[Rows, Path], bytes], tmp_path: Path) -> None:
    content = writer(table_of(name), tmp_path)
    assert opened(content).detected()["known_file"] == _EXPECTED[name]["known_file"]
    assert read(content) == _EXPECTED[name]["rows"]
