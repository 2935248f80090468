"""A database that goes away, and a command that is killed: what the user hears, and who ends the import."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from imports_pipeline.dagster_runtime.abandoned_imports import end_abandoned
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.cli.test_stopping import BEFORE, CONTENT, held, is_held, newest, running
from imports_pipeline_tests.filestore.cutting import line
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import until


def later(imports: Imports) -> None:
    """Make all that happened to the organization's imports some minutes older."""
    imports.query(
        "UPDATE imports SET updated_at = updated_at - %s WHERE organization_id = %s RETURNING id",
        timedelta(minutes=5),
        imports.organization,
    )


def staging_tables(imports: Imports, batch_id: str) -> list[object]:
    return imports.query("SELECT FROM pg_tables WHERE tablename LIKE %s", f"%{batch_id.partition('_')[2]}")


@pytest.mark.parametrize("phase", ["prevalidation", "processing"])
def test_the_next_command_ends_what_a_killed_one_left(
    imports: Imports, dagster_home: dict[str, str], phase: str
) -> None:
    imports.completed(BEFORE)
    before = imports.state()
    file = str(imports.source(CONTENT))
    with held(imports, phase), running(imports, dagster_home, file, options=("--mode", "sync")) as process:
        until(lambda: is_held(imports) or process.poll() is not None)
        if phase == "processing":
            # In the other phase its record is locked.
            later(imports)
            assert end_abandoned(imports.workflow) == [], "it lives, however long it takes"
        process.kill()
        process.wait()
        until(lambda: not is_held(imports))
    later(imports)
    left = newest(imports)
    assert left["status"] == ("processing" if phase == "processing" else "requested")
    shown = forked_commands.run_text(["show", left["id"], "--json"], env=dagster_home)
    found = json.loads(shown.stdout)
    assert (found["status"], found["code"]) == ("failed", "fault"), shown.stderr
    assert left["id"] in shown.stderr
    assert imports.state() == before
    if left["batch_id"]:
        assert staging_tables(imports, left["batch_id"]) == []


def test_what_others_bring_on_is_left_alone(imports: Imports, dagster_home: dict[str, str]) -> None:
    queued = imports.check(imports.register(CONTENT))
    dropped = imports.register(CONTENT, source="bucket")
    later(imports)
    assert end_abandoned(imports.workflow) == []
    assert imports.workflow.get(queued.id).status is Status.QUEUED
    assert imports.workflow.get(dropped.id).status is Status.REQUESTED


@pytest.mark.parametrize("files", [1, 2])
def test_a_database_that_is_lost(imports: Imports, dagster_home: dict[str, str], files: int) -> None:
    imports.completed(BEFORE)
    before = imports.state()
    sources = [str(imports.source(CONTENT)) for _ in range(files)]
    url = imports.workflow.database.url
    with line(url) as proxy, held(imports, "processing"):
        environment = {
            **dagster_home,
            "DATABASE_URL": url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/"),
        }
        with running(imports, environment, *sources, options=("--json",)) as process:
            until(lambda: is_held(imports) or process.poll() is not None)
            proxy.die()
            out, err = process.communicate(timeout=300)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    found = json.loads(out)
    (found,) = [found] if files == 1 else found
    left = newest(imports)
    assert (found["id"], found["code"]) == (left["id"], "database_lost")
    assert left["id"] in err
    assert imports.state() == before
