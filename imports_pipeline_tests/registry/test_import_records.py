"""The registry: a status goes one way, and a final one is written once, whoever else tries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Barrier

import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import Phase, PhaseReport, PhaseResult
from imports_pipeline.model.statuses import FINAL, REACHED_FROM, Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.registry.import_records import NoSuchImport
from imports_pipeline.workflow.import_workflow import ImportWorkflow

#: How an import gets to each status.
WAYS = {
    Status.REQUESTED: (),
    Status.QUEUED: (Status.QUEUED,),
    Status.PROCESSING: (Status.QUEUED, Status.PROCESSING),
    **{status: (status,) for status in FINAL},
}


def create(workflow: ImportWorkflow, organization: str, *way: Status) -> Import:
    with workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection, organization_id=organization, resource="contact", options=Options(), source="cli"
        )
        import_records.create_batch(connection, import_)
        for status in way:
            assert import_updates.transition(connection, import_.id, status)
    return workflow.get(import_.id)


@pytest.mark.parametrize(("before", "after"), list(product(sorted(WAYS), sorted(REACHED_FROM))))
def test_a_status_is_reached_only_from_those_before_it(
    workflow: ImportWorkflow, organization: str, before: Status, after: Status
) -> None:
    import_ = create(workflow, organization, *WAYS[before])
    with workflow.database.connect() as connection:
        went = import_updates.transition(connection, import_.id, after, reason="because")
        assert went is (before in REACHED_FROM[after])
        expected = after if went else before
        assert import_records.get_import(connection, import_.id).status is expected
        assert import_records.get_batch_of(connection, import_.id).status is expected
        assert import_records.get_import(connection, import_.id).reason == ("because" if went else None)


def test_no_way_leads_out_of_a_final_status() -> None:
    assert not FINAL & {status for before in REACHED_FROM.values() for status in before}
    assert set(REACHED_FROM) | {Status.REQUESTED} == set(Status)


def test_of_racing_writers_one_wins(workflow: ImportWorkflow, organization: str) -> None:
    ends = [Status.COMPLETED, Status.FAILED, Status.TIMED_OUT, Status.FAILED] * 2
    barrier = Barrier(len(ends))
    import_ = create(workflow, organization, Status.QUEUED, Status.PROCESSING)

    def end(number: int) -> bool:
        with workflow.database.connect() as connection:
            barrier.wait()
            return import_updates.transition(connection, import_.id, ends[number], reason=f"writer {number}")

    with ThreadPoolExecutor(len(ends)) as threads:
        went = list(threads.map(end, range(len(ends))))
    assert went.count(True) == 1
    winner = went.index(True)
    import_ = workflow.get(import_.id)
    assert (import_.status, import_.reason) == (ends[winner], f"writer {winner}")


def test_an_ended_import_is_not_failed_after_all(workflow: ImportWorkflow, organization: str) -> None:
    import_ = create(workflow, organization, Status.COMPLETED)
    assert workflow.finalization.fail(import_.id, "fault", "Too late.") is False
    assert workflow.get(import_.id) == import_


def test_an_import_has_one_batch(workflow: ImportWorkflow, organization: str) -> None:
    import_ = create(workflow, organization)
    with workflow.database.connect() as connection:
        assert import_records.create_batch(connection, import_).id == import_.batch_id


def test_imports_are_listed_by_organization_the_newest_first(
    workflow: ImportWorkflow, organization: str
) -> None:
    made = [create(workflow, organization).id for _ in range(3)]
    create(workflow, f"{organization}-other")
    failed = create(workflow, organization, Status.FAILED).id
    with workflow.database.connect() as connection:

        def listed(limit: int = 20, **filters: str) -> list[str]:
            return [
                one.id
                for one in import_records.list_imports(connection, organization, limit=limit, filters=filters)
            ]

        assert listed() == [failed, *reversed(made)]
        assert listed(2) == [failed, made[2]]
        assert listed(status="failed") == [failed]
        assert listed(action="delete") == []
        with pytest.raises(ValueError, match="options"):
            listed(options="x")


def test_an_import_that_is_not_there(workflow: ImportWorkflow) -> None:
    with pytest.raises(NoSuchImport, match="imp_01h2xcejqtf2nbrexx3vqjhp41"):
        workflow.get("imp_01h2xcejqtf2nbrexx3vqjhp41")


def test_notices_belong_to_their_phase_and_are_replaced_when_it_runs_again(
    workflow: ImportWorkflow, organization: str
) -> None:
    import_ = create(workflow, organization)

    def record(phase: Phase, *messages: str) -> list[str]:
        notices = tuple(Notice("rows_without_keys", message) for message in messages)
        report = PhaseReport.of(PhaseResult(phase, 1, 0, notices=notices), "sync", 1.0, 2.0)
        with workflow.database.connect() as connection:
            import_updates.record_phase(connection, import_.id, report)
        shown = workflow.get(import_.id).as_object()["notices"]
        assert all(set(one) == {"code", "message"} for one in shown)
        return [one["message"] for one in shown]

    assert record(Phase.PREVALIDATION, "a", "b") == ["a", "b"]
    assert record(Phase.PREPARSING) == ["a", "b"]
    assert record(Phase.VALIDATION, "c") == ["a", "b", "c"]
    assert [one["message"] for one in workflow.get(import_.id).as_batch()["notices"]] == ["c"]
    assert record(Phase.VALIDATION, "d") == ["a", "b", "d"]
    assert record(Phase.TRANSFORMING, "e") == ["a", "b", "e"]
    assert record(Phase.PREVALIDATION) == []


def test_a_notice_has_a_documented_code() -> None:
    with pytest.raises(ValueError, match="no such notice"):
        Notice("made_up", "What is this?")
