"""The tables of large writes: who sees which, who waits for whom, and what is left of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from imports_pipeline.batch_phases.large_writes import edition_write as large_writes
from imports_pipeline.batch_phases.large_writes.edition_write import LargeWrites
from imports_pipeline.database import edition_retention, editions, write_lock
from imports_pipeline.database.edition_retention import remove_replaced
from imports_pipeline.database.row_security import Access
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.editions.conftest import ALWAYS, NEVER
from imports_pipeline_tests.overwrite import Runs

STORED = "name,external_id,notes\nAnn,E-1,old\nBob,E-2,old\nCid,E-3,old\n"
CHANGED = STORED.replace("old", "new")


@pytest.fixture
def changed(runs: Runs) -> Import:
    """Store three contacts and change all."""
    runs.completed(STORED)
    return runs.completed(CHANGED)


def notes(connection: psycopg.Connection[Any], organization: str, table: str = "contacts") -> list[str]:
    query = f"SELECT notes FROM {table} WHERE organization_id = %s ORDER BY external_id"
    return [note for (note,) in connection.execute(query, (organization,))]


def exists(runs: Runs, schema: str) -> bool:
    return bool(runs.query("SELECT FROM pg_namespace WHERE nspname = %s", schema))


def unused(runs: Runs) -> list[str]:
    """Return the schemas of editions to which nothing points."""
    rows = runs.query(
        "SELECT n.nspname FROM pg_namespace n WHERE n.nspname LIKE 'edition_%%' AND NOT EXISTS (SELECT FROM pg_class c"
        " JOIN records.editions e ON e.relation = c.oid WHERE c.relnamespace = n.oid) AND %s <> ''",
        runs.organization,
    )
    return [row["nspname"] for row in rows]


def test_people_query_and_change_the_current_records(runs: Runs, changed: Import) -> None:
    (schema,) = runs.editions()
    with psycopg.connect(runs.workflow.database.url, autocommit=True) as people:
        assert notes(people, runs.organization) == ["new"] * 3
        assert notes(people, runs.organization, "records.contacts") == ["old"] * 3
        inserted = people.execute(
            "INSERT INTO contacts (organization_id, id, name, external_id) VALUES (%s, 'ctct_by_hand', 'Dan', 'E-4')"
            " RETURNING metadata, created_at IS NOT NULL",
            (runs.organization,),
        )
        assert inserted.fetchone() == ({}, True)
        updated = people.execute(
            "UPDATE contacts SET notes = 'hand' WHERE organization_id = %s AND external_id = 'E-1'",
            (runs.organization,),
        )
        deleted = people.execute(
            "DELETE FROM contacts WHERE organization_id = %s AND external_id = 'E-2'", (runs.organization,)
        )
        assert (updated.rowcount, deleted.rowcount) == (1, 1)
        assert notes(people, runs.organization, f"{schema}.contacts") == ["hand", "new", None]
    assert [row["name"] for row in runs.records()] == ["Ann", "Cid", "Dan"]


def test_the_api_sees_one_organization(runs: Runs, changed: Import) -> None:
    (schema,) = runs.editions()
    access = Access(runs.workflow.database.url)
    access.open()
    try:
        with access.of(runs.organization) as connection:
            assert notes(connection, runs.organization) == ["new"] * 3
        with access.of("somebody else") as connection:
            assert notes(connection, runs.organization, f"{schema}.contacts") == []
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                notes(connection, runs.organization, "public.contacts")
    finally:
        access.close()


def test_an_edition_has_the_indexes_of_the_shared_table(runs: Runs, changed: Import) -> None:
    shapes = []
    for schema in ("records", *runs.editions()):
        rows = runs.query(
            "SELECT replace(indexdef, schemaname, '') AS shape FROM pg_indexes"
            " WHERE schemaname = %s AND tablename = 'contacts' ORDER BY indexname",
            schema,
        )
        shapes.append([row["shape"] for row in rows])
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 3


def test_a_reader_of_the_replaced_table_goes_on(runs: Runs) -> None:
    """No statement of the write waits for it: it would wait for ever."""
    runs.completed(STORED)
    with psycopg.connect(runs.workflow.database.url) as reader, runs.workflow.database.connect() as other:
        assert notes(reader, runs.organization) == ["old"] * 3
        editions.use_editions(reader, runs.organization)
        done = runs.completed(CHANGED)
        assert notes(reader, runs.organization) == ["old"] * 3, "its table stays as it was"
        assert notes(other, runs.organization) == ["new"] * 3
        runs.revert(done)
        assert notes(other, runs.organization) == ["old"] * 3


def test_a_person_who_changes_records_at_the_same_time(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records are changed in place then, and the change of the person is kept where the file has no value."""
    monkeypatch.setattr(editions, "_LOCK_TIMEOUT", "50ms")
    runs.completed(STORED)
    with psycopg.connect(runs.workflow.database.url) as person:
        person.execute(
            "INSERT INTO contacts (organization_id, id, name) VALUES (%s, 'ctct_by_hand', 'Dan')",
            (runs.organization,),
        )
        runs.completed(CHANGED)
        person.commit()
    assert runs.editions() == []
    assert [row["notes"] for row in runs.records()] == ["new", "new", "new", None]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contacts SET notes = 'hand' WHERE organization_id = %s",
        "DELETE FROM contacts WHERE organization_id = %s",
        "INSERT INTO contacts (organization_id, id, name) VALUES (%s, 'ctct_by_hand', 'Dan')",
    ],
)
def test_a_change_that_still_sees_the_replaced_table_fails(runs: Runs, change: str) -> None:
    """In REPEATABLE READ it would change the table that was current when its transaction began."""
    runs.completed(STORED)
    with psycopg.connect(runs.workflow.database.url) as person:
        person.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert notes(person, runs.organization) == ["old"] * 3
        runs.completed(CHANGED)
        with pytest.raises(psycopg.errors.SerializationFailure):
            person.execute(change, (runs.organization,))
        person.rollback()
        person.execute(change, (runs.organization,))
        person.commit()
    assert [row["notes"] for row in runs.records()] != ["new"] * 3, "the second attempt sees the new table"


def test_a_write_between_the_choice_of_the_table_and_the_data_version(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are matched with what that write stored: its data version is the one that the plan is made for."""
    runs.completed(STORED)
    read, written = write_lock.read, []

    def write_first(connection: psycopg.Connection[Any], organization: str) -> dict[str, int]:
        if not written:
            written.append("once")
            runs.completed(CHANGED)
        return read(connection, organization)

    monkeypatch.setattr(write_lock, "read", write_first)
    assert runs.completed(STORED).stats["updated"] == 3
    assert [row["notes"] for row in runs.records()] == ["old"] * 3


def test_a_write_that_fails_leaves_nothing(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.completed(STORED)
    # Those of killed processes of other tests.
    others = unused(runs)
    before = runs.tables()
    pending = runs.check(runs.register(CHANGED))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(large_writes, "complete", fail)
        with pytest.raises(OSError, match="No space"):
            runs.workflow.write(pending.id)
    assert runs.tables() == before
    assert runs.editions() == []
    assert unused(runs) == others
    assert runs.write(pending).status is Status.COMPLETED
    assert len(runs.editions()) == 1


def test_two_processes_that_write_the_same_import(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has made its table before the first commits, and finds the import completed."""
    runs.completed(STORED)
    others = unused(runs)
    pending = runs.check(runs.register(CHANGED))
    create = editions._create
    written: list[Import] = []

    def write_meanwhile(connection: psycopg.Connection[Any], edition: editions.Edition) -> None:
        create(connection, edition)
        if not written:
            written.append(pending)
            written.append(runs.write(pending))

    monkeypatch.setattr(editions, "_create", write_meanwhile)
    assert runs.write(pending).status is Status.COMPLETED
    assert written[1].status is Status.COMPLETED
    assert [row["notes"] for row in runs.records()] == ["new"] * 3
    assert len(runs.editions()) == 1
    assert unused(runs) == others


def test_what_a_killed_process_left_is_removed_after_a_day(runs: Runs, changed: Import) -> None:
    old = "edition_01jd7xs5zmf8b8h8wf0e4kr7qa"
    new = f"edition_{changed.id.rpartition('_')[2]}"
    with runs.workflow.database.connect() as connection:
        for schema in (old, new):
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"CREATE TABLE {schema}.contacts () INHERITS (records.all_contacts)")
        remove_replaced(connection, 30)
        assert [exists(runs, schema) for schema in (old, new)] == [False, True]
        connection.execute(f"DROP SCHEMA {new} CASCADE")
    assert [row["notes"] for row in runs.records()] == ["new"] * 3


def test_replaced_tables_go_when_they_are_old(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edition_retention, "_STEP", 2)
    runs.completed(STORED)
    for value in ("1", "2"):
        runs.completed(STORED.replace("old", value))
    first, second = runs.editions()
    with runs.workflow.database.connect() as connection:
        remove_replaced(connection, 1)
        assert exists(runs, first)
        with psycopg.connect(runs.workflow.database.url) as reader:
            notes(reader, runs.organization, f"{first}.contacts")
            remove_replaced(connection, 0)
        assert exists(runs, first), "somebody reads it"
        assert notes(connection, runs.organization, "records.contacts") == []
        remove_replaced(connection, 0)
        assert not exists(runs, first)
        assert notes(connection, runs.organization) == ["2"] * 3
        left = connection.execute(
            "SELECT count(*) FROM records.editions WHERE organization_id = %s", (runs.organization,)
        )
        assert left.fetchone() == (1,)
    assert runs.editions() == [second]
    runs.completed(STORED)
    assert [row["notes"] for row in runs.records()] == ["old"] * 3


def test_a_table_that_a_revert_went_back_to_stays(runs: Runs, changed: Import) -> None:
    runs.revert(changed)
    with runs.workflow.database.connect() as connection:
        remove_replaced(connection, 0)
        assert notes(connection, runs.organization) == ["old"] * 3
    runs.completed(CHANGED)
    assert [row["notes"] for row in runs.records()] == ["new"] * 3


@pytest.mark.parametrize("rule", [ALWAYS, NEVER], ids=["edition", "in place"])
def test_a_delete_removes_no_record_that_was_removed_by_hand_since(runs: Runs, rule: LargeWrites) -> None:
    runs.workflow = replace(runs.workflow, large_writes=rule)
    runs.completed(STORED)
    ids = {row["name"]: row["id"] for row in runs.records()}
    import_ = runs.check(runs.register(f"id\n{ids['Ann']}\n{ids['Bob']}\n", action="delete"))
    runs.query("DELETE FROM contacts WHERE id = %s RETURNING id", ids["Bob"])
    runs.workflow.write(import_.id)
    import_ = runs.workflow.get(import_.id)
    assert (import_.status, import_.stats["deleted"]) == (Status.COMPLETED, 1)
    assert [row["name"] for row in runs.records()] == ["Cid"]
    assert [entry["operation"] for entry in runs.history(ids["Ann"])][-1:] == ["deleted"]
    assert "deleted" not in [entry["operation"] for entry in runs.history(ids["Bob"])]
    assert (runs.revert(import_).plan or {})["created"] == 1
    assert [row["name"] for row in runs.records()] == ["Ann", "Cid"]


def test_the_cheaper_way_is_taken() -> None:
    rule = large_writes.LargeWrites()
    assert rule.pay({"updated": 100_000}, 100_000)
    assert not rule.pay({"updated": 1_000}, 1_000), "too few"
    assert not rule.pay({"updated": 100_000}, 1_000_000), "a tenth"
    assert rule.pay({"created": 100_000}, 10_000)
    assert not rule.pay({"created": 99_999}, 0), "too few"
    assert not rule.pay({"created": 100_000}, 100_000), "as many are stored"
    assert rule.pay({"deleted": 99_000}, 100_000)
    assert rule.pay({"deleted": 50_000}, 100_000)
    assert not rule.pay({"deleted": 40_000}, 100_000)
    assert rule.pay({"created": 50_000, "overwritten": 50_000}, 100_000)
    assert rule.pay({"overwritten": 50_000}, 100_000)
    assert not rule.pay({"overwritten": 40_000}, 100_000)
    assert rule.may_pay({"created": 1_000_000})
    assert not rule.may_pay({"created": 99_999})
    assert not replace(ALWAYS, most_cost=0).pay({"updated": 100_000}, 100_000)


def test_an_import_is_reverted_again_after_records_changed_in_its_replaced_table(runs: Runs) -> None:
    """The first revert went back to the replaced table, so that has later values now, and other records."""
    runs.completed(STORED)
    first = runs.completed(CHANGED + "Dan,E-4,new\n")
    assert runs.revert(first).plan == {
        "created": 0,
        "updated": 3,
        "deleted": 1,
        "unchanged": 0,
        "conflict": 0,
    }
    in_place = Runs(
        replace(runs.workflow, large_writes=replace(ALWAYS, most_cost=0)), runs.organization, runs.folder
    )
    in_place.completed("name,external_id,notes\nAnn,E-1,later\nEve,E-5,later\n")
    again = runs.revert(first)
    assert again.plan == {"created": 0, "updated": 0, "deleted": 0, "unchanged": 2, "conflict": 1}
    assert {row["name"]: row["notes"] for row in runs.records()} == {
        "Ann": "later", "Bob": "old", "Cid": "old", "Eve": "later",
    }  # fmt: skip
    ann = next(row["id"] for row in runs.records() if row["name"] == "Ann")
    shown = [entry["changes"].get("notes") for entry in runs.history(ann)]
    assert shown[-1] == {"old": "old", "new": "later"}, shown
