"""What Dagster stores of a run: everything that its pages show, and little more."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import DagsterInstance, EventLogEntry
from dagster._core.events import DagsterEvent, EngineEventData

from imports_pipeline.dagster_runtime.event_storage import ImportsEventLogStorage
from imports_pipeline_tests.defs.runs import run
from imports_pipeline_tests.journeys import Imports

PEOPLE = "name,email\n" + "".join(f"Ann {n},ann{n}@example.com\n" for n in range(10))
STEPS = 7
KINDS = {
    "ASSET_CHECK_EVALUATION": 4,
    "ASSET_MATERIALIZATION": 2,
    "ASSET_MATERIALIZATION_PLANNED": 2,
    "LOGS_CAPTURED": 1,
    "PIPELINE_START": 1,
    "PIPELINE_SUCCESS": 1,
    "STEP_OUTPUT": STEPS,
    "STEP_START": STEPS,
    "STEP_SUCCESS": STEPS,
    # The lines of the run's log.
    None: 6,
}
#: Bytes that PostgreSQL needs for the events of an import of ten rows: 41,400 here, and the paths of files vary.
MOST_BYTES = 44_000


@pytest.fixture
def run_id(imports: Imports, instance: DagsterInstance) -> str:
    """Return the id of the run of an import of ten rows."""
    found = run(imports, imports.register(PEOPLE, mode="sync")).run_id
    assert found is not None
    return found


def test_the_events_of_an_import_are_few_and_small(imports: Imports, run_id: str) -> None:
    found = imports.query(
        "SELECT dagster_event_type AS kind, count(*) AS n, sum(pg_column_size(e.*)) AS size"
        " FROM dagster.event_logs e WHERE run_id = %s GROUP BY 1",
        run_id,
    )
    assert {row["kind"]: row["n"] for row in found} == KINDS
    assert sum(row["size"] for row in found) < MOST_BYTES


def test_what_the_page_of_a_run_shows_is_there(instance: DagsterInstance, run_id: str) -> None:
    steps = instance.get_run_step_stats(run_id)
    assert len(steps) == STEPS
    for step in steps:
        assert step.status is not None
        assert step.status.value == "SUCCESS"
        assert step.start_time is not None
        assert step.end_time is not None
        assert step.start_time <= step.end_time
    stats = instance.get_run_stats(run_id)
    assert (stats.steps_succeeded, stats.materializations) == (STEPS, 2)
    for entry in instance.all_logs(run_id):
        assert entry.message
        if entry.dagster_event_type is dg.DagsterEventType.STEP_START:
            assert entry.message == f'Started execution of step "{entry.step_key}".'


def test_an_error_of_a_resource_or_of_a_launcher_is_stored(instance: DagsterInstance, run_id: str) -> None:
    assert isinstance(instance.event_log_storage, ImportsEventLogStorage)
    before = len(instance.all_logs(run_id))
    for kind in (dg.DagsterEventType.RESOURCE_INIT_FAILURE, dg.DagsterEventType.ENGINE_EVENT):
        event = DagsterEvent(
            kind.value, "import_contacts", message="It went wrong.", event_specific_data=EngineEventData()
        )
        instance.event_log_storage.store_event(
            EventLogEntry(None, "error", "It went wrong.", run_id, 0.0, dagster_event=event)
        )
    assert len(instance.all_logs(run_id)) == before + 2
