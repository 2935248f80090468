"""A file store that does not answer is waited for; one that stays away ends the import with a reason, as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.in_process_runner import run_import
from imports_pipeline.database import active_imports
from imports_pipeline.defs.jobs import OF_REGISTERED
from imports_pipeline.defs.runs import tags
from imports_pipeline.filestore import retry
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.defs.runs import CONTENT, Launch, of_organization, run
from imports_pipeline_tests.journeys import Imports

BEFORE = "name,email\nAnn,ann@example.com\nDee,dee@example.com\n"
SENTENCE = "S3 at store:8333 does not answer (EndpointConnectionError); check the network, then try again."
Away = Callable[..., None]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, dagster_home: dict[str, str]) -> Away:
    """Return what makes a method of the store not answer, for so many calls once it has answered some."""
    monkeypatch.setattr(retry, "_PAUSE", 0.0)

    def made(
        method: str, calls: int, *, after: int = 0, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        answer, count = getattr(LocalStore, method), 0

        def called(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if after < count <= after + calls:
                meanwhile()
                raise StoreUnreachable(SENTENCE)
            return answer(*arguments, **options)

        monkeypatch.setattr(LocalStore, method, called)

    return made


@pytest.mark.parametrize("method", ["open_write", "open_read", "exists"])
@pytest.mark.parametrize("after", range(0, 12, 3))
def test_it_is_waited_for_wherever_a_run_is(
    imports: Imports, instance: DagsterInstance, away: Away, method: str, after: int
) -> None:
    imports.run(BEFORE)
    import_ = imports.register(CONTENT, action="overwrite", mode="sync", max_deletions=1)
    missed: list[int] = []
    away(method, 20, after=after, meanwhile=lambda: missed.append(1))
    import_ = run(imports, import_)
    assert len(missed) == 20
    assert (import_.status, import_.reason) == (Status.COMPLETED, None)
    assert imports.names() == ["Ann", "Bob"]
    (record,) = of_organization(instance, imports)
    assert not instance.all_logs(record.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)


def test_who_waits_is_seen_to_work_on_the_import(imports: Imports, away: Away) -> None:
    import_ = imports.register(CONTENT, mode="sync")
    seen: list[bool] = []

    def look() -> None:
        with imports.workflow.database.connect() as connection:
            seen.append(import_.id in active_imports.find_active(connection, [import_.id]))

    away("open_write", 5, meanwhile=look)
    assert run(imports, import_).status is Status.COMPLETED
    assert seen == [True] * 5, "or the reconciler takes its run for dead"


def test_an_import_that_is_canceled_meanwhile_waits_no_longer(imports: Imports, away: Away) -> None:
    import_ = imports.register(CONTENT, mode="sync")
    away(
        "open_write", 3, after=1, meanwhile=lambda: imports.workflow.finalization.cancel(import_.id) and None
    )
    import_ = run(imports, import_)
    assert (import_.status, import_.code) == (Status.FAILED, "canceled")
    assert imports.records() == []


def test_one_that_stays_away_ends_the_import_with_its_reason(
    imports: Imports, monkeypatch: pytest.MonkeyPatch, away: Away
) -> None:
    imports.run(BEFORE)
    import_ = imports.register(CONTENT, action="overwrite", mode="sync")
    with monkeypatch.context() as patch:
        patch.setattr(retry, "_SECONDS", 0.0)
        patch.setattr(LocalStore, "open_read", _never)
        patch.setattr(LocalStore, "open_write", _never)
        run_import(imports.workflow, import_, wait=True)
    import_ = imports.sound(import_)
    assert (import_.status, import_.code) == (Status.FAILED, "fault")
    assert (import_.reason or "").startswith(
        f"A fault of the machine in contact_batches.prevalidation: {SENTENCE}"
    )
    assert imports.names() == ["Ann", "Dee"], "as before"


def test_the_sensor_says_what_a_run_met_that_nobody_waited_for(
    imports: Imports,
    instance: DagsterInstance,
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
    launch: Launch,
) -> None:
    import_ = imports.register(CONTENT, mode="sync")
    with monkeypatch.context() as patch:
        patch.setattr(retry, "_SECONDS", 0.0)
        patch.setattr(LocalStore, "open_write", _never)
        result = launch(
            "import_contacts",
            run_config=OF_REGISTERED,
            tags={**tags.of(import_), "dagster/max_retries": "0"},
        )
    assert not result.success
    assert imports.workflow.get(import_.id).status is Status.REQUESTED
    record = instance.get_run_by_id(result.run_id)
    (event,) = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert record is not None
    assert event.dagster_event is not None
    context = dg.build_run_status_sensor_context(
        "failed_runs", event.dagster_event, instance, record
    ).for_run_failure()
    assert definitions.resources is not None
    sensor: Any = definitions.get_repository_def().get_sensor_def("failed_runs")
    sensor(context, imports=definitions.resources["imports"])
    ended = imports.sound(import_)
    assert (ended.status, ended.code) == (Status.FAILED, "fault")
    assert SENTENCE in (ended.reason or "")
    assert result.run_id in (ended.reason or "")


def _never(*_: object, **__: object) -> None:
    raise StoreUnreachable(SENTENCE)
