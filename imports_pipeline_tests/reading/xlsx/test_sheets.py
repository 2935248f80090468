"""Sheets of a workbook: which one is read, hidden sheets and rows, footers and repeated headers."""

from __future__ import annotations

import io

import openpyxl
import pytest

from imports_pipeline.reading import NotATable, ReadOptions, open_table
from imports_pipeline_tests.reading.xlsx.workbooks import changed, refused, saved, with_states, workbook


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
