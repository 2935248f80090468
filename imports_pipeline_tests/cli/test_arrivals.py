"""The commands about imports that nobody types: `uploads` and `syncs`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance
from typer.testing import CliRunner

from imports_pipeline.cli.app import app
from imports_pipeline.workflow.dropped_files.watcher import Watcher
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.defs.runs import materialized
from imports_pipeline_tests.journeys import Imports

WIDE = {"COLUMNS": "250"}
EXAMPLE = Path(__file__).parents[2] / "examples" / "syncs.yaml"


def test_syncs_lists_what_is_scheduled_and_what_is_wrong(tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["syncs", str(EXAMPLE), "--json"])
    assert good.exit_code == 0
    shown = json.loads(good.stdout)
    assert [sync["name"] for sync in shown["syncs"]] == ["crm_contacts", "hr_changes", "groups"]
    assert all(sync["next"] for sync in shown["syncs"])
    assert shown["problems"] == []
    file = tmp_path / "syncs.yaml"
    file.write_text(
        EXAMPLE.read_text().replace("\nuploads:", "\n  - name: broken\n    resource: contact\n\nuploads:")
    )
    bad = CliRunner().invoke(app, ["syncs"], env={"IMPORTS_SYNCS": str(file), **WIDE})
    assert bad.exit_code == 1
    assert "imports-pipeline: sync broken: source is missing." in bad.stderr
    assert "crm_contacts" in bad.stdout
    none = CliRunner().invoke(app, ["syncs"], env={"IMPORTS_SYNCS": ""})
    assert none.exit_code == 1
    assert "set IMPORTS_SYNCS" in none.stderr


@pytest.fixture
def environment(imports: Imports, monkeypatch: pytest.MonkeyPatch, dagster_home: dict[str, str]) -> None:
    for name in ("DATABASE_URL", "IMPORTS_HOME"):
        monkeypatch.setenv(name, dagster_home[name])


@pytest.mark.usefixtures("environment")
def test_a_sync_is_tried_by_day(imports: Imports, instance: DagsterInstance, tmp_path: Path) -> None:
    """`syncs run` reads what the schedule reads, with its options, and `--dry-run` writes nothing."""
    (tmp_path / "2026-11-22.csv").write_text("name,email\nAnn,ann@example.com\nBob,nonsense\n")
    file = tmp_path / "syncs.yaml"
    sync = {
        "name": "nightly",
        "resource": "contact",
        "source": f"{tmp_path}/{{date}}.csv",
        "cron": "30 2 * * *",
        "action": "overwrite",
        "organization": imports.organization,
        "max_deletions": 0,
    }
    file.write_text(yaml.safe_dump([sync, {**sync, "name": "broken", "cron": "now"}]))
    run = ["syncs", "run", "nightly", "--file", str(file), "--json", "--date", "2026-11-22"]
    tried = forked_commands.run_text([*run, "--dry-run"], env=dict(os.environ))
    assert tried.returncode == 0, tried.stderr
    shown = json.loads(tried.stdout)
    assert (shown["name"], shown["dry_run"], shown["source"]) == ("nightly", True, "cli")
    assert (shown["stats"]["created"], shown["stats"]["rejected"]) == (1, 1)
    assert imports.names() == []
    assert "syncs/nightly" not in materialized(instance, shown["run_id"])

    done = forked_commands.run_text(run, env=dict(os.environ))
    shown = json.loads(done.stdout)
    assert shown["status"] == "completed", done.stderr
    assert imports.names() == ["Ann"]
    assert "syncs/nightly" in materialized(instance, shown["run_id"]), "the sync is not late"

    # The next file is refused, so it has not arrived, and arrives by its approval.
    (tmp_path / "2026-11-23.csv").write_text("name,email\nBob,bob@example.com\n")
    refused = json.loads(forked_commands.run_text([*run[:-1], "2026-11-23"], env=dict(os.environ)).stdout)
    assert refused["code"] == "too_many_deletions", refused["reason"]
    assert "syncs/nightly" not in materialized(instance, refused["run_id"])
    done = forked_commands.run_text(["approve", refused["id"], "--json"], env=dict(os.environ))
    shown = json.loads(done.stdout)
    assert (shown["status"], shown["approves"]) == ("completed", refused["id"]), done.stderr
    assert "syncs/nightly" in materialized(instance, shown["run_id"])

    for wrong, reason in (
        ("broken", "sync broken: cron: 'now' is not"),
        ("other", "there is no sync 'other'; the file has: nightly."),
    ):
        refused = CliRunner().invoke(app, ["syncs", "run", wrong, "--file", str(file)])
        assert (refused.exit_code, reason in refused.stderr) == (2, True), refused.stderr


@pytest.mark.usefixtures("environment")
def test_uploads_lists_what_was_dropped_and_why_it_was_skipped(imports: Imports) -> None:
    imports.query("DELETE FROM uploads RETURNING id")
    folder = f"uploads/{imports.organization}/contact/merge"
    for name in ("people.csv", "people.pdf"):
        with imports.workflow.store.open_write(f"{folder}/{name}") as file:
            file.write(b"name\nAnn\n")
    Watcher(imports.workflow).tick()
    arguments = ["uploads", "--organization", imports.organization]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    skipped, seen = json.loads(done.stdout)
    assert (seen["key"], seen["state"]) == (f"{folder}/people.csv", "seen")
    assert (skipped["key"], skipped["state"]) == (f"{folder}/people.pdf", "skipped")
    assert "must be one of .csv" in skipped["reason"]
    only = CliRunner().invoke(app, [*arguments, "--state", "skipped"], env=WIDE)
    assert "people.pdf" in only.stdout
    assert "people.csv" not in only.stdout
    imports.workflow.store.delete_folder("uploads")
