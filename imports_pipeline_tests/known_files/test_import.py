"""Exports of several products, imported by one command without an option, arrive in the database."""

from __future__ import annotations

import shutil
from pathlib import Path

from imports_pipeline_tests.cli.test_commands import Shell, shell
from imports_pipeline_tests.journeys import Imports

__all__ = ["shell"]

_SAMPLES = Path(__file__).parent / "samples"
_OF_OURS = """
product: Our CRM
signature: [[Cust No, Cust Name, Cust Tags]]
columns: {Cust No: external_id, Cust Name: name, Cust Tags: groups.add}
separators: {groups.add: "|"}
dropped: {groups.add: "internal .*"}
defaults: {missing_groups: create}
"""


def test_exports_of_several_products(shell: Shell, imports: Imports) -> None:
    names = ("ghost.csv", "outlook-de.csv", "outlook-fr.csv")
    for name in names:
        shutil.copy(_SAMPLES / name, shell.folder / name)
    (shell.folder / "of-ours.csv").write_text("Cust Name;Cust Tags;Cust No\nJo Bell;Growers|internal 7;C-9\n")
    own = shell.folder / "known"
    own.mkdir()
    (own / "our-crm.yaml").write_text(_OF_OURS)
    arguments = ("--resource", "contact", "--action", "merge", "--json")
    shown = shell("run", *names, "of-ours.csv", *arguments, IMPORTS_KNOWN_FILES=str(own)).document()
    assert [one["detected"]["known_file"] for one in shown] == ["ghost", "outlook", "outlook", "our-crm"]
    assert [(one["status"], one["stats"]["created"], one["stats"]["rejected"]) for one in shown] == [
        ("completed", 2, 0),
        ("completed", 2, 0),
        ("completed", 2, 0),
        ("completed", 1, 0),
    ]
    assert shown[0]["missing_name"] == "email"
    assert sorted(imports.names()) == [
        *("Bäckerei Süß", "Chloé Garnier", "Hugo Lefèvre", "Ines Varga", "Jo Bell"),
        *("Lena Sophie Brandt", "paul.okafor@example.org"),
    ]
    assert sorted(imports.names("group")) == [
        *("Bénévoles", "Conseil", "Ehrenamt 2026", "Fair 2026", "Growers", "Vorstand"),
    ]
    lena = imports.one("Lena Sophie Brandt")
    assert lena["email"] == "lena.brandt@example.org"
    assert lena["alternate_phones"]["mobile"] == "+491713920012"
    assert lena["alternate_addresses"]["home"] == "Lindenweg 4, Berlin, 10115"
    assert imports.one("Ines Varga")["external_id"] == "65c1f0aa12"
    assert imports.one("Jo Bell")["external_id"] == "C-9"
    again = shell("run", "ghost.csv", *arguments).document()
    assert (again["stats"]["created"], again["stats"]["unchanged"]) == (0, 2)
    for one in shown:
        imports.sound(imports.workflow.get(one["id"]))
