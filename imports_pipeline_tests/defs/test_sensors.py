"""The sensors: a queued batch gets its run, and a run that dies ends its import."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus

from imports_pipeline.defs.metadata import approval_link
from imports_pipeline.defs.runs import tags
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.settings import Settings
from imports_pipeline_tests.defs.runs import (
    CONTENT,
    Launch,
    config_of_run,
    materialized,
    of_organization,
    run,
)
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import nothing_else_is_open

PEOPLE = "name,external_id\n" + "".join(f"n{i},{i}\n" for i in range(20))


@pytest.fixture(autouse=True)
def _alone(imports: Imports) -> None:
    nothing_else_is_open(imports)


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
    assert _requests(imports, instance, definitions) == [], "it has its run"
    _minutes_pass(imports)
    again = [one.run_key for one in _requests(imports, instance, definitions)]
    assert again == [import_.batch_id], "perhaps the daemon died before it launched: the same key"
    assert launch(request.job_name, run_config=request.run_config, tags=request.tags).success
    import_ = imports.sound(import_)
    assert import_.status is Status.COMPLETED
    assert imports.names() == ["Ann", "Bob"]
    assert _requests(imports, instance, definitions) == []


def test_an_approval_in_dagster_is_run_by_the_sensor_of_uploads(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions, launch: Launch
) -> None:
    imports.completed(PEOPLE)
    refused = run(imports, imports.register("name,external_id\nn0,0\n", action="overwrite"), wait=True)
    assert refused.code == "too_many_deletions"
    # The link of the refused run has the config of the job.
    link = approval_link.url(Settings(home=imports.folder), refused)
    (text,) = parse_qs(urlsplit(link).query)["config"]
    config = {**yaml.safe_load(text), "max_deletions": 18, "approved_by": "ada"}
    assert (config["import_id"], config["plan_checksum"]) == (refused.id, refused.plan_checksum)
    other = {**config, "max_deletions": 19, "plan_checksum": "0" * 64}
    assert not launch("approve_import", run_config=other).success
    assert not launch("approve_import", run_config=config).success
    approving = launch("approve_import", run_config={**config, "max_deletions": 19})
    assert approving.success
    (request,) = _requests(imports, instance, definitions, "awaited_uploads")
    assert request.job_name == "import_contacts"
    approved = imports.workflow.get(request.tags[tags.IMPORT_ID])
    assert (approved.approves, approved.approved_by, approved.source) == (refused.id, "ada", "ui")
    assert launch(request.job_name, run_config=request.run_config, tags=request.tags).success
    imports.write(approved)
    assert imports.names() == ["n0"]
    assert not launch("approve_import", run_config=config).success, "it is approved already"


def test_batches_go_in_order_and_resources_in_turn(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    one, other = (imports.check(imports.register(CONTENT)) for _ in range(2))
    groups = imports.check(imports.register("name,resource\nA,contact\n", "group"))
    asked = _requests(imports, instance, definitions)
    assert [request.run_key for request in asked] == [one.batch_id, groups.batch_id, other.batch_id]
    # Dagster's queue runs one of each lock at a time.
    locks = [request.tags[tags.WRITE_LOCK] for request in asked]
    assert locks[0] == locks[2] != locks[1]


def test_what_somebody_waits_for_goes_before_what_a_schedule_made(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    scheduled = imports.check(imports.register(CONTENT, source="schedule"))
    interactive = imports.check(imports.register("name,resource\nA,contact\n", "group"))
    asked = _requests(imports, instance, definitions)
    assert [request.run_key for request in asked] == [interactive.batch_id, scheduled.batch_id]
    assert [request.tags["dagster/priority"] for request in asked] == ["10", "0"]


def test_two_hundred_batches_are_handed_over_once_each_and_everyone_gets_a_turn(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    first = [imports.check(imports.register(CONTENT)) for _ in range(2)]
    _queue_more(imports, first[-1], 198)
    late = imports.check(imports.register("name,resource\nA,contact\n", "group"))
    given: list[str] = []
    for _ in range(35):
        asked = [request.run_key or "" for request in _requests(imports, instance, definitions)]
        assert len(asked) <= 11, "no more of one organization are under way than are soon written"
        given += asked
        imports.query("UPDATE batches SET status = 'completed' WHERE id = ANY(%s) RETURNING id", asked)
    expected = imports.query(
        "SELECT id FROM batches WHERE organization_id = %s AND resource = 'contact' ORDER BY created_at, id",
        imports.organization,
    )
    assert given.index(late.batch_id) < 12, "the others do not hold it up"
    assert [one for one in given if one != late.batch_id] == [row["id"] for row in expected]
    assert len(given) == len(set(given)) == 201


def test_a_batch_of_mode_sync_is_left_to_its_run(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    import_ = imports.check(imports.register(CONTENT, mode="sync"))
    assert import_.status is Status.QUEUED
    assert _requests(imports, instance, definitions) == []
    imports.query(
        "UPDATE batches SET claimed_until = now() - interval '1 s' WHERE import_id = %s RETURNING id",
        import_.id,
    )
    assert len(_requests(imports, instance, definitions)) == 1, "the run has died"


def test_a_claimed_batch_is_left_to_its_caller(
    imports: Imports, instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    imports.check(imports.register(CONTENT), replace(imports.workflow, claim=timedelta(hours=1)))
    assert _requests(imports, instance, definitions) == []


def test_what_a_store_that_does_not_answer_held_up_is_asked_for_by_the_next_tick(
    imports: Imports,
    instance: DagsterInstance,
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_ = imports.check(imports.register(CONTENT))
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "stat", _unreachable)
        with pytest.raises(StoreUnreachable):
            _requests(imports, instance, definitions)
    (request,) = _requests(imports, instance, definitions)
    assert (request.run_key, request.tags[".dagster/imports_size"]) == (import_.batch_id, "small")


def _unreachable(*_: object) -> None:
    raise StoreUnreachable("S3 does not answer.")


def _minutes_pass(imports: Imports) -> None:
    imports.query(
        "UPDATE batches SET launched_at = launched_at - interval '3 minutes' WHERE organization_id = %s RETURNING id",
        imports.organization,
    )


def _queue_more(imports: Imports, like: Import, count: int) -> None:
    """Queue more batches as if this one had been imported so many times more."""
    names = {"imports": "", "batches": ""}
    for table in names:
        columns = imports.query(
            "SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s"
            " AND column_name NOT IN ('id', 'import_id', 'batch_id', 'created_at', 'launched_at')",
            table,
        )
        names[table] = columns[0]["names"]
    new = "'{}_' || lpad(n::text, 26, '0')"
    for table, ids, own in (("imports", "imp", "batch_id"), ("batches", "btch", "import_id")):
        other = new.format("btch" if table == "imports" else "imp")
        imports.query(
            f"INSERT INTO {table} (id, {own}, created_at, {names[table]})"
            f" SELECT {new.format(ids)}, {other}, now() + n * interval '1 ms', {names[table]}"
            f" FROM {table}, generate_series(1, {count}) AS n WHERE id = %s RETURNING id",
            like.id if table == "imports" else like.batch_id,
        )


def _requests(
    imports: Imports,
    instance: DagsterInstance,
    definitions: dg.Definitions,
    sensor: str = "queued_batches",
) -> list[dg.RunRequest]:
    """Evaluate the sensor; give what it asks for the test's organization."""
    assert definitions.resources is not None
    context = dg.build_sensor_context(
        instance=instance, resources={"imports": definitions.resources["imports"]}
    )
    found = definitions.get_repository_def().get_sensor_def(sensor).evaluate_tick(context).run_requests or []
    return [request for request in found if request.tags[tags.ORGANIZATION] == imports.organization]


class TestFailedRuns:
    """The net below: a run that dies without a word ends its import all the same."""

    @pytest.fixture
    def died(self, imports: Imports, instance: DagsterInstance, definitions: dg.Definitions) -> Any:
        def dead(
            import_: Import, job_name: str = "import_contacts", **more: str
        ) -> dg.RunStatusSensorContext:
            job = definitions.resolve_job_def(job_name)
            record = instance.create_run_for_job(
                job,
                run_config=config_of_run(import_, job_name),
                tags={**tags.of(import_), "dagster/max_retries": "0", **more},
                status=DagsterRunStatus.STARTING,
            )
            start = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, record.job_name)
            instance.report_dagster_event(start, record.run_id)
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
            imports.workflow.check(import_.id, phase)
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

    def test_a_validated_import_stays_queued(
        self, imports: Imports, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.check(imports.register(CONTENT))
        self.tell(definitions, died(import_))
        assert imports.sound(import_).status is Status.QUEUED
        self.tell(definitions, died(import_, **tags.of_write(import_)))
        assert imports.sound(import_).status is Status.QUEUED, "nor when one run was to do both"
        self.tell(definitions, died(import_, "process_contacts", **tags.of_write(import_)))
        assert imports.sound(import_).status is Status.FAILED, "but not when it was its write that died"

    def test_a_run_that_overran_has_timed_out(
        self, imports: Imports, instance: DagsterInstance, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.register(CONTENT)
        context = died(import_, **{tags.MAX_RUNTIME: "0.000001", "dagster/max_retries": "1"})
        self.tell(definitions, context)
        assert imports.sound(import_).status is Status.REQUESTED, "it failed, but not because of its time"
        canceling = dg.DagsterEvent(dg.DagsterEventType.RUN_CANCELING.value, "import_contacts")
        instance.report_dagster_event(canceling, context.dagster_run.run_id)
        self.tell(definitions, context)
        import_ = imports.sound(import_)
        assert (import_.status, import_.code) == (Status.TIMED_OUT, "timed_out")

    def test_a_run_that_will_be_retried_is_waited_for(
        self, imports: Imports, definitions: dg.Definitions, died: Any
    ) -> None:
        import_ = imports.check(imports.register(CONTENT))
        self.tell(definitions, died(import_, **{"dagster/max_retries": "1"}))
        assert imports.sound(import_).status is Status.QUEUED
