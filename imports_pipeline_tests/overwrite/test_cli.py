"""The commands of an overwrite, as a shell has them: dry run, guard and approval, limits, history, revert."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.runs import contacts

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(dagster_home: dict[str, str]) -> Command:
    """Return what runs one command on the tests' own database and files."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return forked_commands.run_text(arguments, env=dagster_home)

    return run


def answer(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def overwrite(runs: Runs, content: str) -> list[str]:
    path = str(runs.source(content))
    options = [
        "--resource",
        "contact",
        "--action",
        "overwrite",
        "--organization",
        runs.organization,
        "--json",
    ]
    return ["run", path, *options]


def test_dry_run_guard_and_limits(runs: Runs, command: Command) -> None:
    runs.completed(contacts(20))
    arguments = overwrite(runs, contacts(9))
    before = runs.tables()
    planned = answer(command(*arguments, "--dry-run"))
    assert (planned["status"], planned["dry_run"], planned["stats"]["overwritten"]) == ("completed", True, 11)
    assert "max_deletions 11" in planned["reason"]
    with open(planned["_plan_json_path"]) as file:
        assert sum(row["operation"] == "overwritten" for row in json.load(file)) == 11
    stopped = answer(command(*arguments), 1)
    assert (stopped["status"], stopped["code"]) == ("failed", "too_many_deletions")
    assert "max_deletions 11" in stopped["reason"]
    assert runs.tables() == before
    limits = ["limits", "--organization", runs.organization, "--json"]
    assert answer(command(*limits, "--deletion-floor", "11")) == {
        "deletion_floor": 11, "deletion_percent": 10, "deletion_total": 500,
    }  # fmt: skip
    assert runs.run(contacts(9), action="overwrite").stats["overwritten"] == 11


def test_revert_and_history(runs: Runs, command: Command) -> None:
    runs.completed("name,external_id\nAnn,E-1\nBob,E-2\n")
    bob = runs.one("Bob")["id"]
    before = runs.stored()
    import_ = runs.completed("name,external_id\nAnna,E-1\n", action="overwrite")
    done = answer(command("revert", import_.id, "--json"))
    assert (done["action"], done["reverts"], done["status"]) == ("revert", import_.id, "completed")
    assert (done["stats"]["created"], done["stats"]["updated"]) == (1, 1)
    assert done["_plan_csv_path"]
    assert runs.stored() == before
    history = answer(command("history", "contact", bob, "--organization", runs.organization, "--json"))
    assert [(one["import_id"], one["operation"]) for one in history][:-1] == [
        (done["id"], "brought back"),
        (import_.id, "overwritten"),
    ]


def test_a_revert_that_is_refused(runs: Runs, command: Command) -> None:
    import_ = runs.dry_run(contacts(1))
    done = command("revert", import_.id)
    assert (done.returncode, done.stdout) == (1, "")
    assert "wrote nothing" in done.stderr
