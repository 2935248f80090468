"""The errors files: every rejected row once, to be read, corrected and uploaded again."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest

from imports_pipeline.import_phases.files.error_workbook import write_error_workbook
from imports_pipeline.import_phases.files.text_workbook import NoWorkbook
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

#: Rows that each phase rejects, among good ones (lines 2 and 13).
MANY = """\
Name,E-mail,External ID,Groups,Notes,My own
Ann,ann@example.com,N-1,,,1
Bad,no address,N-2,,,2
,,,,x,3
Two,a@example.com,D-1,,,4
Two,b@example.com,D-1,,,5
Wide,w@example.com,N-3,,,6,7
Con,dee@example.com,E-3,,,8
Dup,,E-2,,,9
Dup,BOB@example.com,,,,10
"Group, none",g@example.com,N-4,Nowhere,"two
lines",11
New,new@example.com,N-5,Staff,,12
"""


def test_every_phase_says_what_it_rejected(stored: Imports) -> None:
    import_ = stored.run(MANY)
    assert import_.status is Status.COMPLETED
    assert import_.stats["created"] == 2
    rows = {row["line"]: row for row in stored.errors(import_)}
    assert {line: (row["phase"], [one["code"] for one in row["errors"]]) for line, row in rows.items()} == {
        3: ("prevalidation", ["invalid_email"]),
        4: ("prevalidation", ["required_value"]),
        5: ("preparsing", ["duplicate_row"]),
        6: ("preparsing", ["duplicate_row"]),
        7: ("prevalidation", ["too_many_cells"]),
        8: ("transforming", ["conflicting_identity"]),
        9: ("parsing", ["duplicate_record"]),
        10: ("parsing", ["duplicate_record"]),
        11: ("validation", ["unknown_group"]),
    }
    (error,) = rows[3]["errors"]
    assert (error["column"], error["value"]) == ("E-mail", "no address")
    assert "no address" in error["message"]
    (error,) = rows[11]["errors"]
    assert (error["column"], error["value"]) == ("Groups", "Nowhere")
    assert rows[5]["errors"][0]["column"] == "External ID"
    for line, row in rows.items():
        at = row["byte_offset"]
        assert MANY.encode()[at:].decode().startswith(MANY.split("\n")[line - 1]), "the offset is the row's"
    assert rows[11]["row"] == {
        "Name": "Group, none", "E-mail": "g@example.com", "External ID": "N-4", "Groups": "Nowhere",
        "Notes": "two\nlines", "My own": "11",
    }  # fmt: skip


def test_the_csv_has_the_columns_as_written(stored: Imports) -> None:
    import_ = stored.run(MANY)
    header = stored.errors_file(import_).splitlines()[0]
    assert header == "Name,E-mail,External ID,Groups,Notes,My own,_line,_phase,_code,_column,_message"
    row = stored.errors_csv(import_)[-1]
    assert (row["Name"], row["Notes"], row["My own"]) == ("Group, none", "two\nlines", "11")
    assert (row["_line"], row["_phase"], row["_code"], row["_column"]) == (
        "11", "validation", "unknown_group", "Groups",
    )  # fmt: skip


def test_cells_are_kept_as_written(imports: Imports) -> None:
    """Not trimmed, not lower-cased, not put in another form."""
    cells = {"name": "  Ann\u00a0", "email": " Nobody@ ", "phone": "030/90 18-20", "notes": "\u200bx\té"}
    text = io.StringIO()
    writer = csv.DictWriter(text, list(cells))
    writer.writeheader()
    writer.writerow(cells)
    import_ = imports.run(text.getvalue())
    assert imports.errors(import_)[0]["row"] == cells
    assert {name: imports.errors_csv(import_)[0][name] for name in cells} == cells


def test_no_cell_of_a_row_with_too_many_is_lost(imports: Imports) -> None:
    import_ = imports.run("name,notes\nBob,x\nSmith,Ann,likes,commas\nCid,y\n")
    assert imports.errors(import_)[0]["raw"] == "Smith,Ann,likes,commas"
    row = imports.errors_csv(import_)[0]
    assert (row["name"], row["notes"], row["_line"]) == ("Smith", "Ann", "3")
    assert row[None] == ["likes", "commas"], "they stand behind our columns, so that the row stays too wide"


def test_several_errors_of_a_row_are_joined(imports: Imports) -> None:
    import_ = imports.run("name,email,phone,is_primary\nAnn,x,y,z\nBob,,,\n")
    (row,) = imports.errors_csv(import_)
    assert row["_code"] == "invalid_email; invalid_phone; invalid_boolean"
    assert row["_column"] == "email; phone; is_primary"
    assert row["_message"].count("; ") >= 2


def test_a_corrected_errors_file_is_uploaded_as_it_is(stored: Imports) -> None:
    first = stored.run(MANY)
    rows = stored.errors_csv(first)
    corrections = {
        "3": {"E-mail": "bad@example.com"},
        "4": {"Name": "Noname"},
        "5": {"External ID": "D-2"},
        "6": {"External ID": "D-3"},
        "7": {},
        "8": {"E-mail": ""},
        "9": {"Notes": "by external id"},
        "10": {"External ID": "N-9", "E-mail": ""},
        "11": {"Groups": "Staff"},
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        row.pop(None, None)  # What was too much is removed.
        writer.writerow({**row, **corrections[row["_line"]]})
    import_ = stored.completed(text.getvalue())
    assert import_.detected["ignored_columns"] == ["My own"], "columns of the errors file are not listed"
    assert import_.stats["created"] + import_.stats["updated"] == 9
    assert stored.one("Group, none")["groups"] == ["Staff"]
    assert stored.one("Group, none")["notes"] == "two\nlines"


def test_an_errors_file_uploaded_uncorrected_is_rejected_again(stored: Imports) -> None:
    first = stored.run(MANY)
    before = stored.records()
    import_ = stored.run(stored.errors_file(first))
    codes = [row["_code"] for row in stored.errors_csv(first)]
    assert [row["_code"] for row in stored.errors_csv(import_)] == codes
    assert stored.records() == before


FORMULAS = [
    "=1+1",
    "@sum(A1)",
    "+cmd",
    "-cmd",
    "\ttab",
    "\rcr",
    "'=quoted",
    "''=twice",
    "=a,b",
    '="x"',
    "-1+cmd|x",
]
PLAIN = ["-5", "+4930901820", "-1.5", "'tis", "a=b", "", "'", "+49 (30) 901820", "1e5"]


def test_formulas_are_neutralised_and_restored(imports: Imports) -> None:
    cells = [*FORMULAS, *PLAIN]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "notes", "email"])
    writer.writerows([f"n{number}", cell, "bad"] for number, cell in enumerate(cells))
    first = imports.run(text.getvalue())
    assert [row["row"]["notes"] for row in imports.errors(first)] == cells, "the JSON is exact"
    shown = [row["notes"] for row in imports.errors_csv(first)]
    assert shown[: len(FORMULAS)] == [f"'{cell}" for cell in FORMULAS]
    assert shown[len(FORMULAS) :] == PLAIN

    imports.completed(imports.errors_file(first).replace(",bad,", ",,"))
    stored = {record["name"]: record["notes"] for record in imports.records()}
    values = [cell.strip() for cell in cells]
    values[cells.index('="x"')] = "x"  # the formula of a text is that text
    assert [stored[f"n{number}"] or "" for number in range(len(cells))] == values


def test_a_header_a_spreadsheet_would_execute(imports: Imports) -> None:
    first = imports.run('name,email,"=HYPERLINK(""x"")",+data\nAnn,bad,=1,1\n')
    header = imports.errors_file(first).splitlines()[0]
    assert next(csv.reader([header]))[2:4] == ['\'=HYPERLINK("x")', "'+data"]
    again = imports.completed(imports.errors_file(first).replace("bad,", ","))
    assert again.detected["ignored_columns"] == ['=HYPERLINK("x")', "+data"]


def test_quotes_in_another_file_are_not_restored(imports: Imports) -> None:
    imports.completed("name,notes\nAnn,'=x\n")
    assert imports.one("Ann")["notes"] == "'=x"


def test_there_is_no_cap(imports: Imports) -> None:
    rows = "".join(f"n{number},bad\n" for number in range(3000))
    import_ = imports.run(f"name,email\n{rows}Ann,\n")
    assert import_.stats["rejected"] == len(imports.errors(import_)) == 3000


def test_an_import_without_rejected_rows_has_no_errors_file(imports: Imports) -> None:
    import_ = imports.completed("name\nAnn\n")
    assert import_.has_errors_file is False
    assert imports.errors_file(import_) == ""


#: Two addresses and two phones of each person, in columns whose labels say which is which.
FAMILIES = """\
First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,\
Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,Address 1 - Label,Address 1 - Street,Address 1 - City
Ann,Lee,Work,ann@@example.org,Home,a.lee@example.org,Mobile,+12015550123,,,Home,9 Mill Lane,Newark
Bob,Ray,* Home,b.ray@example.org,,,Work,12,Home,+12015550148,,,
Cid,Orr,Work,cid@example.org,,,,,,,,,
Dee,Orr,,,Work,cid@example.org,Home,+12015550199,,,,,
Eve,Fox,Work,eve@example.org,,,,,,,,,
"""


def test_an_errors_file_of_a_family_of_headers(imports: Imports) -> None:
    """Each error names the column of its value, whatever the phase, and the corrected file is imported again."""
    first = imports.run(FAMILIES, known_file="none")
    assert imports.names() == ["Eve Fox"]
    errors = {row["line"]: row for row in imports.errors(first)}
    assert {
        line: (row["phase"], [(one["code"], one["column"], one["value"]) for one in row["errors"]])
        for line, row in errors.items()
    } == {
        2: ("prevalidation", [("invalid_email", "E-mail 1 - Value", "ann@@example.org")]),
        3: ("prevalidation", [("invalid_phone", "Phone 1 - Value", "12")]),
        4: ("preparsing", [("duplicate_row", "E-mail 1 - Value", "cid@example.org")]),
        5: ("preparsing", [("duplicate_row", "E-mail 2 - Value", "cid@example.org")]),
    }
    corrected = (
        imports.errors_file(first)
        .replace("ann@@example.org,", "ann@example.org,")
        .replace(",12,", ",+12015550166,")
        .replace("Dee,Orr,,,Work,cid@example.org", "Dee,Orr,,,Work,dee@example.org")
    )
    again = imports.completed(corrected, known_file="none")
    assert (again.stats["created"], again.detected["ignored_columns"]) == (4, [])
    ann, bob, dee = (imports.one(name) for name in ("Ann Lee", "Bob Ray", "Dee Orr"))
    assert (ann["email"], ann["alternate_emails"]) == ("ann@example.org", {"personal": "a.lee@example.org"})
    assert ann["address"] == "9 Mill Lane, Newark"
    assert (bob["phone"], bob["alternate_phones"]) == ("+12015550166", {"home": "+12015550148"})
    assert dee["email"] == "dee@example.org"


def test_a_later_error_of_many_columns_names_the_one_of_its_value(imports: Imports) -> None:
    numbers = range(1, 8)
    header = ["Name", *(f"E-mail {n} - Value" for n in numbers)]
    rows = [["Ann", *[""] * 5, "ann@example.org", ""], ["Bob", *[""] * 6, "ann@example.org"]]
    content = "\n".join(",".join(row) for row in [header, *rows, ["Cid", "cid@example.org", *[""] * 6]])
    import_ = imports.run(f"{content}\n", known_file="none")
    columns = [(row["line"], one["column"]) for row in imports.errors(import_) for one in row["errors"]]
    assert columns == [(2, "E-mail 6 - Value"), (3, "E-mail 7 - Value")]


def workbook(imports: Imports, import_: Import) -> openpyxl.Workbook:
    """Return the errors file as the workbook that people get."""
    book = io.BytesIO()
    write_error_workbook(imports.workflow.files(import_), book)
    book.seek(0)
    return openpyxl.load_workbook(book)


def test_the_workbook_has_the_cells_of_the_csv_and_marks_the_invalid_ones(stored: Imports) -> None:
    """Also cells that a spreadsheet would change, a cell beyond the header, and two equal headers."""
    rows = MANY + "=1+1,no,00017,Nowhere,'=x,-7\n"
    import_ = stored.run(rows)
    sheet = workbook(stored, import_).worksheets[0]
    table = [["" if cell.value is None else cell.value for cell in row] for row in sheet.iter_rows()]
    expected = list(csv.reader(io.StringIO(stored.errors_file(import_), newline="")))
    width = max(len(row) for row in expected)
    assert table == [row + [""] * (width - len(row)) for row in expected]
    assert {cell.number_format for row in sheet.iter_rows() for cell in row if cell.value is not None} == {
        "@"
    }
    header = expected[0]
    marked = {
        (str(sheet.cell(cell.row, header.index("_line") + 1).value), header[cell.column - 1])
        for row in sheet.iter_rows(min_row=2)
        for cell in row
        if cell.fill.fgColor.rgb == "FFFFC7CE"
    }
    invalid = {
        (str(row["line"]), error["column"])
        for row in stored.errors(import_)
        for error in row["errors"]
        if error["column"] in header
    }
    assert marked == invalid
    assert ("4", "Name") in marked, "a blank cell that must have a value is marked too"


def test_a_corrected_workbook_is_uploaded_as_it_is(stored: Imports) -> None:
    first = stored.run(MANY.replace("Bad,no address", "=Bad,no address"))
    book = workbook(stored, first)
    sheet = book.worksheets[0]
    for line in range(sheet.max_row, 1, -1):
        if sheet.cell(line, 7).value != "3":
            sheet.delete_rows(line)
    sheet.cell(2, 2).value = "bad@example.com"
    saved = io.BytesIO()
    book.save(saved)
    path = stored.folder / "corrected.xlsx"
    path.write_bytes(saved.getvalue())
    again = stored.completed(path)
    assert (again.stats["created"], again.stats["rejected"]) == (1, 0)
    assert stored.one("=Bad")["email"] == "bad@example.com"


def test_what_a_sheet_cannot_hold_is_no_workbook(imports: Imports) -> None:
    limit = csv.field_size_limit()
    for length in (40_000, 200_000):
        csv.field_size_limit(1_000_000)
        try:
            import_ = imports.run(f"name,email,notes\nAnn,nowhere,{'x' * length}\nBob,,\n")
        finally:
            csv.field_size_limit(limit)
        with pytest.raises(NoWorkbook, match="32,767"):
            write_error_workbook(imports.workflow.files(import_), io.BytesIO())
