"""The reconciler: what everything else missed is closed, and what lives is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imports_pipeline.defs.jobs import OF_REGISTERED
from imports_pipeline.defs.runs import reconciler, tags
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline_tests.defs.runs import CONTENT, config_of_run
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import nothing_else_is_open, sleeps, trigger, until


class Looks:
    """Evaluates the sensor, again and again, with the cursor that the look before left."""

    def __init__(self, imports: Imports, instance: DagsterInstance, definitions: dg.Definitions) -> None:
        self.imports, self.instance, self.definitions = imports, instance, definitions
        self.cursor: str | None = None

    def look(self, times: int = 1) -> None:
        assert self.definitions.resources is not None
        for _ in range(times):
            context = dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursor,
                resources={"imports": self.definitions.resources["imports"]},
            )
            sensor = self.definitions.get_repository_def().get_sensor_def("reconciler")
            self.cursor = sensor.evaluate_tick(context).cursor

    def started(self, import_: Import, job_name: str = "import_contacts", **more: str) -> dg.DagsterRun:
        """Record a run that Dagster believes to be under way for an hour."""
        run = self.instance.create_run_for_job(
            self.definitions.resolve_job_def(job_name),
            run_config=config_of_run(import_, job_name),
            tags={**tags.of(import_), "dagster/max_retries": "0", **more},
            status=DagsterRunStatus.STARTING,
        )
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
        self.instance.report_dagster_event(
            event, run.run_id, timestamp=(datetime.now(UTC) - timedelta(hours=1)).timestamp()
        )
        return run

    def status(self, run: dg.DagsterRun) -> DagsterRunStatus:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status


@pytest.fixture
def looks(imports: Imports, instance: DagsterInstance, definitions: dg.Definitions) -> Looks:
    nothing_else_is_open(imports)
    return Looks(imports, instance, definitions)


def quiet(imports: Imports, minutes: int = 20) -> None:
    """Make all that happened to the organization's imports so much older."""
    imports.query(
        "UPDATE imports SET created_at = created_at - %s, updated_at = updated_at - %s"
        " WHERE organization_id = %s RETURNING id",
        *[timedelta(minutes=minutes)] * 2,
        imports.organization,
    )


def test_a_run_without_a_process_is_failed_at_the_second_look(imports: Imports, looks: Looks) -> None:
    run = looks.started(imports.register(CONTENT))
    looks.look()
    assert looks.status(run) is DagsterRunStatus.STARTED, "it may just be connecting"
    looks.look()
    assert looks.status(run) is DagsterRunStatus.FAILURE


def test_a_run_that_was_being_canceled_is_canceled(
    imports: Imports, instance: DagsterInstance, looks: Looks
) -> None:
    run = looks.started(imports.register(CONTENT))
    instance.report_run_canceling(run)
    looks.look(2)
    assert looks.status(run) is DagsterRunStatus.CANCELED


def _finish(imports: Imports, import_: Import) -> None:
    """Run all phases until the import is canceled; its staging tables may still be there then."""
    with suppress(PermanentFailure, ImportHasEnded):
        for phase in CHECKING_PHASES:
            imports.workflow.check(import_.id, phase)
        imports.workflow.write(import_.id)


def test_a_living_process_is_left_alone(imports: Imports, looks: Looks) -> None:
    import_ = imports.register(CONTENT)
    run = looks.started(import_)
    with trigger(imports, "PERFORM pg_sleep(600);"), ThreadPoolExecutor() as pool:
        writing = pool.submit(_finish, imports, import_)
        until(lambda: sleeps(imports, import_))
        looks.look(3)
        assert looks.status(run) is DagsterRunStatus.STARTED
        imports.workflow.finalization.cancel(import_.id)
        writing.result(60)
    imports.sound(import_)
    looks.look(2)
    assert looks.status(run) is DagsterRunStatus.FAILURE


def test_an_import_whose_runs_are_over_is_ended(
    imports: Imports, instance: DagsterInstance, looks: Looks
) -> None:
    import_ = imports.register(CONTENT)
    imports.workflow.check(import_.id, Phase.PREVALIDATION)
    run = looks.started(import_)
    _fail_long_ago(instance, run)
    looks.look()
    assert imports.sound(import_).status is Status.REQUESTED, "something just happened in it"
    quiet(imports)
    looks.look()
    import_ = imports.sound(import_)
    assert (import_.status, import_.code) == (Status.FAILED, "fault")
    assert run.run_id in (import_.reason or "")
    assert imports.codes(import_) == {4: ["invalid_email"]}


def test_of_many_open_imports_all_are_looked_at_in_the_end(
    imports: Imports, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "_A_TICK", 2)
    waiting = [imports.check(imports.register(CONTENT)) for _ in range(3)]
    lost = imports.register(CONTENT)
    quiet(imports)
    looks.look()
    assert imports.sound(lost).status is Status.REQUESTED
    looks.look()
    assert imports.sound(lost).status is Status.FAILED
    looks.look()
    assert {imports.sound(one).status for one in waiting} == {Status.QUEUED}


def test_an_import_with_a_run_under_way_is_waited_for(
    imports: Imports, instance: DagsterInstance, looks: Looks
) -> None:
    import_ = imports.register(CONTENT)
    _fail_long_ago(instance, looks.started(import_))
    instance.create_run_for_job(
        looks.definitions.resolve_job_def("import_contacts"),
        run_config=OF_REGISTERED,
        tags=tags.of(import_),
        status=DagsterRunStatus.NOT_STARTED,
    )
    quiet(imports)
    looks.look(2)
    assert imports.sound(import_).status is Status.REQUESTED


def test_an_import_that_was_never_launched_fails(imports: Imports, looks: Looks) -> None:
    import_ = imports.register(CONTENT)
    quiet(imports, 5)
    looks.look()
    assert imports.sound(import_).status is Status.REQUESTED
    quiet(imports)
    looks.look()
    assert imports.sound(import_).status is Status.FAILED


def test_a_queued_import_stays_queued_until_its_write_run_dies(
    imports: Imports, instance: DagsterInstance, looks: Looks
) -> None:
    import_ = imports.check(imports.register(CONTENT))
    _fail_long_ago(instance, looks.started(import_))
    # That of a command with several files: it would have written too.
    _fail_long_ago(instance, looks.started(import_, **tags.of_write(import_)))
    quiet(imports)
    looks.look()
    assert imports.sound(import_).status is Status.QUEUED
    _fail_long_ago(instance, looks.started(import_, "process_contacts", **tags.of_write(import_)))
    quiet(imports)
    looks.look()
    assert imports.sound(import_).status is Status.FAILED


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_upload_that_never_came_expires(imports: Imports, looks: Looks, hours: int) -> None:
    with imports.workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=imports.organization,
            resource="contact",
            options=Options(),
            source="upload_url",
            upload_expires_at=datetime.now(UTC) + timedelta(hours=hours),
        )
    quiet(imports)
    looks.look(2)
    import_ = imports.workflow.get(import_.id)
    assert import_.status is (Status.EXPIRED if hours < 0 else Status.REQUESTED)
    if hours < 0:
        assert import_.code == "upload_expired"


def _fail_long_ago(instance: DagsterInstance, run: dg.DagsterRun) -> None:
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, run.job_name)
    instance.report_dagster_event(
        event, run.run_id, timestamp=(datetime.now(UTC) - timedelta(minutes=50)).timestamp()
    )
