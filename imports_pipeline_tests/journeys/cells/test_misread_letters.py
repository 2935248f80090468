"""Cells whose letters were damaged before the file was written are named in a notice and imported as they stand."""

from __future__ import annotations

import pytest

from imports_pipeline.import_phases.misread_letters import unmangled
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
