"""Runs: imports as recorded Dagster runs on Dagster's own PostgreSQL storage, as the command and the UI make them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imports_pipeline.definitions import build_definitions
from imports_pipeline.model.imports import STATS, Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration import tags
from imports_pipeline.orchestration.resources import Imports as ImportsResource
from imports_pipeline.orchestration.runner import run_import
from imports_pipeline.storage import registry
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import trigger

CONTENT = "name,email\nAnn,ann@example.com\nBob,bob@example.com\nCid,nonsense\n"


@pytest.fixture
def definitions(imports: Imports, dagster_home: dict[str, str]) -> dg.Definitions:
    journey = imports.journey
    return build_definitions(
        {"imports": ImportsResource(database_url=journey.database.url, home=str(journey.settings.home))}
    )


@pytest.fixture
def launch(definitions: dg.Definitions, instance: DagsterInstance) -> Iterator[Any]:
    def launched(job: str, **options: Any) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False, **options
        )

    yield launched


def import_contacts() -> dg.JobDefinition:
    """Give the job as another process finds it."""
    return build_definitions().resolve_job_def("import_contacts")


def run(imports: Imports, import_: Import, *, wait: bool = True) -> Import:
    run_import(imports.journey, import_, wait=wait)
    return imports.sound(import_)


def of_organization(instance: DagsterInstance, imports: Imports) -> list[dg.DagsterRun]:
    """Give the runs of the test's organization, the oldest first."""
    found = instance.get_runs(dg.RunsFilter(tags={tags.ORGANIZATION: imports.organization}))
    return sorted(found, key=lambda run: run.tags[tags.IMPORT_ID] + (run.job_name or ""))


def materialized(instance: DagsterInstance, run_id: str) -> dict[str, dg.AssetMaterialization]:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found = [event.asset_materialization for event in events]
    return {one.asset_key.to_user_string(): one for one in found if one is not None}


def failures(instance: DagsterInstance, run_id: str) -> list[str]:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return [event.dagster_event.step_failure_data.error_display_string for event in events if event.dagster_event]


@pytest.mark.parametrize(
    ("resource", "content", "assets"),
    [
        ("contact", CONTENT, ["contact_batches", "contacts"]),
        ("group", "name,resource\nA,contact\nB,location\nC,nonsense\n", ["group_batches", "groups"]),
    ],
)
def test_sync_is_one_run_of_both_assets(
    imports: Imports, instance: DagsterInstance, dagster_home: Any, resource: str, content: str, assets: list[str]
) -> None:
    import_ = run(imports, imports.register(content, resource, mode="sync"))
    assert import_.status is Status.COMPLETED
    assert import_.run_id is not None
    (record,) = of_organization(instance, imports)
    assert (record.run_id, record.status) == (import_.run_id, DagsterRunStatus.SUCCESS)
    assert record.tags[tags.IMPORT_ID] == import_.id
    assert record.tags[tags.STATUS] == "completed"
    found = materialized(instance, import_.run_id)
    assert sorted(found) == assets
    numbers = {key: value.value for key, value in found[assets[1]].metadata.items() if key.startswith("imports/")}
    seconds = numbers.pop("imports/seconds")
    assert isinstance(seconds, float)
    wanted = {f"imports/{name}": 0 for name in STATS} | {"imports/created": 2, "imports/rejected": 1}
    assert numbers == wanted | {"imports/rows_total": 3, "imports/rows_rejected": 1}
    assert found[assets[1]].metadata["dagster/row_count"].value == 2
    checked = found[assets[0]].metadata
    assert checked["plan/created"].value == 2
    (error,) = checked["errors"].records
    assert (error.data["line"], error.data["code"]) == (4, "invalid_email" if resource == "contact" else "invalid_choice")


def test_keys_of_numbers_are_always_the_same(imports: Imports, instance: DagsterInstance, dagster_home: Any) -> None:
    """They are plotted over the imports of an asset."""
    keys = []
    for content, action in ((CONTENT, "merge"), (CONTENT.replace("nonsense", ""), "overwrite")):
        import_ = run(imports, imports.register(content, action=action, mode="sync"))
        assert import_.run_id is not None
        found = materialized(instance, import_.run_id)
        keys.append(
            {
                asset: {key for key, value in one.metadata.items() if isinstance(value.value, int | float)}
                for asset, one in found.items()
            }
        )
    assert keys[0] == keys[1]


def test_mixed_is_two_runs(imports: Imports, instance: DagsterInstance, dagster_home: Any) -> None:
    import_ = run(imports, imports.register(CONTENT))
    assert import_.status is Status.COMPLETED
    first, second = of_organization(instance, imports)
    assert (first.job_name, second.job_name) == ("import_contacts", "process_contacts")
    assert list(materialized(instance, first.run_id)) == ["contact_batches"]
    assert list(materialized(instance, second.run_id)) == ["contacts"]
    assert second.tags[tags.WRITE_LOCK] == f"{imports.organization}/contact"


def test_a_queued_batch_is_written_by_the_run_the_sensor_asks_for(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions, launch: Any
) -> None:
    import_ = run(imports, imports.register(CONTENT), wait=False)
    assert import_.status is Status.QUEUED
    assert imports.records() == []
    (first,) = of_organization(instance, imports)
    assert first.status is DagsterRunStatus.SUCCESS
    assert list(materialized(instance, first.run_id)) == ["contact_batches"]
    (request,) = _requests(imports, instance, definitions)
    assert (request.run_key, request.job_name) == (import_.batch_id, "process_contacts")
    assert [one.run_key for one in _requests(imports, instance, definitions)] == [import_.batch_id], "the same key"
    assert launch(request.job_name, tags=request.tags).success
    import_ = imports.sound(import_)
    assert import_.status is Status.COMPLETED
    assert imports.names() == ["Ann", "Bob"]
    assert _requests(imports, instance, definitions) == []


def test_batches_of_a_resource_go_one_after_the_other(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions, launch: Any
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


def _requests(imports: Imports, instance: DagsterInstance, definitions: dg.Definitions) -> list[dg.RunRequest]:
    """Evaluate the sensor; give what it asks for the test's organization."""
    assert definitions.resources is not None
    context = dg.build_sensor_context(instance=instance, resources={"imports": definitions.resources["imports"]})
    found = definitions.get_repository_def().get_sensor_def("queued_batches").evaluate_tick(context).run_requests or []
    return [request for request in found if request.tags[tags.ORGANIZATION] == imports.organization]


def test_a_bad_file_fails_its_run_once_and_clearly(
    imports: Imports, instance: DagsterInstance, dagster_home: Any
) -> None:
    import_ = run(imports, imports.register("address\nx\n"))
    assert (import_.status, import_.code) == (Status.FAILED, "missing_column")
    (record,) = of_organization(instance, imports)
    assert record.status is DagsterRunStatus.FAILURE
    assert record.tags[tags.STATUS] == "failed"
    (message,) = failures(instance, record.run_id)
    assert import_.reason is not None
    assert import_.reason in message
    assert "Traceback" not in message
    assert not instance.all_logs(record.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert materialized(instance, record.run_id) == {}


def test_a_fault_of_the_machine_is_retried(
    imports: Imports, instance: DagsterInstance, dagster_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ = imports.register(CONTENT, mode="sync")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with trigger(imports, "RAISE EXCEPTION 'refused';"):
        import_ = run(imports, import_)
    assert (import_.status, import_.code) == (Status.FAILED, "fault")
    assert import_.reason is not None
    assert "refused" in import_.reason
    assert imports.records() == []
    (record,) = of_organization(instance, imports)
    retries = instance.all_logs(record.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert len(retries) == 2


class TestLaunchpad:
    """A run that somebody launches by hand, with nothing but the flat config."""

    def test_registers_its_import(self, imports: Imports, instance: DagsterInstance, launch: Any) -> None:
        config = {
            "source": str(imports.source(CONTENT)),
            "organization": imports.organization,
            "action": "merge",
            "mode": "sync",
            "name": "By hand",
        }
        result = launch("import_contacts", run_config=config)
        assert result.success
        import_ = self.of_run(imports, result)
        assert (import_.source, import_.name, import_.run_id) == ("ui", "By hand", result.run_id)
        assert imports.sound(import_).status is Status.COMPLETED
        assert imports.names() == ["Ann", "Bob"]
        record = instance.get_run_by_id(result.run_id)
        assert record is not None
        assert record.tags[tags.IMPORT_ID] == import_.id

    @pytest.mark.parametrize(
        "options",
        [
            {"location_id": "Berlin"},
            {"timeout": 0},
            {"match_on": ["shoe size"]},
            {"name": "x"},
            {"delimiter": "ab"},
            {"source": ""},
        ],
    )
    def test_a_wrong_option_fails_clearly(
        self, imports: Imports, instance: DagsterInstance, launch: Any, options: dict[str, Any]
    ) -> None:
        config = {"source": str(imports.source(CONTENT)), "organization": imports.organization, **options}
        result = launch("import_contacts", run_config=config)
        assert not result.success
        (message,) = failures(instance, result.run_id)
        (name,) = options
        assert name in message
        assert "Traceback" not in message
        assert not instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
        assert imports.query("SELECT FROM imports WHERE organization_id = %s", imports.organization) == []

    def test_repeated_in_full_it_is_a_new_import(self, imports: Imports, instance: DagsterInstance, launch: Any) -> None:
        path = imports.source("name,email\nAnn,nonsense\n")
        config = {"source": str(path), "organization": imports.organization, "mode": "sync"}
        first = launch("import_contacts", run_config=config)
        assert not first.success
        path.write_text(CONTENT)
        with dg.execute_job(
            dg.reconstructable(import_contacts),
            instance,
            reexecution_options=dg.ReexecutionOptions(parent_run_id=first.run_id),
        ) as again:
            assert again.success
        assert self.of_run(imports, first).status is Status.FAILED
        assert self.of_run(imports, again).status is Status.COMPLETED
        assert self.of_run(imports, again).id != self.of_run(imports, first).id

    @staticmethod
    def of_run(imports: Imports, result: Any) -> Import:
        with imports.journey.database.connect() as connection:
            found = registry.find_import_of_run(connection, [result.run_id])
        assert found is not None
        return found


class TestFailedRuns:
    """The net below: a run that dies without a word ends its import all the same."""

    @pytest.fixture
    def died(self, imports: Imports, instance: DagsterInstance, definitions: dg.Definitions) -> Any:
        def dead(import_: Import, **more: str) -> dg.RunStatusSensorContext:
            job = definitions.resolve_job_def("import_contacts")
            record = instance.create_run_for_job(
                job, tags={**tags.of(import_), "dagster/max_retries": "0", **more}, status=DagsterRunStatus.STARTED
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
        definitions.get_repository_def().get_sensor_def("failed_runs")(context, imports=definitions.resources["imports"])  # type: ignore[operator]

    def test_an_import_under_way_fails(self, imports: Imports, definitions: dg.Definitions, died: Any) -> None:
        import_ = imports.register(CONTENT)
        for phase in CHECKING_PHASES[:3]:
            imports.journey.check(import_.id, phase)
        self.tell(definitions, died(import_))
        import_ = imports.sound(import_)
        assert (import_.status, import_.code) == (Status.FAILED, "fault")
        assert import_.has_errors_file, "what was found wrong is kept"

    def test_an_ended_import_stays_as_it_is(self, imports: Imports, definitions: dg.Definitions, died: Any) -> None:
        import_ = imports.run(CONTENT)
        self.tell(definitions, died(import_))
        assert imports.sound(import_) == import_

    def test_a_run_that_will_be_retried_is_waited_for(
        self, imports: Imports, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.check(imports.register(CONTENT))
        self.tell(definitions, died(import_, **{"dagster/max_retries": "1"}))
        assert imports.sound(import_).status is Status.QUEUED


def test_the_source_may_have_gone_when_the_write_runs(imports: Imports, dagster_home: Any, launch: Any) -> None:
    """All that a run needs is in the import's record and folder."""
    path = imports.source(CONTENT)
    import_ = imports.check(imports.register(Path(path)))
    path.unlink()
    assert launch("process_contacts", tags=tags.of_write(import_)).success
    assert imports.sound(import_).status is Status.COMPLETED
