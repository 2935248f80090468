"""The commands about imports that nobody types: `uploads` and `syncs`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imports_pipeline.cli.app import app
from imports_pipeline.workflow.upload_watcher import Watcher
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
    file.write_text(EXAMPLE.read_text() + "\n  - name: broken\n    resource: contact\n")
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
