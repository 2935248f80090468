"""Canceling: until the write is committed nothing has changed, after it the import is completed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from imports_pipeline.model.failures import ImportHasEnded
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import sleeps, trigger, until

BEFORE = "name,email\nAnn,ann@example.com\nBob,bob@example.com\n"
CONTENT = "name,email,notes\nAnn,ann@example.com,new\nEve,eve@example.com,new\n"


def canceled(imports: Imports, import_: Import) -> None:
    import_ = imports.sound(import_)
    assert (import_.status, import_.code) == (Status.FAILED, "canceled")
    assert import_.reason is not None
    assert "nothing was written" in import_.reason


@pytest.mark.parametrize("phases", range(len(CHECKING_PHASES) + 1))
def test_between_phases(imports: Imports, phases: int) -> None:
    imports.completed(BEFORE)
    import_ = imports.register(CONTENT, action="overwrite")
    for phase in CHECKING_PHASES[:phases]:
        imports.workflow.check(import_.id, phase)
    before = imports.state()
    assert imports.workflow.finalization.cancel(import_.id).code == "canceled"
    canceled(imports, imports.finish(import_))
    with pytest.raises(ImportHasEnded):
        imports.workflow.write(import_.id)
    assert imports.state() == before


@pytest.mark.parametrize(
    ("event", "table"), [("INSERT", "contacts"), ("UPDATE", "contacts"), ("DELETE", "contacts")]
)
def test_in_the_midst_of_the_write(imports: Imports, event: str, table: str) -> None:
    imports.completed(BEFORE)
    import_ = imports.check(imports.register(CONTENT, action="overwrite"))
    before = imports.state()
    with trigger(imports, "PERFORM pg_sleep(600);", event, table), ThreadPoolExecutor() as pool:
        writing = pool.submit(imports.workflow.write, import_.id)
        until(lambda: sleeps(imports, import_))
        imports.workflow.finalization.cancel(import_.id)
        # Not after ten minutes: its statement is interrupted.
        assert isinstance(writing.exception(60), ImportHasEnded)
    canceled(imports, import_)
    assert imports.state() == before


def test_a_write_that_is_not_interrupted_does_not_commit(imports: Imports) -> None:
    """Whatever ends an import while it writes; the statement that is interrupted might just have ended."""
    imports.completed(BEFORE)
    import_ = imports.check(imports.register(CONTENT, action="overwrite"))
    before = imports.state()
    with trigger(imports, "PERFORM pg_sleep(1);", "INSERT"), ThreadPoolExecutor() as pool:
        writing = pool.submit(imports.workflow.write, import_.id)
        until(lambda: sleeps(imports, import_))
        imports.query(
            "UPDATE imports SET status = 'failed', code = 'canceled', reason = 'nothing was written'"
            " WHERE id = %s RETURNING id",
            import_.id,
        )
        imports.query("UPDATE batches SET status = 'failed' WHERE import_id = %s RETURNING id", import_.id)
        assert isinstance(writing.exception(60), ImportHasEnded)
    assert imports.workflow.get(import_.id).status is Status.FAILED
    assert imports.state() == before


def test_after_the_write_it_is_completed(imports: Imports) -> None:
    import_ = imports.completed(CONTENT)
    assert imports.workflow.finalization.cancel(import_.id) == import_
    assert imports.names() == ["Ann", "Eve"]


def test_rejected_rows_stay_known(imports: Imports) -> None:
    import_ = imports.register("name,email\nAnn,ann@example.com\nBob,nonsense\n")
    imports.workflow.check(import_.id, Phase.PREVALIDATION)
    imports.workflow.finalization.cancel(import_.id)
    assert imports.codes(imports.sound(import_)) == {3: ["invalid_email"]}


def test_a_write_that_hangs_with_its_record_locked(imports: Imports) -> None:
    imports.completed(BEFORE)
    import_ = imports.check(imports.register(CONTENT, action="overwrite"))
    before = imports.state()
    body = "IF NEW.status = 'completed' THEN PERFORM pg_sleep(600); END IF;"
    with trigger(imports, body, "UPDATE", "imports"), ThreadPoolExecutor() as pool:
        writing = pool.submit(imports.workflow.write, import_.id)
        until(lambda: sleeps(imports, import_))
        imports.workflow.finalization.cancel(import_.id)
        assert writing.exception(60) is not None
    canceled(imports, import_)
    assert imports.state() == before
