"""The checksum of a plan, and the commit of a dry run: what was seen is done, or nothing is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.decisions.commit import SeenPlan, request_commit
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.guards.test_dry_run import BEFORE, COUNTS, FILE, GROUPS
from imports_pipeline_tests.overwrite.guards.test_guards import blocked
from imports_pipeline_tests.overwrite.runs import contacts

# A rejected row protects Dan, and two rows name a group that is created.
OVERWRITE = (
    FILE.replace("Dan,dan@example.com,,", "Dan,nowhere,E-4,")
    + "Gil,,,,,,,New group,\nHal,,E-11,,,,,New group,\n"
)
HOW = {"action": "overwrite", "missing_groups": "create", "blank_cells": "keep"}


@pytest.fixture
def stored(runs: Runs) -> Runs:
    runs.locations("Berlin", "Oslo")
    runs.completed(GROUPS, "group")
    runs.completed(BEFORE)
    return runs


def commit(runs: Runs, dry_run: Import, mode: Mode | None = None, **seen: Any) -> Import:
    with runs.workflow.database.connect() as connection, connection.transaction():
        return request_commit(
            connection,
            runs.workflow.store,
            runs.workflow.get(dry_run.id),
            SeenPlan(**(seen or {"checksum": dry_run.plan_checksum})),
            mode=mode,
            source="cli",
            created_by="ada",
            history_days=30,
        )[0]


def write(runs: Runs, statement: str) -> None:
    """Change the stored records as another program would, which takes no write lock and increases no data version."""
    with runs.workflow.database.connect() as connection:
        connection.execute(statement, {"organization": runs.organization})


def test_a_plan_has_one_checksum_whatever_ids_times_and_places_its_records_get(stored: Runs) -> None:
    first = stored.dry_run(OVERWRITE, **HOW)
    assert first.plan is not None
    assert (first.plan["created"], first.plan["updated"], first.plan["overwritten"]) == (5, 2, 1)
    assert first.plan["groups_created"] == 2
    assert len(first.plan_checksum or "") == 64
    # Every row moves, and times and authors change.
    write(
        stored,
        "UPDATE contacts SET updated_at = now(), updated_by = 'me' WHERE organization_id = %(organization)s",
    )
    write(
        stored, 'UPDATE groups SET metadata = \'{"of": "no plan"}\' WHERE organization_id = %(organization)s'
    )
    assert stored.dry_run(OVERWRITE, **HOW).plan_checksum == first.plan_checksum
    assert stored.completed(contacts(1)).plan_checksum is None, "nobody has seen its plan"


CHANGES = {
    "a value that is changed": "UPDATE contacts SET notes = 'newer' WHERE name = 'Ann'",
    "a link that is no longer removed": "DELETE FROM memberships m USING contacts c"
    " WHERE c.id = m.member_id AND c.name = 'Bob'",
    "a value of a removed record": "UPDATE contacts SET notes = 'kept' WHERE name = 'Cid'",
    "another removed record": "UPDATE contacts SET id = 'ctct_00000000000000000000000002' WHERE name = 'Cid'",
    "a link that is removed": "INSERT INTO memberships SELECT c.organization_id, g.id, c.id FROM contacts c, groups g"
    " WHERE c.name = 'Ann' AND g.name = 'C' AND g.organization_id = c.organization_id",
    "a record that a rejected row protects": "UPDATE contacts SET id = 'ctct_00000000000000000000000003'"
    " WHERE name = 'Dan'",
    "a key of a new record": "UPDATE contacts SET external_id = 'E-6', email = NULL WHERE name = 'Cid'",
    "a group that is no longer new": "INSERT INTO groups (organization_id, id, name, resource)"
    " SELECT organization_id, 'grp_00000000000000000000000001', 'New group', 'contact'"
    " FROM contacts WHERE name = 'Ann'",
    "a record more": "INSERT INTO contacts (organization_id, id, name)"
    " SELECT organization_id, 'ctct_00000000000000000000000001', 'Zoe' FROM contacts WHERE name = 'Ann'",
}


def test_every_change_of_what_is_done_changes_the_checksum(stored: Runs) -> None:
    seen = {stored.dry_run(OVERWRITE, **HOW).plan_checksum: "nothing"}
    for what, statement in CHANGES.items():
        table = "m" if " m USING" in statement else "c" if " c," in statement else "contacts"
        before = len(seen)
        with stored.workflow.database.connect() as connection:
            connection.execute(f"{statement} AND {table}.organization_id = %s", (stored.organization,))
        checksum = stored.run(OVERWRITE, dry_run=True, **HOW).plan_checksum
        assert checksum not in seen, f"{what}: the checksum is that of {seen.get(checksum)}"
        seen[checksum] = what
        assert len(seen) == before + 1


def test_nobody_can_compute_the_hashes_of_rows(runs: Runs) -> None:
    """They have a seed that is another in each installation, and that the role of the API cannot read."""
    first = runs.dry_run(contacts(2)).plan_checksum
    with runs.workflow.database.connect() as connection:
        seed = connection.execute("SELECT seed FROM plan_seed").fetchall()
        assert len(seed) == 1
        granted = connection.execute(
            "SELECT has_table_privilege('imports_api', 'plan_seed', 'SELECT')"
        ).fetchone()
        assert granted == (False,)
        connection.execute("UPDATE plan_seed SET seed = seed + 1")
        try:
            assert runs.dry_run(contacts(2)).plan_checksum != first
        finally:
            connection.execute("UPDATE plan_seed SET seed = %s", seed[0])
    assert runs.dry_run(contacts(2)).plan_checksum == first


def test_every_row_counts(runs: Runs) -> None:
    """A value, the order of lines, the field of a value, and a column without values: each is another plan."""
    files = (
        "name,notes\nA,1\nB,2\n", "name,notes\nA,1\nB,3\n", "name,notes\nB,2\nA,1\n", "name,notes\n\nA,1\nB,2\n",
        "name,address\nA,1\nB,2\n", "name,notes,address\nA,1,\nB,2,\n", "name,notes\nA,\nB,2\n",
    )  # fmt: skip
    assert len({runs.dry_run(content).plan_checksum for content in files}) == len(files)


def test_a_commit_does_what_the_dry_run_shows(stored: Runs) -> None:
    planned = stored.dry_run(FILE, action="overwrite", max_deletions=1)
    committed = commit(stored, planned, counts={"created": 2, "rejected": 4, "overwritten": 1, "scope": 4})
    assert commit(stored, planned).id == committed.id, "an open commit answers a second one"
    done = stored.finish(committed)
    assert done.status is Status.COMPLETED, done.reason
    assert done.stats == COUNTS
    shown = done.as_object()
    assert (shown["commits"], shown["created_by"], shown["max_deletions"]) == (planned.id, "ada", 1)
    assert shown["plan_checksum"] == shown["expected_plan_checksum"] == planned.plan_checksum
    assert stored.workflow.get(planned.id).commit == commit(stored, planned).id == done.id


def test_a_commit_of_another_plan_than_was_seen_is_refused_at_once(runs: Runs) -> None:
    planned = runs.dry_run(contacts(2))
    for seen, said in (
        ({"checksum": "0" * 64}, f"its own is {planned.plan_checksum}"),
        ({"counts": {"created": 3}}, "created 3 → 2"),
        ({"checksum": planned.plan_checksum, "counts": {"overwritten": 1}}, "removed 1 → 0"),
    ):
        with pytest.raises(PermanentFailure, match=said) as refusal:
            commit(runs, planned, **seen)
        assert refusal.value.code == "plan_changed"
    assert runs.workflow.get(planned.id).commit is None


def test_a_plan_that_has_changed_is_not_carried_out(stored: Runs) -> None:
    planned = stored.dry_run(FILE, action="overwrite", max_deletions=9)
    stored.completed("name,external_id,notes\nCid,E-3,still here\nZoe,E-99,\n")
    before = stored.tables()
    failed = stored.finish(commit(stored, planned))
    reason = blocked(stored, failed, "plan_changed")
    assert f"than that of {planned.id}: removed 1 → 2; nothing" in reason
    assert (
        "New in the plan: Cid (overwritten), Zoe (overwritten); no longer in it: Cid (overwritten)." in reason
    )
    assert stored.tables() == before
    assert [row["name"] for row in stored.plan(failed)][:2] == ["Cid", "Zoe"], (
        "its plan file has the new plan"
    )
    again = stored.finish(commit(stored, planned, checksum=failed.plan_checksum))
    assert (again.status, again.stats["overwritten"]) == (Status.COMPLETED, 2)


def test_a_plan_that_changes_while_the_commit_waits_to_be_written_is_not_carried_out(runs: Runs) -> None:
    runs.completed(contacts(3))
    planned = runs.dry_run("external_id,notes\nE-0,new\nE-1,new\n")
    waiting = runs.check(commit(runs, planned, Mode.MIXED))
    assert waiting.status is Status.QUEUED
    # It was accepted before, and is written before.
    with runs.workflow.database.connect() as connection:
        connection.execute("UPDATE imports SET written_at = NULL WHERE id = %s", (waiting.id,))
        connection.execute(
            "UPDATE contacts SET notes = 'new' WHERE organization_id = %s AND name = 'n0'",
            (runs.organization,),
        )
        connection.execute(
            "UPDATE generations SET generation = generation + 1 WHERE organization_id = %s",
            (runs.organization,),
        )
    failed = runs.write(waiting)
    assert "updated 2 → 1, unchanged 0 → 1; nothing was changed" in blocked(runs, failed, "plan_changed")
    assert (failed.plan or {})["updated"] == 1
    assert failed.plan_checksum not in (None, planned.plan_checksum)
    assert sorted(row["notes"] or "" for row in runs.records()) == ["", "", "new"]


def test_rows_that_lost_their_records_are_another_plan(runs: Runs) -> None:
    runs.completed(contacts(1))
    ids = "id,notes\n" + "".join(f"{row['id']},x\n" for row in runs.records())
    planned = runs.dry_run(ids)
    runs.completed(ids, action="delete")
    assert "unknown_id" in blocked(runs, runs.finish(commit(runs, planned)), "plan_changed")


def test_a_commit_that_a_guard_refuses_waits_for_one_approval(runs: Runs) -> None:
    runs.completed(contacts(20))
    planned = runs.dry_run(contacts(1), action="overwrite")
    refused = runs.finish(commit(runs, planned))
    blocked(runs, refused)
    assert refused.plan_checksum == planned.plan_checksum
    assert commit(runs, planned).id == refused.id, "a second one would wait for a second approval"


def test_links_and_conflicts_are_part_of_the_plan_of_an_undo(runs: Runs) -> None:
    runs.completed("name,resource\nStaff,contact\n", "group")
    runs.completed("name,external_id\nAnn,1\nBob,2\n")
    done = runs.completed("external_id,groups.add\n1,Staff\n2,Staff\n")
    seen = [runs.revert(done, dry_run=True).plan_checksum for _ in range(2)]
    # Another program takes Ann out of the group, which changes no record.
    write(
        runs,
        "DELETE FROM memberships m USING contacts c WHERE c.id = m.member_id AND c.name = 'Ann'"
        " AND m.organization_id = %(organization)s",
    )
    seen.append(runs.revert(done, dry_run=True).plan_checksum)
    runs.completed("external_id,notes\n2,new\n")
    seen.append(runs.revert(done, dry_run=True).plan_checksum)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_what_cannot_be_committed_says_why(runs: Runs) -> None:
    def refusal(of: Import) -> str:
        with pytest.raises(InvalidOption) as refusal:
            commit(runs, of, checksum="x")
        return str(refusal.value)

    done = runs.completed(contacts(1))
    assert "is no dry run that has completed" in refusal(done)
    with pytest.raises(PermanentFailure, match="No plan of"):
        commit(runs, runs.revert(done, dry_run=True), checksum="x")
    gone = runs.dry_run(contacts(2), save_upload=False)
    with pytest.raises(InvalidOption, match="no longer stored; import it again"):
        commit(runs, gone)
    with runs.workflow.database.connect() as connection:
        connection.execute("UPDATE imports SET plan_checksum = NULL WHERE id = %s", (gone.id,))
    assert "because an older version made it; run it dry again" in refusal(gone)


def test_commits_at_once_make_one_import(runs: Runs) -> None:
    planned = runs.dry_run(contacts(3))
    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(lambda _: commit(runs, planned).id, range(4)))
    (one,) = made
    assert runs.finish(runs.workflow.get(one)).stats["created"] == 3
