"""The commands ``mappings``, and imports by ``--saved-mapping``."""

from __future__ import annotations

import shlex

from imports_pipeline_tests.cli.test_commands import Shell, shell
from imports_pipeline_tests.journeys import Imports

__all__ = ["shell"]

_HEADER = "Nummer der Karte;Wer;Anschluss"
_FILE = f"{_HEADER};Punkte\nK-1;Ann Lee;+4930901820;3\nK-2;Bob Ray;;5\n"
_PAIRS = ("external_id=Nummer der Karte", "name=Wer", "phone=Anschluss")


def test_a_mapping_is_saved_used_and_saved_again(shell: Shell, imports: Imports) -> None:
    (shell.folder / "may.csv").write_text(_FILE)
    pairs = [part for pair in _PAIRS for part in ("--column-mapping", pair)]
    saved = shell("mappings", "save", "cards", "may.csv", "--resource", "contact", *pairs, "--json")
    assert (saved.code, saved.err) == (0, "")
    shown = saved.document()
    assert shown["columns"] == {
        "external_id": "Nummer der Karte",
        "name": "Wer",
        "phone": "Anschluss",
    }
    assert (shown["ignored_columns"], shown["known_file"], shown["replaced"]) == (["Punkte"], "none", False)

    # Another order and other cases are the same header, and so is an errors file.
    (shell.folder / "june.csv").write_text(
        "WER,punkte,Anschluss,Nummer  der Karte,_line\nCid Orr,1,+4930901821,K-3,2\nAnn Lee,3,+4930901822,K-1,3\n"
    )
    checked = shell("check", "june.csv", "--resource", "contact", "--saved-mapping", "cards", "--json")
    assert checked.document()["detected"]["columns"]["phone"] == "Anschluss"
    for name in ("may.csv", "june.csv"):
        done = shell.run(name, "--saved-mapping", "cards")
        assert done.code == 0, done.document()["reason"]
    assert done.document()["saved_mapping"] == "cards"
    assert done.document()["column_mapping"] == dict(pair.split("=") for pair in _PAIRS)
    assert [(one["external_id"], one["phone"]) for one in imports.records()] == [
        ("K-1", "+4930901822"),
        ("K-2", None),
        ("K-3", "+4930901821"),
    ]

    # Another header is refused, and each remedy of the reason works.
    (shell.folder / "july.csv").write_text(f"{_HEADER};Filiale\nK-4;Dee Fox;+4930901823;Mitte\n")
    refused = shell.run("july.csv", "--saved-mapping", "cards")
    reason = refused.document()["reason"]
    assert (refused.code, refused.document()["code"]) == (1, "saved_mapping_differs")
    assert "the file lacks `Punkte`, and `Filiale` is new in the file" in reason
    assert "`imports-pipeline mappings show cards`" in reason
    assert shell.run("july.csv", *pairs).code == 0
    command = shlex.split(shell("mappings", "show", "cards").out.splitlines()[-1].partition(": ")[2])
    again = shell(*command[1 : command.index("FILE")], "july.csv", *command[command.index("FILE") + 1 :])
    assert (again.code, "The mapping cards is replaced" in again.out) == (0, True), again.err
    assert shell.run("july.csv", "--saved-mapping", "cards").document()["stats"]["unchanged"] == 1

    assert [one["name"] for one in shell("mappings", "list", "--json").document()] == ["cards"]
    assert "cards" in shell("mappings", "list").out
    assert shell("mappings", "remove", "cards").code == 0
    count = len(shell("list", "--json").document())
    for command in (("run", "--action", "merge"), ("check",)):
        gone = shell(*command, "july.csv", "--resource", "contact", "--saved-mapping", "cards", "--json")
        assert (gone.code, gone.out) == (2, "")
        assert "there is no saved mapping 'cards'; `imports-pipeline mappings list`" in gone.err
    assert len(shell("list", "--json").document()) == count
    for command in (("show", "cards"), ("remove", "cards")):
        missing = shell("mappings", *command)
        assert (missing.code, missing.out) == (1, "")
        assert "there is no saved mapping 'cards'; `imports-pipeline mappings list`" in missing.err


def test_every_mapping_is_no_name(shell: Shell) -> None:
    (shell.folder / "may.csv").write_text(_FILE)
    refused = shell(
        "mappings", "save", "*", "may.csv", "--resource", "contact", "--column-mapping", "name=Wer"
    )
    assert (refused.code, "give the mapping a name" in refused.err) == (2, True)
    how = ("--column-mapping", "name=Wer", "--saved-mapping", "*", "--json")
    checked = shell("check", "may.csv", "--resource", "contact", *how)
    assert checked.document()["detected"]["columns"]["name"] == "Wer", "none is saved for this header"


def test_a_mapping_that_does_not_fit_its_file_is_not_saved(shell: Shell) -> None:
    (shell.folder / "may.csv").write_text(_FILE)
    save = ("mappings", "save")
    rest = ("may.csv", "--resource", "contact", "--column-mapping", "name=Who")
    failed = shell(*save, "cards", *rest)
    assert (failed.code, failed.out) == (1, "")
    assert "column_mapping names the column `Who`, which the file does not have" in failed.err
    wrong = shell(*save, "two words", *rest)
    assert (wrong.code, "saved_mapping: takes a name" in wrong.err) == (2, True)
    wrong = shell(*save, "cards", *rest[:-1], "nmae=Wer")
    assert (wrong.code, "perhaps `name` is meant" in wrong.err) == (2, True)
    assert shell("mappings", "list", "--json").document() == []
