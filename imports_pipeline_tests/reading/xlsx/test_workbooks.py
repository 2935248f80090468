"""XLSX: cells as a person sees them, and workbooks that are not safe to open."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pytest

from imports_pipeline.reading import NotATable, ReadOptions, open_table
from imports_pipeline.reading.unpacking import UnpackingLimits


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


def test_sheets_by_name() -> None:
    data = workbook([["a"], [1]], Second=[["b"], [2]])
    assert open_table(io.BytesIO(data)).detected.sheet == "First"
    assert open_table(io.BytesIO(data), ReadOptions(sheet="Second")).header == ("b",)
    assert refused(data, sheet="Third") == "not_a_table"


def test_a_sheet_that_begins_below_and_beside_the_corner() -> None:
    rows = [[], [None, "name", "city"], [None, "Anna", "Paris"]]
    table = open_table(io.BytesIO(workbook(rows)))
    (batch,) = table.batches()
    assert (table.header, table.header_line) == (("", "name", "city"), 2)
    assert list(batch.cells.to_pylist()[0].values()) == ["", "Anna", "Paris"]


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
    for saved in (
        b'<c r="B2" t="str"><f>x</f><v>ann@example.com</v></c>',
        b'<c r="B2" t="str"><f>x</f><v></v></c>',
    ):
        data = workbook([["name", "email"], ["Ann", "PLACE"]])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml")
        begin = sheet.index(b'<c r="B2"')
        cell = sheet[begin : sheet.index(b"</c>", begin) + 4]
        calculated = changed(data, "xl/worksheets/sheet1.xml", cell, saved)
        (batch,) = open_table(io.BytesIO(calculated)).batches()
        assert batch.cells.to_pylist() == [{"c0": "Ann", "c1": "ann@example.com" if b"ann@" in saved else ""}]
    header = workbook([["name", "=A1"], ["Ann", "x"]])
    assert refused(header) == "no_header"


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


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_never_the_default(state: str) -> None:
    data = with_states(Old=state, Contacts="visible", Other="visible")
    table = open_table(io.BytesIO(data))
    shown = {"hidden": "Old (hidden)", "veryHidden": "Old (very hidden)"}[state]
    assert (table.header[0], table.detected.sheet) == ("Contacts", "Contacts")
    assert table.detected.other_sheets == (shown, "Other")
    named = open_table(io.BytesIO(data), ReadOptions(sheet="Old"))
    assert (named.header[0], named.detected.other_sheets) == ("Old", ("Contacts", "Other"))
    with pytest.raises(
        NotATable, match=r"no sheet 'contacts': the workbook has 'Old' \((very )?hidden\), 'Contacts'"
    ):
        open_table(io.BytesIO(data), ReadOptions(sheet="contacts"))


def test_a_sheet_without_a_header_is_named_with_the_others() -> None:
    data = workbook([], Contacts=[["name"], ["Ann"]])
    with pytest.raises(NotATable, match=r"Sheet 'First' has no header row.*'Contacts'.*`sheet`"):
        open_table(io.BytesIO(data))
    assert open_table(io.BytesIO(data), ReadOptions(sheet="Contacts")).header == ("name",)


def test_hidden_and_filtered_rows_are_read() -> None:
    book = openpyxl.Workbook()
    for row in (["name"], ["Ann"], ["Bob"]):
        book.active.append(row)
    book.active.row_dimensions[2].hidden = True
    book.active.auto_filter.ref = "A1:A3"
    (batch,) = open_table(io.BytesIO(saved(book))).batches()
    assert batch.cells.to_pydict() == {"c0": ["Ann", "Bob"]}


def test_a_merged_header_is_refused() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Our people", None, None])
    book.active.append(["name", None, "email"])
    book.active.append(["Ann", "Lee", "ann@example.org"])
    book.active.merge_cells("A1:C1")
    book.active.merge_cells("A2:B2")
    with pytest.raises(NotATable, match="Cells A2:B2 of the header in sheet 'Sheet' are merged") as refusal:
        open_table(io.BytesIO(saved(book)))
    assert refusal.value.code == "merged_header"
    book.active.unmerge_cells("A2:B2")
    book.active["B2"] = "last name"
    # Titles above the header, and cells of the rows, may be merged.
    book.active.merge_cells("A3:B3")
    table = open_table(io.BytesIO(saved(book)))
    assert (table.header, table.header_line) == (("name", "last name", "email"), 2)


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


def test_a_cell_far_away_is_named_with_its_sheet() -> None:
    far = changed(workbook([["a"], ["x"]]), "xl/worksheets/sheet1.xml", b'r="A2"', b'r="XFD1048576"')
    with pytest.raises(NotATable, match="sheet 'First' span to XFD1048576"):
        open_table(io.BytesIO(far))


HEADER = ["id", "name", "email", "donations"]
PEOPLE = [["E-1", "Ann", "ann@example.org", 20], ["E-2", "Bob", "bob@example.org", 35]]


@pytest.mark.parametrize("rows", [2, 50])
@pytest.mark.parametrize(
    ("ends", "lines"),
    [
        ([["Total", None, None, 55]], [(4, 4)]),
        ([["Total:", 2, None, 55.5]], [(4, 4)]),
        ([[None, None, None, "2 records"]], [(4, 4)]),
        ([[], ["2 records exported"]], [(5, 5)]),
        (
            [[" "], ["Copyright © 2026 Example Ltd. All rights reserved."], [" ", " "]],
            [(5, 5)],
        ),
        ([["", "Cid", "cid@example.org", 5], ["----", "----"], ["(3 rows)"]], [(5, 5), (6, 6)]),
    ],
)
def test_the_footer_of_a_sheet_is_passed_over(
    ends: list[list[object]], lines: list[tuple[int, int]], rows: int
) -> None:
    people = [["", f"Ann {number}", "", 5] for number in range(rows)]
    data = workbook([HEADER, *people, *ends])
    batches = list(open_table(io.BytesIO(data), ReadOptions(batch_rows=50)).batches())
    names = [row["c1"] for batch in batches for row in batch.cells.to_pylist()]
    assert names == [one[1] for one in [*people, *ends] if one[3:] == [5]]
    passed = [
        (one.line - rows + 2, one.last_line - rows + 2) for batch in batches for one in batch.passed_over
    ]
    assert passed == lines


@pytest.mark.parametrize(
    "row",
    [
        ["Total"],
        ["Total", "Jane", "jane@example.org"],
        ["17", "Ann Lee"],
        ["E-3", "End"],
        ["Total", None, "x", 5],
    ],
)
def test_the_last_row_of_a_sheet_that_could_be_a_row_is_one(row: list[object]) -> None:
    (batch,) = open_table(io.BytesIO(workbook([HEADER, *PEOPLE, row]))).batches()
    assert (batch.cells.num_rows, batch.passed_over) == (3, ())


def test_a_repeated_header_and_the_footer_are_no_part_of_the_sample() -> None:
    data = workbook([HEADER, HEADER, *PEOPLE])
    sample = open_table(io.BytesIO(data)).sample()
    assert sample is not None
    assert sample.column(0).to_pylist() == ["E-1", "E-2"]
    text = b"id,name\nid,name\n,Ann\n2 records exported,\n"
    sample = open_table(io.BytesIO(text)).sample()
    assert sample is not None
    assert sample.column(0).to_pylist() == [""]
