"""Files that went through a spreadsheet: ids keep their zeros, damaged ones replace nobody, hidden sheets stay out."""

from __future__ import annotations

import io

import openpyxl

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys.imports import Imports


def workbook(*sheets: tuple[str, str, list[list[object]]], number_format: str = "General") -> bytes:
    """Return a workbook of (name, state, rows) sheets; numbers have the format."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, state, rows in sheets:
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(row)
        for cells in sheet.iter_rows():
            for cell in cells:
                if isinstance(cell.value, int):
                    cell.number_format = number_format
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_shortened_ids_replace_nobody(imports: Imports) -> None:
    imports.completed("name,external_id\nAnn,491512345678\nBob,491512345679\nCid,491512345680\n")
    damaged = imports.run("name,external_id\nAnn,4.91512E+11\n", action="overwrite")
    assert (damaged.status, damaged.code) == (Status.FAILED, "no_valid_row")
    assert [error["errors"][0]["code"] for error in imports.errors(damaged)] == ["shortened_number"]
    assert sorted(one["external_id"] for one in imports.records()) == [
        "491512345678",
        "491512345679",
        "491512345680",
    ]


def test_every_way_to_write_an_id_as_text_is_the_same_record(imports: Imports) -> None:
    rows = [
        ["name", "email", "external_id"],
        ["Ann Lee", "ann@example.org", 17],
        ["Bob Ray", "bob@example.org", 18],
    ]
    imports.completed(
        "name,email,external_id\nAnn Lee,ann@example.org,00017\nBob Ray,bob@example.org,00018\n"
    )
    same = [
        'name,email,external_id\nAnn Lee,ann@example.org,"=""00017"""\nBob Ray,bob@example.org,="00018"\n',
        "name,email,external_id\n'Ann Lee,'ann@example.org,'00017\nBob Ray,mailto:bob@example.org,'00018\n",
        "name,email,external_id\nAnn Lee,Ann <ann@example.org>,00017\nBob Ray,bob@example.org;,00018\n",
        workbook(("Contacts", "visible", rows), number_format="00000"),
    ]
    for content in same:
        import_ = imports.completed(content, action="overwrite")
        assert {name: count for name, count in import_.stats.items() if count} == {"unchanged": 2}


def test_the_sheet_that_was_read_is_named_with_the_others(imports: Imports) -> None:
    rows: list[list[object]] = [["name", "email"], ["Ann", "ann@example.org"]]
    data = workbook(("old 2024", "hidden", [["name"], ["Old One"]]), ("Contacts", "visible", rows))
    import_ = imports.completed(data, action="overwrite")
    assert [one["name"] for one in imports.records()] == ["Ann"]
    assert (import_.detected["sheet"], import_.detected["other_sheets"]) == (
        "Contacts",
        ["old 2024 (hidden)"],
    )
    assert [one["code"] for one in import_.notices] == ["other_sheets"]
    cover = workbook(
        ("Read me", "visible", [["How to fill this in"], ["One contact per row"]]), ("List", "visible", rows)
    )
    failed = imports.run(cover)
    assert failed.code == "missing_column"
    assert "Sheet 'Read me' was read, and not 'List': name another with `sheet`." in (failed.reason or "")
    # The remedy that the reason names.
    assert imports.run(cover, sheet="List").stats["unchanged"] == 1


def test_lost_zeros_are_said(imports: Imports) -> None:
    imports.completed("name,external_id\nAnn,00017\nBob,00018\nCid,E-00019\nDee,20\n")
    lost = imports.run("name,external_id\nAnn,17\nBob,018\nCid,E-19\nDee,20\nEve,21\n")
    assert [one["code"] for one in lost.notices] == ["lost_zeros"]
    (notice,) = lost.notices
    assert "external_id of 2 rows" in notice["message"]
    assert "`017`" not in notice["message"]
    assert "(`018` in the file, `00018` stored)" in notice["message"]
    floats = imports.run("name,external_id\nAnn,17.0\nBob,00018\nDee,20.0\nGus,1.5\n")
    (notice,) = floats.notices
    assert (
        "of 2 rows differs from a stored one only by zeros as decimals (`17.0` in the file, `"
        in notice["message"]
    )
    kept = imports.run("name,external_id\nAnn,00017\nBob,00018\nFay,22\n")
    assert list(kept.notices) == []
