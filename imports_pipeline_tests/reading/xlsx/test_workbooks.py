"""XLSX: cells as a person sees them, and workbooks that are not safe to open."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl

from imports_pipeline.reading import ReadOptions, open_table
from imports_pipeline.reading.unpacking import UnpackingLimits
from imports_pipeline_tests.reading.xlsx.workbooks import changed, refused, saved, workbook


def test_cells_are_what_a_person_sees() -> None:
    row = [
        "text", 5, 5.0, 0.1 + 0.2, 1e-7, 12_345_678_901, True, dt.date(2024, 1, 31),
        dt.datetime(2024, 1, 31, 9, 30), dt.time(9, 30), dt.timedelta(hours=30), None, "last",
    ]  # fmt: skip
    table = open_table(io.BytesIO(workbook([[f"c{n}" for n in range(len(row))], row])))
    (batch,) = table.batches()
    assert list(batch.cells.to_pylist()[0].values()) == [
        "text", "5", "5", "0.3", "0.0000001", "12345678901", "TRUE", "2024-01-31", "2024-01-31T09:30:00",
        "09:30:00", "30:00:00", "", "last",
    ]  # fmt: skip
    assert (batch.line.to_pylist(), batch.byte_offset.to_pylist()) == ([2], [1])


def test_titles_blank_rows_and_rows_that_are_too_wide() -> None:
    rows = [
        ["Contacts"],
        [],
        ["name", "city", "n"],
        ["Anna", "Paris", 1],
        [],
        ["Bob"],
        ["Eve", "Rome", 3, "more"],
    ]
    table = open_table(io.BytesIO(workbook(rows)))
    (batch,) = table.batches()
    assert (table.header, table.header_line) == (("name", "city", "n"), 3)
    assert batch.line.to_pylist() == [4, 6]
    assert list(batch.cells.to_pylist()[1].values()) == ["Bob", "", ""]
    assert [(m.line, m.code, m.cells) for m in batch.malformed] == [
        (7, "too_many_cells", ("Eve", "Rome", "3", "more"))
    ]


def test_many_rows_come_in_batches() -> None:
    data = workbook([["a", "b"], *([n, str(n)] for n in range(1000))])
    batches = list(open_table(io.BytesIO(data), ReadOptions(batch_rows=300)).batches())
    assert [batch.cells.num_rows for batch in batches] == [300, 300, 300, 100]


def test_an_empty_sheet_has_no_header() -> None:
    assert refused(workbook([])) == "no_header"


def test_entities_are_refused() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    data = workbook([["a"], ["x"]])
    sheet = "xl/worksheets/sheet1.xml"
    assert refused(changed(data, sheet, b"<worksheet", laughs + b"<worksheet")) == "unsafe_archive"
    wide = laughs.decode().encode("utf-16")
    assert refused(changed(data, "xl/styles.xml", b"<styleSheet", wide + b"<styleSheet")) == "unsafe_archive"


def test_bombs_are_refused() -> None:
    data = workbook([["a"], ["x"]])
    big = changed(data, "xl/styles.xml", b"</styleSheet>", b" " * 5_000_000 + b"</styleSheet>")
    assert refused(big, unpacking=UnpackingLimits(xml_bytes=1_000_000)) == "too_large_unpacked"
    far = changed(data, "xl/worksheets/sheet1.xml", b'r="A2"', b'r="XFD1048576"')
    assert refused(far) == "file_too_large"


def test_a_damaged_workbook() -> None:
    data = workbook([["a"], ["x"]])
    assert refused(changed(data, "xl/workbook.xml", b"<sheets>", b"<sheets")) == "not_a_table"


def test_a_cell_that_shows_an_error_rejects_its_row_alone() -> None:
    book = openpyxl.Workbook()
    book.active.append(["name", "email", "notes"])
    book.active.append(["Ann", "#N/A", "x"])
    book.active["B2"].data_type = "e"
    book.active.append(["Bob", "bob@example.com", "#N/A"])
    book.active["C3"].data_type = "s"
    book.active.append(["#REF!"])
    book.active["A4"].data_type = "e"
    other = book.create_sheet("Other")
    other.append(["name", "email"])
    other.append(["Cid", "cid@example.com"])
    out = io.BytesIO()
    book.save(out)
    table = open_table(io.BytesIO(out.getvalue()))
    (batch,) = table.batches()
    assert batch.cells.to_pylist() == [{"c0": "Bob", "c1": "bob@example.com", "c2": "#N/A"}]
    found = [(bad.line, bad.code, bad.column, bad.value) for bad in batch.malformed]
    assert found == [(2, "spreadsheet_error", 2, "#N/A"), (4, "spreadsheet_error", 1, "#REF!")]
    assert batch.malformed[0].cells == ("Ann", "#N/A", "x")
    (batch,) = open_table(io.BytesIO(out.getvalue()), ReadOptions(sheet="Other")).batches()
    assert (batch.cells.num_rows, len(batch.malformed)) == (1, 0)


def test_a_formula_without_a_saved_result_is_no_blank_cell() -> None:
    book = openpyxl.Workbook()
    book.active.append(["name", "email"])
    book.active.append(["Ann", '=LOWER("ANN@EXAMPLE.COM")'])
    book.active.append(["Bob", "bob@example.com"])
    book.active.append(["=" + "&".join(f'"{number:04}"' for number in range(900)), "cid@example.com"])
    out = io.BytesIO()
    book.save(out)
    (batch,) = open_table(io.BytesIO(out.getvalue())).batches()
    assert batch.cells.to_pylist() == [{"c0": "Bob", "c1": "bob@example.com"}]
    found = [(bad.line, bad.code, bad.column) for bad in batch.malformed]
    assert found == [(2, "formula_without_value", 2), (4, "formula_without_value", 1)]
    assert batch.malformed[0].value.startswith("=LOWER(")
    assert "save it" in batch.malformed[0].message
    for formula in (
        b'<c r="B2" t="str"><f>x</f><v>ann@example.com</v></c>',
        b'<c r="B2" t="str"><f>x</f><v></v></c>',
    ):
        data = workbook([["name", "email"], ["Ann", "PLACE"]])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml")
        begin = sheet.index(b'<c r="B2"')
        cell = sheet[begin : sheet.index(b"</c>", begin) + 4]
        calculated = changed(data, "xl/worksheets/sheet1.xml", cell, formula)
        (batch,) = open_table(io.BytesIO(calculated)).batches()
        assert batch.cells.to_pylist() == [
            {"c0": "Ann", "c1": "ann@example.com" if b"ann@" in formula else ""}
        ]
    header = workbook([["name", "=A1"], ["Ann", "x"]])
    assert refused(header) == "no_header"


def test_numbers_are_shown_by_their_format() -> None:
    rows = [
        (17, "00000", "00017"),
        (123456, "00000", "123456"),
        (14155550101, '"+"0', "+14155550101"),
        (14155550101, "+0", "+14155550101"),
        (12345678, "000-00-0000", "012-34-5678"),
        (12345678, "000\\-00\\-0000", "012-34-5678"),
        (42, '"EMP-"0000', "EMP-0042"),
        (42, '"EMP-"General', "EMP-42"),
        (0, "00000", "00000"),
        (4155550101, "[<=9999999]###-####;(###) ###-####", "(415) 555-0101"),
        (5550101, "[<=9999999]###-####;(###) ###-####", "555-0101"),
        (17, "[$-409]00000;[Red]-00000", "00017"),
        # These mean the number alone.
        (17, "0", "17"),
        (1234, "#,##0", "1234"),
        (1234, "0.00", "1234"),
        (14155550101, "0.00E+00", "14155550101"),
        (17, "0%", "17"),
        (17.5, "00000", "17.5"),
        (-17, "00000", "-17"),
        ("x17", "00000", "x17"),
        (dt.date(2024, 1, 31), "dd/mm/yyyy", "2024-01-31"),
    ]
    book = openpyxl.Workbook()
    book.active.append([None, "name", "id"])
    for number, (value, code, _) in enumerate(rows, 2):
        book.active.cell(number, 2, f"n{number}")
        book.active.cell(number, 3, value).number_format = code
    batches = list(open_table(io.BytesIO(saved(book)), ReadOptions(batch_rows=4)).batches())
    found = [cells["c2"] for batch in batches for cells in batch.cells.to_pylist()]
    assert found == [shown for _, _, shown in rows]


def test_a_number_of_more_than_15_digits_rejects_its_row() -> None:
    rows = [
        ["name", "id"],
        ["Ann", 123456789012345],
        ["Bob", 123456789012345678],
        ["Cid", 2**53],
        ["Dee", "123456789012345678"],
        ["Eve", -(10**15)],
    ]
    table = open_table(io.BytesIO(workbook(rows)))
    (batch,) = table.batches()
    assert batch.cells.to_pydict() == {"c0": ["Ann", "Dee"], "c1": ["123456789012345", "123456789012345678"]}
    assert [(bad.line, bad.code, bad.column) for bad in batch.malformed] == [
        (3, "shortened_number", 2),
        (4, "shortened_number", 2),
        (6, "shortened_number", 2),
    ]
    assert "format the column as text" in batch.malformed[0].message
