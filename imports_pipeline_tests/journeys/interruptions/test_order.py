"""Imports of one organization and resource are written in the order in which they were accepted."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.ordered_writes import EarlierImportStuck
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import trigger, until

FILE = "name,external_id,notes\nAnn,E-1,{}\n"


def queued(imports: Imports, notes: str, **options: object) -> Import:
    """Take an import of one contact with these notes as far as ``queued``."""
    import_ = imports.check(imports.register(FILE.format(notes), **options))
    assert import_.status is Status.QUEUED
    return import_


def notes(imports: Imports) -> str:
    found = imports.one("Ann")["notes"]
    assert isinstance(found, str)
    return found


def revert_of(imports: Imports, import_: Import, *, dry_run: bool = False) -> Import:
    asked = request_revert(imports.workflow, import_.id, dry_run=dry_run, source="cli", created_by=None)
    return run_revert(imports.workflow, asked.id)


def test_a_sync_import_brings_what_is_queued_before_it_to_its_end(imports: Imports) -> None:
    first, second = queued(imports, "first"), queued(imports, "second")
    newest = imports.finish(imports.register(FILE.format("newest"), mode="sync"))
    assert (newest.status, newest.stats["updated"], notes(imports)) == (Status.COMPLETED, 1, "newest")
    first, second = imports.sound(first), imports.sound(second)
    assert (first.status, first.stats["created"]) == (Status.COMPLETED, 1)
    assert (second.status, second.stats["updated"]) == (Status.COMPLETED, 1)
    before = imports.state()
    assert imports.write(first).stats["created"] == 1, "who is asked to write it later finds it written"
    assert imports.state() == before


def test_a_sync_import_is_checked_against_what_is_queued_before_it(imports: Imports) -> None:
    queued(imports, "first")
    update = imports.finish(imports.register("external_id,notes\nE-1,second\n", mode="sync"))
    assert (update.status, update.stats["updated"], notes(imports)) == (Status.COMPLETED, 1, "second")


def test_it_is_said(imports: Imports) -> None:
    first, newest = queued(imports, "first"), queued(imports, "newest")
    (notice,) = imports.write(newest).as_object()["notices"]
    assert notice["code"] == "earlier_imports_written"
    assert f"{first.id} (completed)" in notice["message"]
    queued(imports, "before a sync import")
    sync = imports.finish(imports.register(FILE.format("sync"), mode="sync"))
    assert [one["code"] for one in sync.as_object()["notices"]] == ["earlier_imports_written"]
    told: list[Import] = []
    third, fourth = queued(imports, "third"), queued(imports, "fourth")
    imports.workflow.write(fourth.id, told.append)
    assert [one.id for one in told] == [third.id]


def test_one_whose_writer_died_is_brought_to_its_end(imports: Imports) -> None:
    first = queued(imports, "first")
    imports.query("UPDATE imports SET status = 'processing' WHERE id = %s RETURNING id", first.id)
    imports.query("UPDATE batches SET status = 'processing' WHERE import_id = %s RETURNING id", first.id)
    assert imports.run(FILE.format("newest"), mode="sync").status is Status.COMPLETED
    assert (imports.sound(first).status, notes(imports)) == (Status.COMPLETED, "newest")


@pytest.mark.parametrize("how", ["canceled", "of another resource", "of another organization"])
def test_what_has_ended_or_is_of_others_holds_up_nothing(imports: Imports, how: str) -> None:
    imports.completed(FILE.format("begun"))
    if how == "of another resource":
        other = imports.check(imports.register("name,resource\nA,contact\n", "group"))
    elif how == "of another organization":
        others = Imports(imports.workflow, f"{imports.organization}-other", imports.folder)
        other = queued(others, "other")
    else:
        other = queued(imports, "other")
        imports.workflow.finalization.cancel(other.id)
    newest = imports.run(FILE.format("newest"), mode="sync")
    assert (newest.status, notes(imports)) == (Status.COMPLETED, "newest")
    if how.startswith("of"):
        assert imports.workflow.get(other.id).status is Status.QUEUED
        assert imports.finish(other).status is Status.COMPLETED


def test_one_that_may_not_be_written_fails_and_the_next_goes_on(imports: Imports) -> None:
    """The delete was accepted while Ann was there, and after another delete it has nothing left to do."""
    imports.completed(FILE.format("begun"))
    content = f"id\n{imports.one('Ann')['id']}\n"
    one, other = (imports.check(imports.register(content, action="delete")) for _ in range(2))
    newest = imports.run(FILE.format("newest"), mode="sync")
    assert (newest.status, newest.stats["created"]) == (Status.COMPLETED, 1)
    assert imports.sound(one).status is Status.COMPLETED
    assert (imports.sound(other).status, imports.workflow.get(other.id).code) == (
        Status.FAILED,
        "no_valid_row",
    )


def test_dry_runs_take_no_part(imports: Imports) -> None:
    begun = imports.completed(FILE.format("begun"))
    first = queued(imports, "first")
    dry = imports.register(FILE.format("dry"), dry_run=True, mode="sync")
    for phase in CHECKING_PHASES:
        imports.workflow.check(dry.id, phase)
    assert imports.workflow.get(dry.id).status is Status.COMPLETED
    assert revert_of(imports, begun, dry_run=True).status is Status.COMPLETED
    assert (imports.workflow.get(first.id).status, notes(imports)) == (Status.QUEUED, "begun")
    assert imports.write(first).status is Status.COMPLETED


def test_reverts_take_part(imports: Imports) -> None:
    begun = imports.completed(FILE.format("begun"))
    first = queued(imports, "first")
    revert = revert_of(imports, begun)
    assert imports.sound(first).status is Status.COMPLETED
    assert (revert.status, revert.plan and revert.plan["conflict"]) == (Status.COMPLETED, 1)
    assert notes(imports) == "first", "the queued import changed the record before the revert was its turn"
    assert [notice["code"] for notice in revert.notices] == ["earlier_imports_written"]


def test_a_revert_whose_process_died_is_brought_to_its_end(imports: Imports) -> None:
    begun = imports.completed(FILE.format("begun"))
    asked = request_revert(imports.workflow, begun.id, dry_run=False, source="cli", created_by=None)
    fault = trigger(imports, "RAISE EXCEPTION 'stops here';", "DELETE")
    with pytest.raises(psycopg.errors.RaiseException, match="stops here"), fault:
        run_revert(imports.workflow, asked.id)
    newest = imports.run(FILE.format("newest"), mode="sync")
    assert imports.workflow.get(asked.id).status is Status.COMPLETED
    assert (newest.status, newest.stats["created"]) == (Status.COMPLETED, 1), "the revert had removed Ann"


@pytest.mark.parametrize("kind", ["import", "revert"])
def test_one_that_was_passed_is_not_applied(imports: Imports, kind: str) -> None:
    """A version of this program without this order let newer imports pass."""
    begun = imports.completed(FILE.format("begun"))
    if kind == "import":
        old = queued(imports, "old")
    else:
        old = request_revert(imports.workflow, begun.id, dry_run=False, source="cli", created_by=None)
        imports.query("UPDATE imports SET status = 'queued' WHERE id = %s RETURNING id", old.id)
    imports.query("UPDATE imports SET accepted = NULL WHERE id = %s RETURNING id", old.id)
    newest = imports.completed(FILE.format("newest"))
    imports.query("UPDATE imports SET accepted = 1 WHERE id = %s RETURNING id", old.id)
    before = imports.state()
    with pytest.raises(PermanentFailure, match=newest.id):
        imports.workflow.end(old.id)
    old = imports.workflow.get(old.id)
    assert (old.status, old.code) == (Status.FAILED, "superseded_by_newer")
    assert newest.id in (old.reason or "")
    assert imports.state() == before
    if kind == "import":
        again = imports.run(FILE.format("old"))
        assert (again.status, notes(imports)) == (Status.COMPLETED, "old"), "what the reason says to do"


def test_it_waits_for_the_process_that_writes(imports: Imports) -> None:
    imports.completed(FILE.format("begun"))
    first = queued(imports, "first")
    lock = "PERFORM pg_advisory_xact_lock(4711);"
    with (
        imports.workflow.database.connect() as holder,
        trigger(imports, lock, "UPDATE"),
        ThreadPoolExecutor() as pool,
    ):
        holder.execute("SELECT pg_advisory_lock(4711)")
        writing = pool.submit(imports.write, first)
        until(lambda: waits(imports, 1))
        newest = pool.submit(imports.run, FILE.format("newest"), mode="sync")
        until(lambda: waits(imports, 2))
        holder.execute("SELECT pg_advisory_unlock(4711)")
        assert writing.result(60).status is Status.COMPLETED
        assert newest.result(60).status is Status.COMPLETED
    assert notes(imports) == "newest"


def test_it_waits_no_longer_than_its_timeout(imports: Imports) -> None:
    imports.completed(FILE.format("begun"))
    first = queued(imports, "first")
    newest = imports.register(FILE.format("newest"), mode="sync", timeout=2)
    with imports.workflow.database.connect(autocommit=False) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('imports/' || %s || '/contact', 0))",
            (imports.organization,),
        )
        newest = imports.finish(newest)
    assert (newest.status, newest.code) == (Status.TIMED_OUT, "timed_out")
    assert first.id in (newest.reason or "")
    assert imports.workflow.get(first.id).status is Status.QUEUED, "its time has not begun"
    assert notes(imports) == "begun"
    assert (imports.write(first).status, notes(imports)) == (Status.COMPLETED, "first")


def test_one_that_cannot_be_written_is_named_and_can_be_given_up(imports: Imports) -> None:
    first, newest = queued(imports, "first"), queued(imports, "newest")
    folder = imports.workflow.files(first)
    folder.delete("items.parquet")
    with pytest.raises(EarlierImportStuck, match=f"cancel {first.id}"):
        imports.workflow.write(newest.id)
    assert [imports.workflow.get(one.id).status for one in (first, newest)] == [Status.QUEUED] * 2
    imports.workflow.finalization.cancel(first.id)
    assert (imports.write(newest).status, notes(imports)) == (Status.COMPLETED, "newest")


def test_many_ways_at_once(imports: Imports) -> None:
    """Whoever takes them up, in whatever order: what is stored is what the last that was accepted says."""
    imports.completed(FILE.format("begun"))
    rng = random.Random(7)
    accepted: list[tuple[int, str]] = []
    lock = threading.Lock()

    def accept(number: int) -> Import:
        import_ = imports.register(FILE.format(f"n{number}"), mode=rng.choice(["sync", "mixed"]))
        for phase in CHECKING_PHASES:
            imports.workflow.check(import_.id, phase)
        (row,) = imports.query("SELECT accepted FROM imports WHERE id = %s", import_.id)
        with lock:
            accepted.append((row["accepted"], f"n{number}"))
        return import_

    with ThreadPoolExecutor(6) as pool:
        pending = list(pool.map(accept, range(12)))
        rng.shuffle(pending)
        done = list(pool.map(imports.write, pending))
    assert {one.status for one in done} == {Status.COMPLETED}
    assert [number for number, _ in sorted(accepted)] == list(range(2, 14))
    assert notes(imports) == max(accepted)[1]


def waits(imports: Imports, count: int) -> bool:
    """Return whether so many transactions wait for an advisory lock."""
    found = imports.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return len(found) >= count
