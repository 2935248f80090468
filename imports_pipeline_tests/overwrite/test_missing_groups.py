"""Groups that contacts name and that are not stored: created by the import, part of its plan, counts and undo."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys.faults import trigger
from imports_pipeline_tests.overwrite import Runs

#: Names with commas and quotes, spellings of one name, a name like an email, one that is in no contact's list.
FILE = '''external_id,name,groups.add,groups.remove,phone
E-1,Ann,"Board,""Smith, Ltd.""",,
E-2,Bob,"Boa\u00adrd , Caf\u00e9","Old, Never",
E-3,Cid,"Cafe\u0301,team@example.org,""5"""" pipe""",,
E-4,Dan,"Board:::,Stored",,
E-5,Eve,Gone,Gone,
E-6,Bad,Only of the rejected,,12
'''
NAMES = ['5" pipe', "Board", "Caf\u00e9", "Smith, Ltd.", "team@example.org"]


@pytest.fixture
def stored(runs: Runs) -> Runs:
    runs.completed("name,resource\nStored,contact\nOld,contact\nBoard,location\n", "group")
    runs.completed("external_id,name,groups\nE-2,Bob,Old\n")
    return runs


def create(runs: Runs, content: str, **options: Any) -> Import:
    import_ = runs.run(content, missing_groups="create", **options)
    assert import_.status is Status.COMPLETED, import_.reason
    return import_


def created(runs: Runs) -> list[str]:
    rows = runs.query(
        "SELECT name FROM groups WHERE organization_id = %s AND resource = 'contact'"
        " AND name NOT IN ('Stored', 'Old') ORDER BY name COLLATE \"C\"",
        runs.organization,
    )
    return [row["name"] for row in rows]


def test_the_groups_that_rows_name_are_created(stored: Runs) -> None:
    file = FILE.replace('"Old, Never"', "Old")
    import_ = create(stored, file)
    assert stored.codes(import_) == {7: ["invalid_phone"]}
    assert created(stored) == NAMES
    assert (import_.stats["groups_created"], import_.plan and import_.plan["groups_created"]) == (5, 5)
    groups = {one["name"]: one["groups"] for one in stored.records()}
    assert groups == {
        "Ann": ["Board", "Smith, Ltd."],
        "Bob": ["Board", "Caf\u00e9"],
        "Cid": ['5" pipe', "Caf\u00e9", "team@example.org"],
        "Dan": ["Board", "Stored"],
        "Eve": [],
    }
    (notice,) = [one["message"] for one in import_.notices if one["code"] == "groups_created"]
    assert notice.startswith("5 groups that are not stored are created")
    (board,) = stored.query(
        "SELECT id, created_by FROM groups WHERE organization_id = %s AND resource = 'contact' AND name = 'Board'",
        stored.organization,
    )
    assert board["created_by"] == import_.id
    assert [entry["operation"] for entry in stored.history(board["id"], "group")] == ["created"]
    again = create(stored, file)
    assert (again.stats["groups_created"], again.stats["unchanged"]) == (0, 5)
    assert created(stored) == NAMES


def test_what_cannot_be_a_new_group_is_rejected(stored: Runs) -> None:
    unknown = "grp_00000000000000000000000000"
    cells = ["external_id:X", unknown, "Board:::a@example.com", "n" * 256, "Stored"]
    rows = "".join(f"n{at},{cell},\n" for at, cell in enumerate(cells)) + "last,,Never\n"
    import_ = create(stored, "name,groups.add,groups.remove\n" + rows)
    assert stored.codes(import_) == {line: ["unknown_group"] for line in (2, 3, 4, 5, 7)}
    assert import_.stats["groups_created"] == 0
    assert "at most 255 characters" in stored.errors(import_)[3]["errors"][0]["message"]
    without = stored.run("name,groups\na,New\nb,Stored\n")
    assert stored.codes(without) == {2: ["unknown_group"]}
    assert "groups_created" not in without.stats


def test_a_group_of_another_case_is_another_group(stored: Runs) -> None:
    import_ = create(stored, "name,groups\nAnn,stored\n")
    assert created(stored) == ["stored"]
    assert "`stored` (not the stored `Stored`)" in import_.notices[-1]["message"]


def test_a_dry_run_plans_them(stored: Runs) -> None:
    import_ = stored.dry_run(FILE, missing_groups="create")
    assert stored.codes(import_) == {3: ["unknown_group"], 7: ["invalid_phone"]}
    assert import_.stats["groups_created"] == 5
    plan = [row for row in stored.plan(import_) if row["operation"] == "groups_created"]
    assert {(row["line"], row["name"]) for row in plan} == {
        (2, "Board"),
        (2, "Smith, Ltd."),
        (4, "Caf\u00e9"),
        (4, "team@example.org"),
        (4, '5" pipe'),
    }
    assert created(stored) == []


def test_an_overwrite_lists_them_behind_its_removals(stored: Runs) -> None:
    stored.set_limits(floor=0, percent=0)
    content = "external_id,name,groups\nE-1,Ann,New\n"
    refused = stored.run(content, action="overwrite", missing_groups="create")
    assert refused.code == "too_many_deletions"
    assert [row["operation"] for row in stored.plan(refused)] == ["overwritten", "groups_created", "created"]
    assert created(stored) == []
    done = create(stored, content, action="overwrite", max_deletions=1)
    assert (done.stats["overwritten"], done.stats["groups_created"]) == (1, 1)
    assert stored.one("Ann")["groups"] == ["New"]


def test_a_revert_removes_them(stored: Runs) -> None:
    before = stored.stored()
    import_ = create(stored, FILE.replace('"Old, Never"', "Old"))
    dry = stored.revert(import_, dry_run=True)
    assert dry.plan
    assert (dry.plan["groups_deleted"], dry.plan["groups_left"]) == (5, 0)
    done = stored.revert(import_)
    assert done.stats["groups_deleted"] == 5
    assert stored.stored() == before


def test_a_revert_leaves_groups_that_are_used(stored: Runs) -> None:
    import_ = create(stored, 'external_id,name,groups.add\nE-1,Ann,"A,B,C,D"\nE-2,Bob,"A,B,C,D"\n')
    # A has another member, B was renamed, C lost its members, D has a member who was changed since.
    stored.completed("name,groups.add\nZoe,A\n")
    b = stored.query("SELECT id FROM groups WHERE organization_id = %s AND name = 'B'", stored.organization)[
        0
    ]["id"]
    stored.completed(f"id,name\n{b},B2\n", "group")
    stored.completed("external_id,name,groups.remove\nE-1,Ann,C\nE-2,Bob,C\n")
    before = {one["name"]: one["groups"] for one in stored.records()}
    done = stored.revert(import_)
    reasons = {
        row["name"]: row["changes"]["reason"]
        for row in stored.plan(done)
        if row["operation"] == "groups_left"
    }
    assert {name: one["groups"] for one in stored.records() for name in [one["name"]]} == before
    assert reasons["A"] == "3 contacts stay in it"
    assert reasons["B2"].startswith("changed since by imp_")
    assert reasons["D"] == "2 contacts stay in it"
    assert done.stats["groups_deleted"] == 1
    assert created(stored) == ["A", "B2", "D"]


def test_they_belong_to_the_location_of_the_import(runs: Runs) -> None:
    places = runs.locations("Berlin", "Oslo")
    content = "name,locations,groups.add\nAnn,,New\nBob,Oslo,New\nCid,Oslo,Other\nDan,Berlin,New\n"
    import_ = create(runs, content, location_id=places["Berlin"])
    assert runs.codes(import_) == {3: ["not_in_group_location"], 4: ["not_in_group_location"]}
    assert import_.stats["groups_created"] == 1
    (group,) = runs.records("group")
    assert (group["name"], group["location"], group["children"]) == ("New", "Berlin", ["Ann", "Dan"])


def test_two_imports_that_name_one_new_group(stored: Runs) -> None:
    first, second = (
        stored.register(f'name,groups.add\n{name},"New,{name}s"\n', missing_groups="create")
        for name in ("Ann", "Eve")
    )
    for import_ in (first, second):
        assert stored.check(import_).status is Status.QUEUED
    barrier = Barrier(2)

    def write(import_: Import) -> Import:
        barrier.wait()
        return stored.write(import_)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(write, (second, first)))
    assert [one.status for one in done] == [Status.COMPLETED] * 2
    assert sorted(one.stats["groups_created"] for one in done) == [1, 2]
    assert created(stored) == ["Anns", "Eves", "New"]
    assert stored.one("Eve")["groups"] == ["Eves", "New"]


def test_groups_of_a_file_and_of_contacts_at_once(stored: Runs) -> None:
    """Each of several rounds ends whoever is first: locks are taken in one order."""
    for number in range(2):
        contacts = stored.register(f"name,groups.add\nn{number},G{number}\n", missing_groups="create")
        content = f"name,resource,external_id\nG{number},contact,X-{number}\n"
        groups = stored.register(content, "group", match_on=["name"])
        for import_ in (contacts, groups):
            stored.check(import_)
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(stored.write, (contacts, groups)))
        assert [one.status for one in done] == [Status.COMPLETED] * 2
    rows = stored.records("group")
    assert [(one["external_id"], one["children"]) for one in rows if one["name"].startswith("G")] == [
        (f"X-{number}", [f"n{number}"]) for number in range(2)
    ]


@pytest.mark.parametrize("phase", CHECKING_PHASES)
def test_a_crash_after_a_phase(stored: Runs, phase: Any) -> None:
    import_ = stored.register(FILE.replace('"Old, Never"', "Old"), missing_groups="create")
    for one in CHECKING_PHASES[: CHECKING_PHASES.index(phase) + 1]:
        stored.workflow.check(import_.id, one)
    if phase is CHECKING_PHASES[-1]:
        # The group was made by hand meanwhile; the plan is made again, and has one group less.
        stored.completed("name,resource\nBoard,contact\n", "group")
    done = stored.finish(import_)
    assert done.status is Status.COMPLETED
    assert done.stats["groups_created"] == (4 if phase is CHECKING_PHASES[-1] else 5)
    assert created(stored) == NAMES


def test_a_crash_amid_the_write(stored: Runs) -> None:
    import_ = stored.check(stored.register("name,groups\nAnn,New\n", missing_groups="create"))
    before = stored.tables()
    body = "RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100';"
    with trigger(stored, body, "INSERT", "memberships"), pytest.raises(psycopg.Error):
        stored.workflow.write(import_.id)
    assert stored.tables() == before
    assert stored.write(import_).stats["groups_created"] == 1
    assert stored.one("Ann")["groups"] == ["New"]
