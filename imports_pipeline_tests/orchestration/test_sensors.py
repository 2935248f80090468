"""The sensors: a queued batch gets its run, and a run that dies ends its import."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration import tags
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.orchestration.runs import CONTENT, Launch, materialized, of_organization, run


def test_a_queued_batch_is_written_by_the_run_the_sensor_asks_for(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions, launch: Launch
) -> None:
    import_ = run(imports, imports.register(CONTENT), wait=False)
    assert import_.status is Status.QUEUED
    assert imports.records() == []
    (first,) = of_organization(instance, imports)
    assert first.status is DagsterRunStatus.SUCCESS
    assert list(materialized(instance, first.run_id)) == ["contact_batches"]
    (request,) = _requests(imports, instance, definitions)
    assert (request.run_key, request.job_name) == (import_.batch_id, "process_contacts")
    assert [one.run_key for one in _requests(imports, instance, definitions)] == [import_.batch_id], (
        "the same key"
    )
    assert launch(request.job_name, tags=request.tags).success
    import_ = imports.sound(import_)
    assert import_.status is Status.COMPLETED
    assert imports.names() == ["Ann", "Bob"]
    assert _requests(imports, instance, definitions) == []


def test_batches_of_a_resource_go_one_after_the_other(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions, launch: Launch
) -> None:
    one, other = (imports.check(imports.register(CONTENT)) for _ in range(2))
    groups = imports.check(imports.register("name,resource\nA,contact\n", "group"))
    asked = _requests(imports, instance, definitions)
    assert {request.run_key for request in asked} == {one.batch_id, groups.batch_id}
    for request in asked:
        assert launch(request.job_name, tags=request.tags).success
    assert [request.run_key for request in _requests(imports, instance, definitions)] == [other.batch_id]


def test_a_claimed_batch_is_left_to_its_caller(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    imports.check(imports.register(CONTENT), replace(imports.journey, claim=timedelta(hours=1)))
    assert _requests(imports, instance, definitions) == []


def _requests(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> list[dg.RunRequest]:
    """Evaluate the sensor; give what it asks for the test's organization."""
    assert definitions.resources is not None
    context = dg.build_sensor_context(
        instance=instance, resources={"imports": definitions.resources["imports"]}
    )
    found = (
        definitions.get_repository_def().get_sensor_def("queued_batches").evaluate_tick(context).run_requests
        or []
    )
    return [request for request in found if request.tags[tags.ORGANIZATION] == imports.organization]


class TestFailedRuns:
    """The net below: a run that dies without a word ends its import all the same."""

    @pytest.fixture
    def died(self, imports: Imports, instance: DagsterInstance, definitions: dg.Definitions) -> Any:
        def dead(import_: Import, **more: str) -> dg.RunStatusSensorContext:
            job = definitions.resolve_job_def("import_contacts")
            record = instance.create_run_for_job(
                job,
                tags={**tags.of(import_), "dagster/max_retries": "0", **more},
                status=DagsterRunStatus.STARTED,
            )
            instance.report_run_failed(record)
            record = instance.get_run_by_id(record.run_id)
            assert record is not None
            event = next(iter(instance.all_logs(record.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)))
            assert event.dagster_event is not None
            return dg.build_run_status_sensor_context(
                "failed_runs", event.dagster_event, instance, record
            ).for_run_failure()

        return dead

    @staticmethod
    def tell(definitions: dg.Definitions, context: dg.RunStatusSensorContext) -> None:
        assert definitions.resources is not None
        definitions.get_repository_def().get_sensor_def("failed_runs")(
            context, imports=definitions.resources["imports"]
        )  # type: ignore[operator]

    def test_an_import_under_way_fails(
        self, imports: Imports, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.register(CONTENT)
        for phase in CHECKING_PHASES[:3]:
            imports.journey.check(import_.id, phase)
        self.tell(definitions, died(import_))
        import_ = imports.sound(import_)
        assert (import_.status, import_.code) == (Status.FAILED, "fault")
        assert import_.has_errors_file, "what was found wrong is kept"

    def test_an_ended_import_stays_as_it_is(
        self, imports: Imports, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.run(CONTENT)
        self.tell(definitions, died(import_))
        assert imports.sound(import_) == import_

    def test_a_run_that_will_be_retried_is_waited_for(
        self, imports: Imports, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.check(imports.register(CONTENT))
        self.tell(definitions, died(import_, **{"dagster/max_retries": "1"}))
        assert imports.sound(import_).status is Status.QUEUED
