"""Batches by the command line: JSON items in, the batch object out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.system import environment


class Commands:
    """Runs commands on the worker's database, for one organization."""

    def __init__(self, workflow: ImportWorkflow, organization: str) -> None:
        self._environment = {
            **environment(workflow.settings.home, {"DATABASE_URL": workflow.database.url}),
            "IMPORTS_ORGANIZATION": organization,
        }

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return forked_commands.run_text(arguments, env=self._environment, stdin=stdin)

    def bytes_of(self, *arguments: str) -> bytes:
        done = forked_commands.run(arguments, env=self._environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def batch(self, items: str, *options: str, code: int = 0) -> Any:
        done = self.run("batch", "-", "--resource", "contact", *options, "--json", stdin=items)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def commands(workflow: ImportWorkflow, organization: str) -> Commands:
    return Commands(workflow, organization)


def test_a_batch_is_applied_listed_shown_and_taken_back(commands: Commands, tmp_path: Path) -> None:
    lines = '{"name": "Ada", "external_id": "1"}\n\n{"name": "Bob", "email": "nowhere"}\n'
    batch = commands.batch(lines, "--action", "merge", "--properties", '{"notes": "by hand"}')
    assert (batch["object"], batch["status"], batch["via"], batch["source"]) == (
        "batch",
        "completed",
        "api",
        "cli",
    )
    assert (batch["stats"]["created"], batch["stats"]["rejected"]) == (1, 1)
    listed = json.loads(commands.run("batches", "--json").stdout)
    assert [one["id"] for one in listed] == [batch["id"]]
    assert json.loads(commands.run("list", "--json").stdout) == []
    assert json.loads(commands.run("show", batch["id"], "--json").stdout)["id"] == batch["id"]
    errors = json.loads(commands.run("errors", batch["id"], "--format", "json").stdout)
    assert [(one["line"], one["phase"]) for one in errors] == [(2, "parsing")]
    (tmp_path / "errors.xlsx").write_bytes(commands.bytes_of("errors", batch["id"], "--format", "xlsx"))
    sheet = openpyxl.load_workbook(tmp_path / "errors.xlsx").worksheets[0]
    assert {cell.value for cell in sheet[2]} >= {"Bob", "nowhere", "2", "parsing"}
    exported = commands.run("export", "contact").stdout
    assert "by hand" in exported
    assert commands.run("revert", batch["id"]).returncode == 0
    assert "by hand" not in commands.run("export", "contact").stdout


def test_a_refused_import_is_approved_once(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    how = ("run", str(file), "--resource", "contact", "--action", "overwrite", "--json")
    file.write_text("name,external_id\n" + "".join(f"n{i},{i}\n" for i in range(20)), encoding="utf-8")
    assert commands.run(*how).returncode == 0
    file.write_text("name,external_id\nn0,0\n", encoding="utf-8")
    refused = commands.run(*how)
    assert refused.returncode == 1
    import_id, checksum = (json.loads(refused.stdout)[name] for name in ("id", "plan_checksum"))
    other = commands.run("approve", import_id, "--plan-checksum", "0" * 64)
    assert (other.returncode, other.stdout) == (1, "")
    assert f"it is {checksum}" in other.stderr
    approved = commands.run("approve", import_id, "--plan-checksum", checksum, "--json")
    shown = json.loads(approved.stdout)
    assert (approved.returncode, shown["status"], shown["stats"]["overwritten"]) == (0, "completed", 19)
    assert (shown["approves"], shown["source"]) == (import_id, "cli")
    assert shown["approved_by"] == shown["created_by"]
    listed = {line.split("\t")[0]: line.split("\t")[2] for line in commands.run("list").stdout.splitlines()}
    assert (listed[import_id], listed[shown["id"]]) == ("failed, approved", "completed")
    told = commands.run("show", import_id).stdout
    assert f"It was approved; {shown['id']} imports its file again." in told
    again = commands.run("approve", import_id)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"approved already, by the import {shown['id']}" in again.stderr


def test_a_refused_import_is_rejected(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    how = ("run", str(file), "--resource", "contact", "--action", "overwrite", "--json")
    file.write_text("name,external_id\n" + "".join(f"n{i},{i}\n" for i in range(20)), encoding="utf-8")
    commands.run(*how)
    file.write_text("name,external_id\nn0,0\n", encoding="utf-8")
    import_id = json.loads(commands.run(*how).stdout)["id"]
    rejected = commands.run("reject", import_id, "--reason", "Oslo is missing")
    assert (rejected.returncode, rejected.stderr) == (0, "")
    assert "failed, rejected" in rejected.stdout
    assert ": Oslo is missing\n" in rejected.stdout
    assert commands.run("reject", import_id, "--reason", "another").returncode == 1
    assert "; if the records are to go after all" in commands.run("approve", import_id).stderr
    assert commands.run("reject", import_id, "--reason", " ").returncode == 2


def test_a_queued_batch_is_canceled(commands: Commands) -> None:
    queued = commands.batch('[{"name": "Ada"}]', "--action", "merge", "--no-wait")
    assert queued["status"] == "queued"
    canceled = commands.run("cancel", queued["id"], "--json")
    assert json.loads(canceled.stdout)["code"] == "canceled"


@pytest.mark.parametrize(
    ("items", "options", "reason"),
    [
        ("", (), "holds no items"),
        ("[]", (), "holds no items"),
        ("[{]", (), "is not valid JSON"),
        ('{"a": 1}\n{', (), "line 2 is not valid JSON"),
        ('[{"name": "A"}]', ("--properties", "[]"), "must be a JSON object"),
    ],
)
def test_what_is_no_batch_is_told(
    commands: Commands, items: str, options: tuple[str, ...], reason: str
) -> None:
    done = commands.run("batch", "-", "--resource", "contact", "--action", "merge", *options, stdin=items)
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr


def test_items_that_are_odd_end_with_a_reason_and_never_as_a_fault(commands: Commands) -> None:
    deep = '{"metadata": ' * 40 + "1" + "}" * 40
    separated = '{"name": "two\u2028lines\u0085here"}\n'
    batch = commands.batch(f'\ufeff{separated}{{"name": NaN}}\n{deep}\n', "--action", "merge")
    assert (batch["status"], batch["stats"]["created"], batch["stats"]["rejected"]) == ("completed", 1, 2)
    options = ("--action", "merge", "--properties", '{"groups": [[]]}')
    assert commands.batch('{"name": "Bob"}', *options, code=1)["code"] == "not_a_table"
    half = commands.run(
        "batch", "-", "--resource", "contact", "--action", "merge", stdin='{"name": "\\ud800"}'
    )
    assert (half.returncode, "lone surrogate" in half.stderr) == (2, True)
    assert "Traceback" not in half.stderr
