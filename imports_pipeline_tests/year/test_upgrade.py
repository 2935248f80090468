"""An installation that was used before there was retention: upgraded with all its rows, and kept small from then on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from dagster import DagsterInstance
from psycopg import sql

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.dagster_runtime.in_process_runner import run_revert
from imports_pipeline.database import migrations
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.statuses import Status
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.housekeeping import housekeep
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention
from imports_pipeline.workflow.revert import request_revert
from imports_pipeline_tests.year import history
from imports_pipeline_tests.year.work import import_ten_rows

#: The newest version of our tables before the first that the retention needs.
BEFORE = "0011"
IMPORTS, ORGANIZATIONS, DAYS = 200, 10, 730


def _revision(url: str, version: str) -> None:
    """Take our tables back to a version, with their rows."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["url"] = "postgresql+psycopg://" + url.split("://", 1)[1]
    command.downgrade(config, version)


def test_an_upgrade_and_its_first_night(
    server: str, worker_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"upgraded_{worker_id}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = f"{server.rpartition('/')[0]}/{name}"
    migrate(url)
    for variable, value in {**dagster_environment(url, tmp_path), "IMPORTS_LOG_LEVEL": "CRITICAL"}.items():
        monkeypatch.setenv(variable, value)
    store = LocalStore(tmp_path / "files")
    workflow = ImportWorkflow(Database(url), store, Settings(tmp_path))
    first = import_ten_rows(workflow, tmp_path)
    with DagsterInstance.get(), psycopg.connect(url, autocommit=True) as connection:
        history.build(connection, [first.id], imports=IMPORTS, organizations=ORGANIZATIONS, days=DAYS)
        history.add_dropped_files(store, ORGANIZATIONS, IMPORTS)
        _revision(url, BEFORE)
        count = "SELECT count(*) FROM imports"
        assert connection.execute(count).fetchone() == (IMPORTS + 1,)

        migrate(url)
        removed = housekeep(connection, workflow.store, workflow.settings)
        retained = DagsterRetention(connection, workflow.settings, lambda _: None).remove()
        assert removed.notes == retained.notes == []
        assert removed.imports_with_dropped_files == pytest.approx(IMPORTS / 2, abs=2)
        left = sum(1 for _ in workflow.store.list("uploads"))
        assert left == IMPORTS - removed.imports_with_dropped_files
        assert retained.runs == pytest.approx(IMPORTS / 2, abs=2)
        assert retained.events > retained.runs
        assert connection.execute(count).fetchone() == (IMPORTS + 1,), "our own records stay"
        assert connection.execute("SELECT count(*) FROM dagster.runs").fetchone() == (
            IMPORTS + 1 - retained.runs,
        )
        again = DagsterRetention(connection, workflow.settings, lambda _: None).remove()
        assert (again.runs, again.events) == (0, 0)

        assert import_ten_rows(workflow, tmp_path).stats["unchanged"] == 10
        undoing = request_revert(workflow, first.id, dry_run=False, source="cli", created_by=None)
        assert run_revert(workflow, undoing).status is Status.COMPLETED
        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (0,)
