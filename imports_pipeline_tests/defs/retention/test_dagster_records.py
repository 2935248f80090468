"""Old records of Dagster go, in batches that can be cut anywhere; what pages and imports still need stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner

from imports_pipeline.cli.app import app
from imports_pipeline.dagster_runtime.in_process_runner import run_revert
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.retention.dagster_records import KEPT_EVENTS, SCHEMA_VERSION
from imports_pipeline.workflow.retention.dagster_retention import (
    Retained,
)
from imports_pipeline.workflow.revert import request_revert
from imports_pipeline_tests.defs.retention.nights import Killed, Retain, age, import_files
from imports_pipeline_tests.defs.runs import CONTENT, import_contacts, of_organization, run
from imports_pipeline_tests.journeys import Imports

CHECKS = ("rejected_rows", "duplicate_rows", "unknown_columns")
#: Tags that are read only before a run ends: maximum time, priority, retries, organization, size, in a process, lock.
QUEUE_TAGS = 7


def _records(imports: Imports, run_id: str) -> dict[str, int]:
    """Count what Dagster has of a run."""
    tables = ("runs", "run_tags", "event_logs", "asset_check_executions")
    counts = ", ".join(
        f"(SELECT count(*) FROM dagster.{table} WHERE run_id = run) AS {table}" for table in tables
    )
    (row,) = imports.query(f"SELECT {counts} FROM (SELECT %s::text AS run)", run_id)
    return dict(row)


def test_after_weeks_the_results_stay_and_after_a_year_nothing(
    imports: Imports, instance: DagsterInstance, retain: Retain
) -> None:
    (old,) = import_files(imports, instance, 1)
    age(imports, 43, old)
    before = _records(imports, old.run_id)
    logs = Path(instance.compute_log_manager._base_dir) / old.run_id  # type: ignore[attr-defined]
    (logs / "compute_logs").mkdir(parents=True, exist_ok=True)
    (logs / "compute_logs" / "a.out").write_text("captured")

    counted = retain(dry_run=True)
    assert (counted.runs, counted.events > 0) == (0, True)
    assert _records(imports, old.run_id) == before, "a dry run removes nothing"
    assert logs.exists()

    weeks = retain()
    assert weeks == counted
    after = _records(imports, old.run_id)
    assert after == {
        **before,
        "event_logs": before["event_logs"] - weeks.events,
        "run_tags": before["run_tags"] - QUEUE_TAGS,
    }
    kinds = imports.query(
        "SELECT DISTINCT dagster_event_type AS kind FROM dagster.event_logs WHERE run_id = %s", old.run_id
    )
    assert [row["kind"] for row in kinds] == ["ASSET_MATERIALIZATION"]
    assert not logs.exists()
    materializations = instance.fetch_materializations(dg.AssetKey("contacts"), limit=2).records
    assert old.run_id in {record.run_id for record in materializations}, "the plot has its point"
    for name in CHECKS:
        key = dg.AssetCheckKey(dg.AssetKey("contact_batches"), name)
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=2)
        (result,) = [one for one in history if one.run_id == old.run_id]
        assert result.event is not None, "the page of the check has its result"
        assert result.event.asset_check_evaluation is not None
    (listed,) = instance.get_run_records(dg.RunsFilter(tags={tags.IMPORT_ID: old.tags[tags.IMPORT_ID]}))
    assert listed.dagster_run.tags == old.tags, "the page of the run shows all of them"
    assert listed.start_time is not None
    assert listed.end_time is not None
    assert retain() == Retained(), "each run once"

    age(imports, 330, old)
    year = retain()
    assert (year.runs, year.checks, year.events) == (1, before["asset_check_executions"], after["event_logs"])
    assert set(_records(imports, old.run_id).values()) == {0}
    assert imports.query(
        "SELECT count(*) AS n FROM imports WHERE run_id = %s AND status = 'completed'", old.run_id
    ) == [{"n": 1}], "our own record stays"


def test_what_must_stay(imports: Imports, instance: DagsterInstance, retain: Retain) -> None:
    runs = import_files(imports, instance, 1)
    (last,) = (one for one in of_organization(instance, imports) if one.run_id != runs[0].run_id)
    open_ = imports.check(imports.register(CONTENT))
    waiting = instance.create_run_for_job(_nothing, tags=tags.of(open_), status=dg.DagsterRunStatus.FAILURE)
    going = instance.create_run_for_job(_nothing, tags={}, status=dg.DagsterRunStatus.STARTED)
    repeated = instance.create_run_for_job(_nothing, tags={}, status=dg.DagsterRunStatus.FAILURE)
    repeats = instance.create_run_for_job(
        _nothing,
        tags={"dagster/parent_run_id": repeated.run_id, "dagster/root_run_id": repeated.run_id},
        parent_run_id=repeated.run_id,
        root_run_id=repeated.run_id,
        status=dg.DagsterRunStatus.NOT_STARTED,
    )
    staying = [last, waiting, going, repeated]
    before = {one.run_id: _records(imports, one.run_id) for one in staying}
    age(imports, 1000, runs[0], *staying)
    try:
        assert retain().runs == 1
        assert instance.get_run_by_id(runs[0].run_id) is None
        assert {one.run_id: _records(imports, one.run_id) for one in staying} == before
        for asset in ("contacts", "contact_batches"):
            event = instance.get_latest_materialization_event(dg.AssetKey(asset))
            assert event is not None
            assert event.run_id == last.run_id
        keys = [dg.AssetCheckKey(dg.AssetKey("contact_batches"), name) for name in CHECKS]
        results = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        assert {result.run_id for result in results.values()} == {last.run_id}
        assert len(results) == len(keys)
    finally:
        for one in (waiting, going, repeated, repeats):
            instance.delete_run(one.run_id)
    assert imports.write(open_).status is Status.COMPLETED, "the import that waited goes on"


@pytest.mark.parametrize("days", [43, 400])
def test_killed_before_each_statement(
    imports: Imports, instance: DagsterInstance, retain: Retain, days: int
) -> None:
    """A run has all its records or only those that stay, wherever the process dies in whichever batch."""
    old = import_files(imports, instance, 2)
    age(imports, days, *old)
    whole = [_records(imports, one.run_id) for one in old]
    kept = [dict.fromkeys(one, 0) for one in whole]
    if days < 365:
        kept = [
            {
                **one,
                "event_logs": _count_kept(imports, run.run_id),
                "run_tags": one["run_tags"] - QUEUE_TAGS,
            }
            for one, run in zip(whole, old, strict=True)
        ]
    before, statements, kills = whole, 0, 0
    while True:
        try:
            retain(batch=1, statements=statements)
            break
        except Killed:
            kills += 1
        now = [_records(imports, one.run_id) for one in old]
        assert all(one in either for one, *either in zip(now, whole, kept, strict=True))
        # A batch that was written stays so. The next one is killed before each of its statements too.
        statements = statements + 1 if now == before else 0
        before = now
    assert [_records(imports, one.run_id) for one in old] == kept
    assert kills > 10


def _count_kept(imports: Imports, run_id: str) -> int:
    (row,) = imports.query(
        "SELECT count(*) AS n FROM dagster.event_logs WHERE run_id = %s AND dagster_event_type = ANY(%s)",
        run_id,
        list(KEPT_EVENTS),
    )
    return int(row["n"])


def test_out_of_time_and_continued(imports: Imports, instance: DagsterInstance, retain: Retain) -> None:
    old = import_files(imports, instance, 2)
    age(imports, 400, *old)
    times = iter(range(100))
    first = retain(batch=1, seconds=1, clock=lambda: next(times))
    assert first.runs <= 1
    assert first.notes == ["The time for it is used up (IMPORTS_RETENTION_SECONDS); the next call continues."]
    assert first.runs + retain().runs == 2


def test_another_schema_is_refused(imports: Imports, instance: DagsterInstance, retain: Retain) -> None:
    """Also holds that the installed Dagster has the schema that the statements were written for."""
    assert instance.run_storage.alembic_version() == (SCHEMA_VERSION, SCHEMA_VERSION)
    assert instance.event_log_storage.alembic_version() == (SCHEMA_VERSION, SCHEMA_VERSION)
    (old,) = import_files(imports, instance, 1)
    age(imports, 400, old)
    imports.query("UPDATE dagster.alembic_version SET version_num = 'other' RETURNING 1 AS one")
    try:
        refused = retain()
    finally:
        imports.query(
            "UPDATE dagster.alembic_version SET version_num = %s RETURNING 1 AS one", SCHEMA_VERSION
        )
    assert replace(refused, notes=[]) == Retained()
    assert "Dagster's schema has the version other" in refused.sentence()
    assert retain().runs == 1


def test_snapshots_that_a_run_shows_stay(imports: Imports, instance: DagsterInstance, retain: Retain) -> None:
    (old,) = import_files(imports, instance, 1)
    lone = instance.create_run_for_job(_lone, tags={}, status=dg.DagsterRunStatus.SUCCESS)
    age(imports, 400, old, lone)
    assert retain().snapshots >= 2, "of the job and of its plan"
    (last,) = of_organization(instance, imports)
    assert last.job_snapshot_id is not None
    assert instance.get_job_snapshot(last.job_snapshot_id).name == last.job_name
    assert last.execution_plan_snapshot_id is not None
    assert instance.get_execution_plan_snapshot(last.execution_plan_snapshot_id).steps
    assert lone.job_snapshot_id is not None
    assert not instance.has_job_snapshot(lone.job_snapshot_id)


def test_old_imports_can_be_used_afterwards(
    imports: Imports, instance: DagsterInstance, retain: Retain
) -> None:
    path = imports.source(CONTENT)
    import_ = run(imports, imports.register(path, mode="sync"))
    import_files(imports, instance, 0)
    (old,) = (one for one in of_organization(instance, imports) if one.tags[tags.IMPORT_ID] == import_.id)
    age(imports, 43, old)
    assert retain().events > 0
    # Re-executed on its page, which still shows it, it is a new import of the same file.
    with dg.execute_job(
        dg.reconstructable(import_contacts),
        instance,
        reexecution_options=dg.ReexecutionOptions(parent_run_id=old.run_id),
    ) as again:
        assert again.success
    (repeated,) = imports.query("SELECT id, stats FROM imports WHERE run_id = %s", again.run_id)
    assert repeated["id"] != import_.id
    assert (repeated["stats"]["unchanged"], repeated["stats"]["rejected"]) == (2, 1)

    age(imports, 400, old)
    assert retain().runs == 1
    undoing = request_revert(imports.workflow, import_.id, dry_run=False, source="cli", created_by=None)
    assert run_revert(imports.workflow, undoing).status is Status.COMPLETED
    assert imports.records() == []


def test_the_job_and_the_command(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    job = definitions.resolve_job_def("housekeeping")
    result = job.execute_in_process(
        instance=instance, run_config={"ops": {"dagster_records": {"config": {"dry_run": True}}}}
    )
    (output,) = (
        event.step_output_data
        for event in result.filter_events(lambda one: one.is_successful_output)
        if event.step_key == "dagster_records"
    )
    names = {
        "imports/dagster_runs",
        "imports/dagster_events",
        "imports/dagster_checks",
        "imports/dagster_snapshots",
    }
    assert names | {"notes"} == set(output.metadata)
    done = CliRunner().invoke(app, ["housekeeping", "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.stdout)["dagster"]) == {"runs", "events", "checks", "snapshots", "notes"}


def test_kept_events_are_events_of_dagster() -> None:
    assert set(KEPT_EVENTS) <= {kind.value for kind in dg.DagsterEventType}


@dg.job
def _nothing() -> None:
    """A job whose runs are never executed."""


@dg.job
def _lone() -> None:
    """A job with one run."""
