"""The approval of a refused import: its stored file again, with a ceiling, once, and by whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_updates
from imports_pipeline.workflow.approval import request_approval
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.guards.test_guards import blocked
from imports_pipeline_tests.overwrite.runs import contacts


def approve(runs: Runs, refused: Import, max_deletions: int | None = None, by: str = "ada") -> Import:
    with runs.workflow.database.connect() as connection:
        return request_approval(
            connection,
            runs.workflow.store,
            runs.workflow.get(refused.id),
            max_deletions=max_deletions,
            source="cli",
            approved_by=by,
        )


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


def test_more_removals_than_the_approver_saw_fail_again(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    runs.completed(contacts(5, start=100))
    again = runs.finish(approve(runs, refused))
    assert "remove 24 contacts, more than max_deletions 19 allows" in blocked(runs, again)
    assert len(runs.records()) == 25
    third = runs.finish(approve(runs, again, by="bob"))
    assert (third.stats["overwritten"], third.approves, third.approved_by) == (24, again.id, "bob")


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


def test_a_newer_file_of_the_same_name_is_not_undone(runs: Runs) -> None:
    runs.completed(contacts(20))
    refused = runs.run(contacts(1), action="overwrite")
    newer = runs.run(contacts(19), action="overwrite")
    with runs.workflow.database.connect() as connection:
        for one in (refused, newer):
            import_updates.update_import(connection, one.id, name="nightly")
    said = refusal(runs, replace(refused, name="nightly"))
    assert f"{newer.id} imported a newer file of the name nightly" in said
    assert "import the file again with max_deletions 19" in said


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
