"""Reverting: what an import did is undone to the last column, and what somebody did since is left alone."""

from __future__ import annotations

import re
from dataclasses import replace

import psycopg
import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry.import_records import NoSuchImport
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.journeys.faults import trigger
from imports_pipeline_tests.overwrite import Runs

BEFORE = """\
name,email,external_id,notes,metadata.team,groups,locations
Ann,ann@example.com,E-1,old,red,A,Berlin
Bob,bob@example.com,E-2,,,"A,B",
Cid,cid@example.com,E-3,,,B,"Berlin,Oslo"
Dan,dan@example.com,E-4,,,,
"""
#: Changes Ann's values and links and Bob's links, leaves Dan, removes Cid, creates Eve.
FILE = """\
name,email,external_id,notes,metadata.team,metadata.desk,groups,locations
Anna,ann@example.org,E-1,new,blue,7,"B",Oslo
Bob,,E-2,,,,B,
Dan,dan@example.com,,,,,,
Eve,eve@example.com,E-5,,,,"A,B",Berlin
"""


@pytest.fixture
def stored(runs: Runs) -> Runs:
    runs.locations("Berlin", "Oslo")
    runs.completed("name,resource\nA,contact\nB,contact\nSites,location\n", "group")
    runs.completed(BEFORE)
    return runs


def counts(**given: int) -> dict[str, int]:
    return {**dict.fromkeys(("created", "updated", "deleted", "unchanged", "conflict"), 0), **given}


def reasons(runs: Runs, revert: Import) -> list[tuple[str, str]]:
    return [
        (row["id"], row["changes"]["reason"]) for row in runs.plan(revert) if row["operation"] == "conflict"
    ]


CASES: dict[str, tuple[str, str, str, dict[str, int]]] = {
    "a merge": ("contact", "merge", FILE, counts(updated=2, deleted=1)),
    "an overwrite": ("contact", "overwrite", FILE, counts(updated=2, deleted=1, created=1)),
    "a delete": ("contact", "delete", "id\n{Ann}\n{Cid}\n", counts(created=2)),
    "a merge of groups": (
        "group", "merge", 'name,resource,children.add,children.remove\nA,contact,Dan,"Ann,Bob"\nC,contact,Cid,\n',
        counts(updated=1, deleted=1),
    ),
    "an overwrite of groups": (
        "group", "overwrite", "name,resource,location,children\nA,contact,Berlin,Ann\nN,location,,Oslo\n",
        counts(updated=1, deleted=1, created=2),
    ),
    "a delete of groups": ("group", "delete", "id\n{A}\n{Sites}\n", counts(created=2)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_restores_everything(stored: Runs, case: str) -> None:
    resource, action, content, wanted = CASES[case]
    ids = {record["name"]: record["id"] for record in (*stored.records(), *stored.records("group"))}
    before = stored.stored()
    import_ = stored.completed(content.format(**ids), resource, action=action)
    after = stored.stored()
    assert after != before
    planned = stored.revert(import_, dry_run=True)
    assert stored.stored() == after
    done = stored.revert(import_)
    assert done.plan == planned.plan == wanted
    assert [(r["id"], r["operation"]) for r in stored.plan(done)] == [
        (r["id"], r["operation"]) for r in stored.plan(planned)
    ]
    assert done.reason is None
    assert stored.stored() == before


def test_a_dry_run_of_a_revert_writes_nothing(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    before = stored.tables()
    done = stored.revert(import_, dry_run=True)
    assert done.reason == "Dry run: nothing was written."
    assert stored.tables() == before
    plan = {row["id"]: row for row in stored.plan(done)}
    eve = plan[stored.one("Eve")["id"]]
    assert (eve["operation"], eve["changes"]["name"]) == ("deleted", "Eve")
    (cid,) = [row for row in plan.values() if row["operation"] == "created"]
    assert (cid["changes"]["name"], cid["changes"]["external_id"]) == ("Cid", "E-3")


def test_a_revert_of_an_overwrite_that_changed_nothing(stored: Runs) -> None:
    before = stored.stored()
    import_ = stored.completed(BEFORE, action="overwrite")
    assert stored.revert(import_).plan == counts()
    assert stored.stored() == before


def test_several_are_taken_back_in_reverse_order(stored: Runs) -> None:
    files = (
        ("contact", FILE, "overwrite"),
        ("contact", "external_id,notes,groups.add\nE-1,newer,A\nE-4,newer,A\n", "merge"),
        ("group", "name,resource,children.remove\nA,contact,Anna\n", "merge"),
        ("contact", "name,external_id\nAnna,E-1\nCid,E-3\n", "overwrite"),
        ("group", "name,resource\nB,contact\n", "overwrite"),
    )
    done, states = [], [stored.stored()]
    for resource, content, action in files:
        done.append(stored.completed(content, resource, action=action))
        states.append(stored.stored())
    for import_, state in zip(reversed(done), reversed(states[:-1]), strict=True):
        revert = stored.revert(import_)
        assert (revert.plan or {})["conflict"] == 0
        assert stored.stored() == state


def test_taken_back_twice(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    stored.revert(import_)
    before = stored.tables()
    again = stored.revert(import_)
    assert again.plan == counts(unchanged=3)
    after = stored.tables()
    assert {name for name in after if after[name] != before[name]} <= {"generations"}


def test_the_same_revert_run_twice(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    done = stored.revert(import_)
    before = stored.tables()
    assert run_revert(stored.workflow, done.id) == done
    assert stored.tables() == before


def test_done_again_after_it_was_taken_back(stored: Runs) -> None:
    first = stored.completed(FILE, action="overwrite")
    after = [(r["name"], r["email"], r["groups"], r["locations"]) for r in stored.records()]
    stored.revert(first)
    before = stored.stored()
    second = stored.completed(FILE, action="overwrite")
    assert second.stats == first.stats
    assert [(r["name"], r["email"], r["groups"], r["locations"]) for r in stored.records()] == after
    stored.revert(second)
    assert stored.stored() == before


def test_what_was_changed_since_is_left_alone(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    ids = {record["name"]: record["id"] for record in stored.records()}
    later = stored.completed("external_id,notes\nE-1,later\nE-5,later\n")
    kept = [stored.one("Anna"), stored.one("Eve")]
    done = stored.revert(import_)
    assert done.plan == counts(updated=1, created=1, conflict=2)
    assert "2 records were changed since and are left alone" in (done.reason or "")
    assert dict(reasons(stored, done)) == {
        ids["Anna"]: f"changed since by {later.id}",
        ids["Eve"]: f"changed since by {later.id}",
    }
    assert [stored.one("Anna"), stored.one("Eve")] == kept
    assert stored.one("Bob")["groups"] == ["A", "B"]
    assert stored.one("Cid")["locations"] == ["Berlin", "Oslo"]


def test_what_was_deleted_since_is_left_alone(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    ids = {record["name"]: record["id"] for record in stored.records()}
    stored.completed(f"id\n{ids['Anna']}\n{ids['Eve']}\n", action="delete")
    done = stored.revert(import_)
    assert (done.plan or {})["conflict"] == 1
    assert reasons(stored, done) == [(ids["Anna"], "deleted since")]
    assert stored.names() == ["Bob", "Cid", "Dan"]


def test_a_record_changed_by_hand_is_left_alone(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    with stored.workflow.database.connect() as connection:
        connection.execute(
            "UPDATE contacts SET notes = 'by hand', updated_at = now(), updated_by = NULL"
            " WHERE organization_id = %s AND external_id = 'E-1'",
            (stored.organization,),
        )
    done = stored.revert(import_)
    assert [reason for _, reason in reasons(stored, done)] == ["changed since by somebody"]
    assert stored.one("Anna")["notes"] == "by hand"


def test_a_unique_value_that_another_has_by_now(stored: Runs) -> None:
    import_ = stored.completed("external_id,name\nE-1,Ann\nE-2,Bob\nE-4,Dan\n", action="overwrite")
    cid = stored.query("SELECT id FROM contacts_history WHERE import_id = %s", import_.id)[0]["id"]
    stored.completed("name,external_id\nNew,E-3\n")
    done = stored.revert(import_)
    assert done.plan == counts(conflict=1)
    assert reasons(stored, done) == [(cid, f"{stored.one('New')['id']} has its external_id now")]
    assert stored.names() == ["Ann", "Bob", "Dan", "New"]
    # Once the other one gives it up, the record can come back.
    stored.completed(f"id\n{stored.one('New')['id']}\n", action="delete")
    assert stored.revert(import_).plan == counts(created=1)
    assert stored.one("Cid")["groups"] == ["B"]


def test_a_unique_value_of_an_updated_record(stored: Runs) -> None:
    import_ = stored.completed("email,external_id\nann@example.com,E-9\n", match_on="email")
    stored.completed("name,external_id\nNew,E-1\n")
    ann = stored.one("Ann")
    done = stored.revert(import_)
    assert done.plan == counts(conflict=1)
    assert reasons(stored, done) == [(ann["id"], f"{stored.one('New')['id']} has its external_id now")]
    assert stored.one("Ann") == ann


def test_a_group_whose_name_another_has_by_now(stored: Runs) -> None:
    import_ = stored.completed(f"id\n{stored.one('A', 'group')['id']}\n", "group", action="delete")
    stored.completed("name,resource\nA,contact\nA,location\n", "group")
    done = stored.revert(import_)
    assert [reason.partition(" ")[2] for _, reason in reasons(stored, done)] == ["has its name+resource now"]
    assert stored.names("group") == ["A", "A", "B", "Sites"]


def test_groups_outlive_an_overwrite_of_contacts(stored: Runs) -> None:
    groups = stored.records("group")
    import_ = stored.completed("name,external_id\nDan,E-4\n", action="overwrite", max_deletions=3)
    assert [
        {**group, "children": []} for group in groups
    ] == stored.records("group"), "groups are not touched, only their lists are shorter"  # fmt: skip
    stored.revert(import_)
    assert stored.records("group") == groups


def test_a_group_that_has_gone_since_gets_no_member_back(stored: Runs) -> None:
    import_ = stored.completed("name,external_id\nDan,E-4\n", action="overwrite", max_deletions=3)
    stored.completed(f"id\n{stored.one('B', 'group')['id']}\n", "group", action="delete")
    assert (stored.revert(import_).plan or {})["created"] == 3
    assert {record["name"]: record["groups"] for record in stored.records()} == {
        "Ann": ["A"], "Bob": ["A"], "Cid": [], "Dan": [],
    }  # fmt: skip
    links = stored.query("SELECT FROM memberships WHERE organization_id = %s", stored.organization)
    assert len(links) == 2


STATEMENTS = {
    "created ones go": ("contacts", "DELETE"),
    "updated ones": ("contacts", "UPDATE"),
    "removed ones come back": ("contacts", "INSERT"),
    "links go": ("memberships", "DELETE"),
    "links come back": ("memberships", "INSERT"),
    "the count of writes": ("generations", "UPDATE"),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_it_is_one_transaction(stored: Runs, case: str) -> None:
    table, event = STATEMENTS[case]
    before = stored.stored()
    import_ = stored.completed(FILE, action="overwrite")
    after = stored.tables()
    asked = request_revert(stored.workflow, import_.id, dry_run=False, source="cli", created_by=None)
    with trigger(stored, "RAISE EXCEPTION 'refused';", event, table), pytest.raises(psycopg.Error):
        run_revert(stored.workflow, asked.id)
    assert stored.tables() == after
    assert not stored.workflow.get(asked.id).has_ended
    assert run_revert(stored.workflow, asked.id).status is Status.COMPLETED
    assert stored.stored() == before


def refused(runs: Runs, import_: Import, reason: str) -> None:
    before = runs.tables()
    with pytest.raises(InvalidOption, match=re.escape(reason)):
        request_revert(runs.workflow, import_.id, dry_run=False, source="cli", created_by=None)
    assert runs.tables() == before


def test_what_cannot_be_taken_back(stored: Runs) -> None:
    refused(stored, stored.dry_run(FILE, action="overwrite"), "(completed, dry run) wrote nothing")
    refused(stored, stored.run("name,email\nx,nowhere\n"), "(failed) wrote nothing")
    refused(stored, stored.register(FILE), "(requested) wrote nothing")
    refused(stored, stored.check(stored.register(FILE)), "(queued) wrote nothing")
    import_ = stored.completed(FILE)
    refused(stored, stored.revert(import_, dry_run=True), "is a revert")
    refused(stored, stored.revert(import_), "is a revert; import the file again")
    with pytest.raises(NoSuchImport):
        request_revert(stored.workflow, "imp_nothing", dry_run=False, source="cli", created_by=None)


def test_what_is_too_old(stored: Runs) -> None:
    import_ = stored.completed(FILE)
    with stored.workflow.database.connect() as connection:
        connection.execute(
            "UPDATE imports SET written_at = written_at - interval '31 days' WHERE id = %s", (import_.id,)
        )
    refused(stored, import_, "previous values are kept for 30 days")


def test_what_was_forgotten_is_what_was_kept_too_long(stored: Runs) -> None:
    import_ = stored.completed(FILE, action="overwrite")
    for table in ("contacts_history", "links_history"):
        with stored.workflow.database.connect() as connection:
            connection.execute(
                f"UPDATE {table} SET changed_at = changed_at - interval '8 days' WHERE import_id = %s",
                (import_.id,),
            )
    count = len(stored.query("SELECT FROM contacts_history WHERE import_id = %s", import_.id))
    assert count == 3
    stored.completed("name\nZoe\n")
    assert len(stored.query("SELECT FROM contacts_history WHERE import_id = %s", import_.id)) == count
    weekly = replace(stored.workflow, settings=replace(stored.workflow.settings, history_days=7))
    Runs(weekly, stored.organization, stored.folder).completed("name\nYen\n")
    for table in ("contacts_history", "links_history"):
        assert stored.query(f"SELECT FROM {table} WHERE import_id = %s", import_.id) == []
