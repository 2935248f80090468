"""The commands as a script has them: real processes, their standard output, their exit status.

Most are forked from a process that has imported their modules (``forked_commands.py``); ``own_shell`` starts each with
a Python of its own, as a shell does.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline.model.imports import STATS
from imports_pipeline.model.phases import PHASES
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.system import without_the_dead

CONTENT = "name,email,notes\nAnn,ann@example.com,hello\nBob,nonsense,\n"
COMMAND = str(Path(sys.executable).with_name("imports-pipeline"))


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Read standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs commands for one organization in a folder of its own."""

    environ: dict[str, str]
    folder: Path
    program: str | None = None

    def __call__(self, *arguments: str | Path, **environ: str) -> Done:
        env = {**self.environ, **environ}
        if self.program is None:
            done = forked_commands.run(arguments, cwd=self.folder, env=env)
        else:
            done = subprocess.run(
                [self.program, *map(str, arguments)],
                capture_output=True,
                cwd=self.folder,
                env=env,
                check=False,
            )
        out, err = done.stdout.decode(), without_the_dead(done.stderr.decode())
        assert "Traceback" not in err, err
        return Done(done.returncode, out, err)

    def run(
        self, source: str | Path, *arguments: str | Path, action: str = "merge", resource: str = "contact"
    ) -> Done:
        return self("run", source, "--resource", resource, "--action", action, "--json", *arguments)


@pytest.fixture
def shell(dagster_home: dict[str, str], organization: str, tmp_path: Path) -> Shell:
    return Shell({**dagster_home, "IMPORTS_ORGANIZATION": organization, "COLUMNS": "200"}, tmp_path)


@pytest.fixture
def own_shell(shell: Shell) -> Shell:
    return Shell(shell.environ, shell.folder, COMMAND)


def test_run_prints_the_import_and_nothing_else(shell: Shell, own_shell: Shell, imports: Imports) -> None:
    (shell.folder / "my contacts.csv").write_text(CONTENT)
    done = own_shell.run("my contacts.csv", "--mode", "sync", "--name", "First")
    assert (done.code, done.err) == (0, "")
    shown = done.document()
    assert shown["object"] == "import"
    assert (shown["status"], shown["reason"], shown["name"], shown["source"]) == (
        "completed",
        None,
        "First",
        "cli",
    )
    assert shown["organization_id"] == imports.organization
    assert shown["stats"] == dict.fromkeys(STATS, 0) | {"created": 1, "rejected": 1}
    assert [one["name"] for one in shown["phases"]] == list(PHASES)
    assert shown["run_id"]
    assert Path(shown["_errors_csv_path"]).read_text().startswith("name,email,notes,_line")
    assert json.loads(Path(shown["_errors_json_path"]).read_text())[0]["line"] == 3
    assert imports.names() == ["Ann"]
    imports.sound(imports.workflow.get(shown["id"]))

    id_ = shown["id"]
    assert own_shell("show", id_, "--json").document() == shown
    assert [one["id"] for one in shell("list", "--json").document()] == [id_]
    assert shell("list", "--json", "--status", "failed").document() == []
    errors = shell("errors", id_).out
    assert [row["_code"] for row in csv.DictReader(io.StringIO(errors))] == ["invalid_email"]
    assert json.loads(shell("errors", id_, "--format", "json").out)[0]["row"]["name"] == "Bob"
    for command in (("show", id_), ("list",)):
        told = shell(*command)
        assert (told.code, told.err) == (0, "")
        assert "completed" in told.out


def test_run_tells_a_person(shell: Shell) -> None:
    (shell.folder / "contacts.csv").write_text(CONTENT)
    done = shell("run", "contacts.csv", "--resource", "contact", "--action", "merge")
    assert (done.code, done.err) == (0, "")
    for word in ("completed", "prevalidation", "cleanup", "created 1", "rejected 1", "errors.csv"):
        assert word in done.out


def test_no_wait_leaves_it_queued(shell: Shell, imports: Imports) -> None:
    (shell.folder / "contacts.csv").write_text(CONTENT)
    done = shell.run("contacts.csv", "--no-wait")
    assert done.code == 0
    assert (done.document()["status"], done.document()["name"]) == ("queued", "contacts.csv")
    assert done.document()["plan"]["created"] == 1
    assert imports.records() == []


BAD_FILES = {
    "empty": (b"", "empty_file"),
    "binary": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 30, "not_a_table"),
    "no name": (b"address\nx\n", "missing_column"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_exits_with_1_and_a_reason(shell: Shell, imports: Imports, case: str) -> None:
    content, code = BAD_FILES[case]
    (shell.folder / "contacts.csv").write_bytes(content)
    done = shell.run("contacts.csv", action="overwrite")
    assert (done.code, done.err) == (1, "")
    shown = done.document()
    assert (shown["status"], shown["code"]) == ("failed", code)
    assert shown["reason"]
    assert imports.records() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "x.csv", "--resource", "contact"),
        ("run", "x.csv", "--resource", "person", "--action", "merge"),
        ("run", "x.csv", "--resource", "contact", "--action", "upsert"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--mode", "async"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--match-on", "shoe_size"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--location-id", "Berlin"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--column-mapping", "name"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--timeout", "0"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--name", "x"),
        ("run", "x.csv", "--resource", "contact", "--action", "merge", "--default-region", "Germany"),
        ("export", "person"),
        ("errors", "imp_x", "--format", "xml"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(shell: Shell, imports: Imports, arguments: tuple[str, ...]) -> None:
    done = shell(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert imports.query("SELECT FROM imports WHERE organization_id = %s", imports.organization) == []


def test_every_option_arrives(shell: Shell, imports: Imports) -> None:
    place = imports.locations("Berlin")["Berlin"]
    (shell.folder / "contacts.csv").write_bytes(
        "Preamble\nNom;Tel;Shoe\n'Zoë';030 901820;38\n".encode("cp1252")
    )
    options: dict[str, Any] = {
        "mode": "sync", "duplicate_handling": "use_first", "match_on": ["phone", "external_id"], "blank_cells": "clear",
        "unknown_columns": "ignore", "location_id": place, "default_region": "DE", "encoding": "cp1252",
        "delimiter": ";", "quote": "'", "escape": "\\", "line_end": "lf", "header_line": 2,
        "timeout": 99, "name": "All of them",
        "column_mapping": {"name": "Nom", "phone": "Tel"},
    }  # fmt: skip
    arguments: list[str] = ["--no-save-upload", "--save-result"]
    for name, value in options.items():
        for one in [f"{k}={v}" for k, v in value.items()] if isinstance(value, dict) else [value]:
            given = ",".join(one) if isinstance(one, list) else str(one)
            arguments += [f"--{name.replace('_', '-')}", given]
    done = shell.run("contacts.csv", *arguments)
    shown = done.document()
    assert done.code == 0, shown["reason"]
    assert {name: shown[name] for name in options} == options
    assert (shown["save_upload"], shown["save_result"]) == (False, True)
    assert shown["detected"]["ignored_columns"] == ["Shoe"]
    zoe = imports.one("Zoë")
    assert (zoe["phone"], zoe["locations"]) == ("+4930901820", ["Berlin"])


def test_letters_of_an_8_bit_encoding_are_right_or_the_file_is_refused(
    shell: Shell, imports: Imports
) -> None:
    certain = "name,email\nJiří Dvořák,jd@example.org\nRůžena Černá,rc@example.org\nAnn Lee,al@example.org\n"
    (shell.folder / "certain.csv").write_bytes(certain.encode("cp1250"))
    done = shell.run("certain.csv", "--mode", "sync")
    assert (done.code, done.document()["detected"]["encoding"]) == (0, "windows-1250")
    assert {one["name"] for one in imports.records()} == {"Jiří Dvořák", "Růžena Černá", "Ann Lee"}

    (shell.folder / "unclear.csv").write_bytes("name,email\nSzűcs,sz@example.org\n".encode("mac_latin2"))
    refused = shell.run("unclear.csv", "--mode", "sync")
    reason = refused.document()["reason"]
    assert (refused.code, len(imports.records())) == (1, 3)
    assert "‘Szőcs’ in windows-1250" in reason
    assert "‘Szűcs’ in mac-latin2" in reason
    assert "Give the one that reads right as the option encoding" in reason
    # The remedy that the reason names.
    assert shell.run("unclear.csv", "--mode", "sync", "--encoding", "mac-latin2").code == 0
    assert "Szűcs" in {one["name"] for one in imports.records()}


def test_locations_and_export(shell: Shell, imports: Imports) -> None:
    added = shell("locations", "add", "Berlin, Mitte", "--json").document()
    assert shell("locations", "list", "--json").document() == [added]
    again = shell("locations", "add", "Berlin, Mitte")
    assert (again.code, again.out) == (1, "")
    assert "already" in again.err

    imports.completed(f"name,resource,location\nStaff,contact,{added['id']}\n", "group")
    imports.completed(f'name,email,groups,locations\n"Ann, née B",ann@example.com,Staff,{added["id"]}\n')
    exported = shell("export", "contact")
    assert (exported.code, exported.err) == (0, "")
    (shell.folder / "contacts.csv").write_text(exported.out)
    assert shell.run("contacts.csv", action="overwrite").document()["stats"]["unchanged"] == 1
    (row,) = [json.loads(line) for line in shell("export", "contact", "--format", "jsonl").out.splitlines()]
    assert (row["name"], row["groups"]) == ("Ann, née B", "Staff")


def test_an_unknown_import_is_told(shell: Shell) -> None:
    for command in ("show", "errors"):
        done = shell(command, "imp_01h2xcejqtf2nbrexx3vqjhp41")
        assert (done.code, done.out) == (1, "")
        assert "imp_01h2xcejqtf2nbrexx3vqjhp41" in done.err
        assert "All organizations of this database were searched" in done.err


def test_a_database_that_is_not_there_is_told(shell: Shell) -> None:
    done = shell("list", DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/none")
    assert (done.code, done.out) == (1, "")
    assert "DATABASE_URL" in done.err
    assert "secret" not in done.err


def test_a_setting_that_is_no_number_is_told(shell: Shell) -> None:
    done = shell("list", IMPORTS_SYNC_ROWS="many")
    assert (done.code, done.out) == (1, "")
    assert "IMPORTS_SYNC_ROWS" in done.err


def test_a_fresh_home_needs_nothing(tmp_path: Path) -> None:
    """Without DATABASE_URL the embedded server is there for the length of the command."""
    kept = ("PATH", "HOME", "LANG")
    shell = Shell({name: value for name, value in os.environ.items() if name in kept}, project_root())
    done = shell(
        *(
            "run",
            "examples/contacts.csv",
            "--resource",
            "contact",
            "--action",
            "merge",
            "--mode",
            "sync",
            "--json",
        ),
        IMPORTS_HOME=str(tmp_path / "home"),
    )
    assert done.code == 0, done.err
    assert done.document()["status"] == "completed"
    assert done.document()["stats"]["created"] > 0
