"""Export as a workbook: every cell is a text, so that a spreadsheet changes nothing."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import openpyxl
import pytest

from imports_pipeline.import_phases.files.text_workbook import CELL_UNITS, NoWorkbook, write_text_workbook
from imports_pipeline.registry.export import export_rows
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.system import without_the_dead
from imports_pipeline_tests.test_export import FORMULAS, NAMES, as_csv


def workbook(imports: Imports, resource: str = "contact", *, raw: bool = False) -> bytes:
    """Return the export as a workbook."""
    book = io.BytesIO()
    with imports.workflow.database.connect() as connection:
        rows = export_rows(connection, RESOURCES[resource], imports.organization, raw=raw)
        write_text_workbook(rows, book, resource)
    return book.getvalue()


def in_a_file(imports: Imports, content: bytes) -> Path:
    path = imports.folder / "export.xlsx"
    path.write_bytes(content)
    return path


#: Values that a spreadsheet changes when it opens a CSV file: it takes them for numbers, dates or formulas.
SHEET_VALUES = [
    *(
        "00017",
        "1E5",
        "12345678901234567890",
        "4.91512E+11",
        "2026-01-02",
        "1/2",
        "TRUE",
        "0x1F",
        "1,5",
        "+1",
    ),
    *("a\nb", "a\r\nb", "_x0041_", " x", "<&>", "𝔘\u200b", "#hash"),
    *FORMULAS,
]


def test_a_workbook_changes_nothing_whatever_the_values_are(imports: Imports) -> None:
    imports.locations(*NAMES)
    imports.completed(as_csv([{"name": name, "resource": "contact"} for name in NAMES]), "group")
    groups = [group["id"] for group in imports.records("group")]
    rows = [
        {"external_id": f"x{at}", "name": "A", "notes": text, "metadata.=k": text, "groups": ""}
        for at, text in enumerate(SHEET_VALUES)
    ]
    rows[0]["groups"] = ",".join(groups)
    imports.completed(as_csv(rows))
    before = imports.records()
    for resource, count_ in (("contact", len(rows)), ("group", len(NAMES))):
        again = imports.completed(
            in_a_file(imports, workbook(imports, resource)), resource, action="overwrite"
        )
        assert again.stats["unchanged"] == count_
    assert imports.records() == before
    cells = [
        one for row in openpyxl.load_workbook(io.BytesIO(workbook(imports))).worksheets[0] for one in row
    ]
    assert {(one.data_type, one.number_format) for one in cells if one.value is not None} == {("s", "@")}


def test_a_workbook_edited_in_a_spreadsheet(imports: Imports) -> None:
    """The program that edits it reads and writes each cell by its type, as spreadsheets do."""
    kept = {
        "00017": ("+4930901820", "007", "11201"),
        "1E5": ("+12025550123", "0000000000000000001", "02134"),
        "12345678901234567890": (None, "=1+1", "+1"),
    }
    imports.completed(
        as_csv(
            [
                {
                    "name": f"N{key}",
                    "external_id": key,
                    "phone": phone or "",
                    "id_number": number,
                    "notes": notes,
                }
                for key, (phone, number, notes) in kept.items()
            ]
        )
    )
    book = openpyxl.load_workbook(io.BytesIO(workbook(imports)))
    sheet = book.worksheets[0]
    header = {cell.value: cell.column for cell in sheet[1]}
    (line,) = [row for row in range(2, 5) if sheet.cell(row, header["external_id"]).value == "1E5"]
    sheet.cell(line, header["name"]).value = "Edited"
    sheet.cell(5, header["name"]).value = "Added"
    sheet.cell(5, header["external_id"]).value = "00018"
    sheet.cell(5, header["phone"]).value = "+4930901829"
    saved = io.BytesIO()
    book.save(saved)
    import_ = imports.completed(in_a_file(imports, saved.getvalue()), action="overwrite")
    assert {name: import_.stats[name] for name in ("created", "updated", "unchanged")} == {
        "created": 1,
        "updated": 1,
        "unchanged": 2,
    }
    stored = {one["external_id"]: one for one in imports.records()}
    for key, values in kept.items():
        assert (stored[key]["phone"], stored[key]["id_number"], stored[key]["notes"]) == values
    assert (stored["1E5"]["name"], stored["00018"]["phone"]) == ("Edited", "+4930901829")


def test_the_command_writes_a_workbook_or_says_why_not(
    imports: Imports, dagster_home: dict[str, str]
) -> None:
    imports.completed(as_csv([{"name": "Ann", "notes": "x" * CELL_UNITS}]))
    environment = {**dagster_home, "IMPORTS_ORGANIZATION": imports.organization}

    def exported() -> subprocess.CompletedProcess[bytes]:
        return forked_commands.run(["export", "contact", "--format", "xlsx"], env=environment)

    done = exported()
    assert (done.returncode, without_the_dead(done.stderr.decode())) == (0, "")
    assert imports.completed(in_a_file(imports, done.stdout)).stats["unchanged"] == 1
    imports.completed(as_csv([{"name": "Bob", "notes": "x" * (CELL_UNITS + 1)}]))
    refused = exported()
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"has 32,768 characters, and a cell of a sheet can have 32,767" in refused.stderr
    assert f"`notes` of {imports.one('Bob')['id']} " in refused.stderr.decode()
    assert b"Export it as csv." in refused.stderr


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["x"] * 16_385], "16,385 columns, and a sheet has 16,384"),
        ([["name", "notes"], ["a", "𝔘" * 16_384]], "`notes` of a has 32,768 characters"),
        ([["name", "notes"], ["a", "\uffff"]], "`notes` of a has a character that"),
    ],
)
def test_what_a_sheet_cannot_hold(rows: list[list[str]], reason: str) -> None:
    with pytest.raises(NoWorkbook, match=reason):
        write_text_workbook(rows, io.BytesIO(), "contacts")
