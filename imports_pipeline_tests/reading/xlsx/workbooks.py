"""Workbooks for tests: made with openpyxl, and changed in their XML."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from imports_pipeline.reading import NotATable, ReadOptions, open_table


def workbook(rows: list[list[object]], **sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "First"
    for row in rows:
        book.active.append(row)
    for name, more in sheets.items():
        sheet = book.create_sheet(name)
        for row in more:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            text = before.read(name)
            after.writestr(name, text.replace(old, new) if name == part else text)
    return out.getvalue()


def refused(data: bytes, **options) -> str:
    with pytest.raises(NotATable) as refusal:
        open_table(io.BytesIO(data), ReadOptions(**options))
    return refusal.value.code


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_states(**states: str) -> bytes:
    """Return a workbook with one sheet of each name, in this state, whose header is its name and `name`."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, state in states.items():
        sheet = book.create_sheet(name)
        sheet.append([name, "name"])
        sheet.append(["x", "Ann"])
        sheet.sheet_state = state
    return saved(book)
