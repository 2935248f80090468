"""The approval of a refused import: its stored file again, with a ceiling, once, and by whom."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.api.routes import imports
from imports_pipeline.database.row_security import Access
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry.api_keys import ApiKey
from imports_pipeline.workflow.approval import request_approval
from imports_pipeline.workflow.decisions.refusable import Undecidable
from imports_pipeline.workflow.decisions.rejection import reject
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.guards.test_guards import blocked
from imports_pipeline_tests.overwrite.runs import contacts


def approve(
    runs: Runs, refused: Import, max_deletions: int | None = None, by: str | None = "ada", **how: Any
) -> Import:
    with runs.workflow.database.connect() as connection:
        return request_approval(
            connection,
            runs.workflow.store,
            runs.workflow.get(refused.id),
            max_deletions=max_deletions,
            source="cli",
            approved_by=by,
            **how,
        )


def rejected(runs: Runs, refused: Import, reason: str = "Oslo is missing", by: str = "bob") -> Import:
    with runs.workflow.database.connect() as connection:
        return reject(connection, refused, reason=reason, rejected_by=by)


def refusal(runs: Runs, refused: Import, **how: Any) -> str:
    with pytest.raises(InvalidOption) as refusal:
        approve(runs, refused, **how)
    return str(refusal.value)


def test_an_approval_imports_the_stored_file_with_the_ceiling_that_was_seen(runs: Runs) -> None:
    runs.completed(contacts(20))
    source = runs.source(contacts(1))
    refused = runs.run(source, action="overwrite")
    blocked(runs, refused)
    source.write_text(contacts(15), encoding="utf-8")
    approval = approve(runs, refused)
    ended = runs.finish(approval)
    assert (ended.status, ended.stats["overwritten"], len(runs.records())) == (Status.COMPLETED, 19, 1)
    shown = ended.as_object()
    assert (shown["approves"], shown["approved_by"], shown["max_deletions"]) == (refused.id, "ada", 19)
    assert (ended.checksum, ended.created_by) == (refused.checksum, "ada")
    assert runs.workflow.get(refused.id).status is Status.FAILED, "a final status never changes"
    assert f"approved already, by the import {approval.id}" in refusal(runs, refused)


def test_another_plan_than_the_approver_saw_is_not_carried_out(runs: Runs) -> None:
    """Not even with a ceiling above it; the new plan can be approved in turn, also by the same person."""
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    assert "has another plan_checksum" in refusal(runs, refused, plan_checksum="0" * 64)
    runs.completed(contacts(5, start=100))
    again = runs.finish(approve(runs, refused, 30, plan_checksum=refused.plan_checksum))
    reason = blocked(runs, again, "plan_changed")
    assert f"than that of {refused.id}: removed 19 → 24; nothing was changed" in reason
    assert "n100 (overwritten), n101 (overwritten), n102 (overwritten), and 2 more" in reason
    assert f"approve {again.id}" in reason
    assert len(runs.records()) == 25
    assert again.expected_plan_checksum == refused.plan_checksum != again.plan_checksum
    third = runs.finish(approve(runs, again, four_eyes=True))
    assert (third.stats["overwritten"], third.approves, third.approved_by) == (24, again.id, "ada")
    assert third.plan_checksum == again.plan_checksum


def test_equal_counts_of_other_records_are_another_plan(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    runs.completed("name,external_id\nAda,E-7\n")
    again = runs.finish(approve(runs, refused))
    reason = blocked(runs, again, "plan_changed")
    assert "the counts are the same, but not the records or their values; nothing" in reason
    assert "New in the plan: Ada (overwritten); no longer in it: n7 (overwritten)." in reason


def test_an_import_that_was_rejected_stays_so(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    shown = rejected(runs, refused, " Oslo \n is missing ").as_object()
    assert (shown["rejected_by"], shown["rejection_reason"]) == ("bob", "Oslo is missing")
    assert rejected(runs, refused).rejected_by == "bob", "a second click"
    with pytest.raises(Undecidable, match=r"rejected already, by bob \(Oslo is missing\)"):
        rejected(runs, refused, by="cid")
    assert "was rejected by bob (Oslo is missing); if the records are to go after all, import" in refusal(
        runs, refused
    )
    done = runs.completed(contacts(1), action="merge")
    with pytest.raises(Undecidable, match="does not wait for an approval"):
        rejected(runs, done)
    other = runs.run(contacts(2), action="overwrite")
    approval = approve(runs, other)
    with pytest.raises(Undecidable, match=f"approved, by the import {approval.id}; cancel or revert"):
        rejected(runs, other)


def test_of_an_approval_and_a_rejection_at_once_one_counts(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")

    def decide(approves: bool) -> str:
        try:
            return (approve if approves else rejected)(runs, refused).id
        except Undecidable as error:
            return error.code

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(decide, (True, False)))
    after = runs.workflow.get(refused.id)
    assert (after.approval is None) == (after.rejected_by is not None)
    assert sum(one in ("already_rejected", "nothing_to_reject") for one in said) == 1


def test_four_eyes(runs: Runs) -> None:
    """Who has made the file, its dry run or its correction cannot approve it, and its options are no approval."""
    workflow = replace(runs.workflow, settings=replace(runs.workflow.settings, four_eyes=True))
    runs.completed(contacts(20))
    for options in (
        {"max_deletions": 30},
        {"deletion_total": 900, "deletion_floor": 30, "deletion_percent": 100},
    ):
        refused = runs.finish(runs.register(contacts(1), action="overwrite", **options), workflow)
        assert "somebody else may approve the import" in blocked(runs, refused)
    with runs.workflow.database.connect() as connection:
        planned = runs.dry_run(contacts(1), action="overwrite")
        connection.execute("UPDATE imports SET created_by = 'eve' WHERE id = %s", (planned.id,))
        connection.execute(
            "UPDATE imports SET created_by = 'key:1', commits = %s WHERE id = %s", (planned.id, refused.id)
        )
    for by in ("key:1", "eve"):
        assert f"{by} has made" in refusal(runs, refused, by=by, four_eyes=True)
    assert "must say who gives it" in refusal(runs, refused, by=None, four_eyes=True)
    assert runs.finish(approve(runs, refused, four_eyes=True), workflow).stats["overwritten"] == 19


def test_a_ceiling_below_the_plan_is_refused_at_once(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    said = refusal(runs, refused, max_deletions=18)
    assert "removes 19 records, more than max_deletions 18 allows" in said
    assert "approve 19" in said
    assert runs.finish(approve(runs, refused, 25)).stats["overwritten"] == 19


def test_rows_that_do_not_show_whose_they_are_can_be_approved(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(15) + "x,y,z,w\n", action="overwrite")
    blocked(runs, refused, "unidentified_rows")
    assert runs.finish(approve(runs, refused)).stats["overwritten"] == 5


def test_a_delete_beyond_its_own_ceiling_can_be_approved(runs: Runs) -> None:
    runs.completed(contacts(5))
    ids = "id\n" + "".join(f"{row['id']}\n" for row in runs.records())
    refused = runs.run(ids, action="delete", max_deletions=4)
    blocked(runs, refused)
    assert runs.finish(approve(runs, refused)).stats["deleted"] == 5


def test_what_cannot_be_approved_says_why(runs: Runs) -> None:
    done = runs.completed(contacts(20))
    assert "was not refused because of the records" in refusal(runs, done)
    empty = runs.run("name\n", action="overwrite")
    assert "(failed, no_valid_row)" in refusal(runs, empty)
    gone = runs.run(contacts(2), action="overwrite", save_upload=False)
    assert "no longer stored; import the file again with max_deletions 18" in refusal(runs, gone)


def test_a_newer_overwrite_is_not_undone(runs: Runs) -> None:
    """Whatever its file is called, and also while it waits to be written; but not a dry run, or one that was undone."""
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    runs.dry_run(contacts(20), action="overwrite")
    runs.completed(contacts(1), action="merge")
    newer = runs.check(runs.register(contacts(19), action="overwrite"))
    assert newer.status is Status.QUEUED
    for _ in range(2):
        said = refusal(runs, refused)
        assert f"{newer.id} is a newer overwrite of the same contacts than {refused.id}" in said
        assert "import the file again with max_deletions 19" in said
        runs.write(newer)
    runs.revert(newer)
    assert runs.finish(approve(runs, refused)).stats["overwritten"] == 19


def test_an_overwrite_of_another_location_is_no_newer_one(runs: Runs) -> None:
    places = runs.locations("Berlin", "Oslo")
    for number, place in enumerate(places.values()):
        runs.completed(contacts(20, start=100 * number), location_id=place)
    refused = runs.run(contacts(1), action="overwrite", location_id=places["Berlin"])
    runs.completed(contacts(20, start=100), action="overwrite", location_id=places["Oslo"])
    assert runs.finish(approve(runs, refused)).stats["overwritten"] == 19


def test_two_approvals_at_once_make_one_import(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")

    def one(by: str) -> str:
        try:
            return approve(runs, refused, by=by).id
        except InvalidOption as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        said = sorted(threads.map(one, "abcd"))
    (made,) = [text for text in said if " " not in text]
    assert all(f"by the import {made}" in text for text in said if text != made)


def test_an_approval_whose_copy_fails_leaves_nothing(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("imports_pipeline.workflow.approval.shutil.copyfileobj", full)
        with pytest.raises(OSError, match="No space left"):
            approve(runs, refused)
    with runs.workflow.database.connect() as connection:
        rows = connection.execute("SELECT id FROM imports WHERE approves = %s", (refused.id,)).fetchall()
    assert rows == []
    assert runs.workflow.files(refused).exists(UPLOAD)
    assert runs.finish(approve(runs, refused)).status is Status.COMPLETED


def test_an_approval_that_the_api_is_too_busy_for_can_be_given_again(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")

    class Busy:
        async def run_import(self, import_id: str) -> None:
            raise Refusal(503, "busy", "Too many callers are waiting.")

    access = Access(runs.workflow.database.url)
    access.open()
    state: Any = SimpleNamespace(access=access, store=runs.workflow.store, workers=Busy())
    key = ApiKey("1", runs.organization, None, ("imports:approve",), datetime.now(UTC))
    try:
        with pytest.raises(Refusal, match="Too many callers"):
            asyncio.run(imports.approve(state, key, refused, None))
    finally:
        access.close()
    assert runs.workflow.get(refused.id).approval is None
    assert runs.finish(approve(runs, refused)).stats["overwritten"] == 19
