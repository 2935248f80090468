"""Lists on terminals of 60, 80 and 200 columns, and in a pipe; what they say of imports and databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.workflow import revert
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.cli import terminal
from imports_pipeline_tests.journeys import Imports

CONTENT = "name,email\nAnn,ann@example.com\nBob,nonsense\n"
NAME = "members of the northern branch.csv"


@pytest.fixture
def env(dagster_home: dict[str, str], organization: str) -> dict[str, str]:
    return {**dagster_home, "IMPORTS_ORGANIZATION": organization}


def piped(env: dict[str, str], cwd: Path, *arguments: str) -> list[list[str]]:
    done = forked_commands.run_text(arguments, env=env, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_imports_are_listed_whole_at_any_width(imports: Imports, env: dict[str, str], tmp_path: Path) -> None:
    older, newer = imports.run(CONTENT), imports.run(CONTENT)
    with imports.workflow.database.connect() as connection:
        for one, name in ((older, "older.csv"), (newer, NAME)):
            connection.execute("UPDATE imports SET name = %s WHERE id = %s", (name, one.id))
    times = {one.id: f"{one.created_at:%Y-%m-%d %H:%M:%S}" for one in (older, newer)}

    narrow = terminal.run(("list",), env=env, cwd=tmp_path, columns=80).lines
    assert max(map(len, narrow)) <= 80
    assert narrow[0].split() == ["id", "time", "(UTC)", "status", "name"]
    rows = [line for line in narrow if line.startswith("imp_")]
    for line, one in zip(rows, (newer, older), strict=True):
        assert line.startswith(f"{one.id}  {times[one.id]}  completed")
    words = " ".join(narrow).split()
    assert {*NAME.split(), "with", "1", "rejected", "older.csv"} <= {*words}

    # The time goes first: without the status and the name nobody knows what a row is.
    small = terminal.run(("list",), env=env, cwd=tmp_path, columns=60).lines
    assert max(map(len, small)) <= 60
    assert small[0].split() == ["id", "status", "name"]
    assert [line.split()[:2] for line in small if line.startswith("imp_")] == [
        [newer.id, "completed"],
        [older.id, "completed"],
    ]
    assert {*NAME.split(), "with", "1", "rejected", "older.csv"} <= {*" ".join(small).split()}

    wide = terminal.run(("list",), env=env, cwd=tmp_path, columns=200).lines
    assert max(map(len, wide)) <= 200
    first = [cell.strip() for cell in wide[2].split("  ") if cell.strip()]
    whole = [newer.id, times[newer.id], "completed with 1 rejected", NAME, "merge", "contact"]
    assert first == [*whole, "0", "0", "0", "1"]

    lines = piped(env, tmp_path, "list")
    assert lines == [
        [*whole, "0", "0", "0", "1", "", ""],
        [older.id, times[older.id], *whole[2:3], "older.csv", *whole[4:], "1", "0", "0", "1", "", ""],
    ]
    shown = forked_commands.run_text(("list", "--json"), env=env, cwd=tmp_path).stdout
    assert [one["id"] for one in json.loads(shown)] == [newer.id, older.id]


def test_a_reverted_import_says_so_and_a_second_revert_too(
    imports: Imports, env: dict[str, str], tmp_path: Path
) -> None:
    import_ = imports.completed("name,email\nAnn,ann@example.com\n")
    record = str(imports.one("Ann")["id"])

    def reverted(*, dry_run: bool) -> Import:
        asked = revert.request_revert(
            imports.workflow, import_.id, dry_run=dry_run, source="cli", created_by=None
        )
        return revert.run_revert(imports.workflow, asked.id)

    planned = reverted(dry_run=True)
    assert imports.workflow.get(import_.id).reverted_by is None
    first = reverted(dry_run=False)
    done = forked_commands.run_text(("revert", import_.id, "--json"), env=env, cwd=tmp_path)
    again = json.loads(done.stdout)
    assert (planned.reason, first.reason) == ("Dry run: nothing was written.", None)
    assert again["reason"] == f"{import_.id} was already reverted, by {first.id}."
    assert imports.workflow.get(import_.id).as_object()["reverted_by"] == first.id

    listed = {row[0]: (row[2], row[-1]) for row in piped(env, tmp_path, "list")}
    assert listed[import_.id] == ("completed, reverted", first.id)
    assert listed[first.id] == ("completed", "")
    assert listed[planned.id] == ("completed, dry run", "")
    shown = forked_commands.run_text(("show", import_.id), env=env, cwd=tmp_path).stdout
    organization = env["IMPORTS_ORGANIZATION"]
    assert f"of the organization {organization}: merge contacts, completed, reverted\n" in shown
    assert (
        f"It reverts {import_.id}."
        in forked_commands.run_text(("show", first.id), env=env, cwd=tmp_path).stdout
    )
    history = forked_commands.run_text(("history", "contact", record), env=env, cwd=tmp_path)
    assert env["IMPORTS_ORGANIZATION"] in history.stderr
    assert [line.split("\t")[1] for line in history.stdout.splitlines()] == [first.id, import_.id]


READING = (
    "list", "batches", "uploads", "limits", "keys list", "mappings list", "mappings show x", "mappings remove x",
    "locations list", "export contact", "history contact ctct_x", "show imp_x", "errors imp_x", "cancel imp_x",
    "revert imp_x", "approve imp_x", "keys revoke key_x", "housekeeping --dry-run",
)  # fmt: skip


def test_commands_that_need_something_stored_make_no_database(tmp_path: Path, env: dict[str, str]) -> None:
    home = tmp_path / "not here"
    own = {name: value for name, value in env.items() if name != "DATABASE_URL"} | {"IMPORTS_HOME": str(home)}
    for command in READING:
        done = forked_commands.run_text(command.split(), env=own, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), command
        assert f"{home / 'postgres'} has no PostgreSQL" in done.stderr, command
        assert "IMPORTS_HOME" in done.stderr
    assert not home.exists()


def test_a_list_without_rows_says_whose_it_is(env: dict[str, str], tmp_path: Path) -> None:
    organization = env["IMPORTS_ORGANIZATION"]
    done = forked_commands.run_text(("list",), env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"imports-pipeline: The organization {organization} has no imports.\n"
    unknown = forked_commands.run_text(("history", "contact", "ctct_x"), env=env, cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert f"The organization {organization} has no contact ctct_x" in unknown.stderr
