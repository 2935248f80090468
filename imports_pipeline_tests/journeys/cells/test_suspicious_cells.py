"""Cells that were probably damaged before the file was written are named in a notice and imported as they stand."""

from __future__ import annotations

import pytest

from imports_pipeline.import_phases.suspicious_cells import unmangled
from imports_pipeline_tests.journeys.imports import Imports


def mangled(text: str) -> str:
    """Return what a program shows that reads UTF-8 as Windows-1252."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())


@pytest.mark.parametrize(
    "name", ["Müller", "José Núñez", "O’Brien", "Dvořák", "Łukasz", "İpek Yılmaz", "Иван", "Ťažký", "Ágnes Ő"]
)
def test_what_was_meant_is_found(name: str) -> None:
    assert unmangled(mangled(name)) == name


@pytest.mark.parametrize(
    "name", ["Müller", "CORAÇÃO", "Ângela", "Åse Ågård", "SPÓŁKA", "RÂŞNOV", "ÄÖ", "Zoë", "Иван", "Ann", ""]
)
def test_right_letters_are_no_damage(name: str) -> None:
    assert unmangled(name) == ""


def test_a_notice_names_the_first_misread_cell(imports: Imports) -> None:
    rows = "name,email,notes\nAnn,ann@example.org,Zoë Ångström\n"
    assert imports.completed(rows).notices == ()
    rows += f"Åse,ase@example.org,{mangled('Größe')}\n{mangled('Müller')},m@example.org,\n"
    import_ = imports.completed(rows)
    (notice,) = import_.notices
    assert notice["code"] == "misread_letters"
    assert f"line 3 has {mangled('Größe')!r}, which was 'Größe'" in notice["message"]
    assert {one["name"] for one in imports.records()} == {"Ann", "Åse", mangled("Müller")}


def test_notices_name_references_of_html_and_words_for_no_value(imports: Imports) -> None:
    rows = "name,groups.add,notes\nSmith & Sons,,&amp;\nAT&T; Ltd.,,\nO&#39;Brien,,\nJ&uuml;rgen,,\nNULL,,\nnan,,NULL\n"
    import_ = imports.completed(rows, missing_groups="create")
    messages = {one["code"]: one["message"] for one in import_.notices}
    assert {"html_references", "placeholder_names"} < set(messages)
    assert """line 4 has 'O&#39;Brien', which a web page shows as "O'Brien\"""" in messages["html_references"]
    assert "line 6 has the name 'NULL'" in messages["placeholder_names"]
    assert {"O&#39;Brien", "J&uuml;rgen", "NULL", "nan", "AT&T; Ltd."} < {
        one["name"] for one in imports.records()
    }


def test_groups_that_are_written_as_html_are_named_too(imports: Imports) -> None:
    import_ = imports.completed("name,groups.add\nAnn,R&amp;D\n", missing_groups="create")
    assert "html_references" in {one["code"] for one in import_.notices}


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("status", "deleted"),
        ("Status", "tobedeleted"),
        ("isDeleted", "TRUE"),
        ("Record State", "To be removed"),
    ],
)
def test_a_notice_names_rows_that_say_they_are_deleted(imports: Imports, header: str, cell: str) -> None:
    import_ = imports.completed(f"name,email,{header}\nAnn,ann@example.org,\nBob,bob@example.org,{cell}\n")
    (notice,) = [one for one in import_.notices if one["code"] == "deleted_rows"]
    assert f"`{header}` that they are deleted (`{cell}`)" in notice["message"]


@pytest.mark.parametrize(
    ("header", "cell"), [("status", "active"), ("active", "true"), ("Deleted", "no"), ("notes", "deleted")]
)
def test_other_columns_do_not_say_so(imports: Imports, header: str, cell: str) -> None:
    import_ = imports.completed(f"name,email,{header}\nAnn,ann@example.org,{cell}\n")
    assert "deleted_rows" not in {one["code"] for one in import_.notices}


def test_escapes_of_a_workbook_are_named(imports: Imports) -> None:
    rows = "name,email,notes\nAnn_x2,ann@example.org,_x12_\nBob,bob@example.org,one_x000D_two\n"
    import_ = imports.completed(rows)
    (notice,) = import_.notices
    assert notice["code"] == "workbook_escapes"
    assert "line 3 has 'one_x000D_two', which Excel shows as 'one\\rtwo'" in notice["message"]
    assert imports.one("Bob")["notes"] == "one_x000D_two"
