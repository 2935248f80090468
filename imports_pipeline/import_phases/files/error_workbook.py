"""The errors file as an XLSX workbook: the cells of ``errors.csv`` as texts, the invalid ones marked in red.

It is made of ``errors.csv`` and ``errors.json``, which have the same rows in the same order, when somebody asks for it.
A workbook that was corrected can be uploaded as it is, like the CSV.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from imports_pipeline.import_phases.files.error_files import ADDED_COLUMNS
from imports_pipeline.import_phases.files.formulas import neutralise
from imports_pipeline.import_phases.files.text_workbook import (
    CELL_UNITS,
    MarkedCell,
    NoWorkbook,
    write_text_workbook,
)
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, ERRORS_XLSX, Files


def store_error_workbook(files: Files) -> None:
    """Write ``errors.xlsx`` into the import's folder, unless it is there or the import has no errors file.

    Raises:
        NoWorkbook: a sheet cannot hold the rejected rows.
    """
    if files.exists(ERRORS_XLSX) or not files.exists(ERRORS_CSV):
        return
    with files.open_write(ERRORS_XLSX) as out:
        write_error_workbook(files, out)


def write_error_workbook(files: Files, out: BinaryIO) -> None:
    """Write the errors file of an import as a workbook.

    Raises:
        FileNotFoundError: the import has no errors file.
        NoWorkbook: a sheet cannot hold the rejected rows.
    """
    with files.open_read(ERRORS_CSV) as table, files.open_read(ERRORS_JSON) as array:
        rows = csv.reader(io.TextIOWrapper(table, encoding="utf-8", newline=""), strict=True)
        try:
            write_text_workbook(_marked(rows, _invalid_columns(array)), out, "errors")
        except csv.Error:
            # The parser has a limit for the length of a cell, which is above that of a sheet.
            raise NoWorkbook(
                f"a cell has more than the {CELL_UNITS:,} characters that a cell of a sheet can have"
            ) from None


def _invalid_columns(array: BinaryIO) -> Iterator[set[str]]:
    """Yield the columns of each row's errors. ``errors.json`` has one row on each line."""
    for line in array:
        text = line.strip().removesuffix(b",")
        if text not in (b"[", b"]"):
            yield {error["column"] for error in json.loads(text)["errors"]}


def _marked(rows: Iterator[list[str]], invalid: Iterator[set[str]]) -> Iterator[Sequence[str]]:
    header = next(rows)
    yield header
    places: dict[str, list[int]] = {}
    for at, name in enumerate(header[: header.index(ADDED_COLUMNS[0])]):
        places.setdefault(name or f"column {at + 1}", []).append(at)
    for row, columns in zip(rows, invalid, strict=True):
        cells = list(row)
        for column in columns:
            for at in places.get(neutralise(column), ()):
                cells[at] = MarkedCell(cells[at])
        yield cells
