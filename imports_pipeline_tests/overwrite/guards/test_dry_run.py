"""A dry run says exactly what the real run would do, record by record, and writes nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from imports_pipeline.model.files import REMOVALS
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.runs import contacts

BEFORE = """\
name,email,external_id,notes,is_primary,metadata.team,groups,locations
Ann,ann@example.com,E-1,old,yes,red,A,Berlin
Bob,bob@example.com,E-2,,,,"A,B",
Cid,cid@example.com,E-3,gone soon,,,B,Oslo
Dan,dan@example.com,E-4,,,,,
"""
# Changes Ann in every way, Bob by his links alone, leaves Dan as he is, removes Cid, creates two, rejects four. No
# rejected row has a key of a stored record, so the removal needs approval.
FILE = """\
name,email,external_id,notes,is_primary,metadata.team,metadata.desk,groups,locations
Anna,ann@example.org,E-1,new,no,blue,7,"B",Oslo
Bob,,E-2,,,,,B,
Dan,dan@example.com,,,,,,,
Eve,eve@example.com,,,,,,A,Berlin
Fay,,E-6,,,,,,
Bad,,E-7,,perhaps,,,,
Two,two@example.com,E-8,,,,,,
Two,two@example.com,E-9,,,,,,
Lost,,E-10,,,,,Nowhere,
"""
COUNTS = {"created": 2, "updated": 2, "unchanged": 1, "deleted": 0, "overwritten": 1, "rejected": 4}

GROUPS = """\
name,resource,external_id,location,children
A,contact,G-1,,
B,contact,G-2,,
C,contact,G-3,,
"""


@pytest.fixture
def stored(runs: Runs) -> Runs:
    runs.locations("Berlin", "Oslo")
    runs.completed(GROUPS, "group")
    runs.completed(BEFORE)
    return runs


def ids(runs: Runs, resource: str = "contact") -> dict[str, str]:
    return {record["name"]: record["id"] for record in runs.records(resource)}


def place_ids(runs: Runs) -> dict[str, str]:
    return {
        row["name"]: row["id"]
        for row in runs.query("SELECT name, id FROM locations WHERE organization_id = %s", runs.organization)
    }


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    """Return a stored record as the plan should show it."""
    left_out = ("organization_id",)
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in left_out
    }


def shown(changes: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a plan with its times as Python spells them."""
    return {
        name: datetime.fromisoformat(value).isoformat() if name in ("created_at", "updated_at") else value
        for name, value in changes.items()
    }


def test_an_overwrite(stored: Runs) -> None:
    record, group, place = ids(stored), ids(stored, "group"), place_ids(stored)
    cid = next(row for row in stored.stored()["contacts"] if row["name"] == "Cid")
    import_ = stored.dry_run(FILE, action="overwrite")
    assert import_.stats == COUNTS
    plan = stored.plan(import_)
    assert [(row["line"], row["operation"]) for row in plan] == [
        (None, "overwritten"), (5, "created"), (6, "created"), (2, "updated"), (3, "updated"),
    ]  # fmt: skip
    assert [row["id"] for row in plan[3:]] == [record["Ann"], record["Bob"]]
    assert [row["name"] for row in plan[:1] + plan[3:]] == ["Cid", "Ann", "Bob"]
    assert plan[3]["changes"] == {
        "name": {"old": "Ann", "new": "Anna"},
        "email": {"old": "ann@example.com", "new": "ann@example.org"},
        "notes": {"old": "old", "new": "new"},
        "is_primary": {"old": True, "new": False},
        "metadata.team": {"old": "red", "new": "blue"},
        "metadata.desk": {"old": None, "new": "7"},
        "groups": {"added": [group["B"]], "removed": [group["A"]]},
        "locations": {"added": [place["Oslo"]], "removed": [place["Berlin"]]},
    }
    assert plan[4]["changes"] == {"groups": {"added": [], "removed": [group["A"]]}}
    assert [row["changes"] for row in plan[1:3]] == [None] * 2
    assert plan[0]["id"] == record["Cid"]
    assert shown(plan[0]["changes"]) == as_json(cid)


@pytest.mark.parametrize("case", ["Dan's address in capitals", "nothing"])
def test_what_counts_as_unchanged_is_not_in_the_changes(stored: Runs, case: str) -> None:
    email = "DAN@example.com" if case == "Dan's address in capitals" else "dan@example.com"
    import_ = stored.dry_run(f"name,email\nDan,{email}\n")
    changed = [row["operation"] for row in stored.plan(import_)]
    assert changed == (["updated"] if import_.stats["updated"] else [])
    assert import_.stats["updated"] + import_.stats["unchanged"] == 1


REAL: dict[str, tuple[str, str, dict[str, Any]]] = {
    "merge contacts": ("contact", FILE, {}),
    "overwrite contacts": ("contact", FILE, {"action": "overwrite", "max_deletions": 1}),
    "overwrite contacts, first of duplicates": (
        "contact", FILE, {"action": "overwrite", "max_deletions": 1, "duplicate_handling": "use_first"},
    ),
    "clear blank cells": ("contact", FILE.replace("Dan,", "Daniel,"), {"blank_cells": "clear"}),
    "overwrite a location": ("contact", FILE, {"action": "overwrite", "location_id": "Berlin"}),
    "match by the name": ("contact", "name,notes\nAnn,x\nBob,\nNew,\n", {"match_on": "name"}),
    "delete contacts": ("contact", "id\n{Ann}\n{Cid}\nctct_01h455vb4pex5vsknk084sn02q\nwhat\n", {"action": "delete"}),
    "merge groups": ("group", "name,resource,children\nA,contact,Ann\nNew,location,Oslo\nX,thing,\n", {}),
    "overwrite groups": (
        "group", 'name,resource,children\nA,contact,"Bob,Cid"\nNew,location,Oslo\nX,contact,Nobody\n',
        {"action": "overwrite", "max_deletions": 2},
    ),
    "overwrite the groups of a location": (
        "group", "name,resource\nNew,contact\n", {"action": "overwrite", "location_id": "Berlin"},
    ),
    "delete groups": ("group", "id\n{A}\n", {"action": "delete"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REAL)
def test_the_real_run_does_what_the_dry_run_says(stored: Runs, case: str) -> None:
    resource, content, options = REAL[case]
    if "location_id" in options:
        options = {**options, "location_id": place_ids(stored)[options["location_id"]]}
    content = content.format(**ids(stored), **ids(stored, "group"))
    dry = stored.dry_run(content, resource, **options)
    before = {row["id"]: row for row in stored.records(resource)}
    real = stored.run(content, resource, save_result=True, **options)
    assert real.status is Status.COMPLETED, real.reason
    assert real.stats == dry.stats
    assert any(real.stats[name] for name in ("created", "updated", "deleted", "overwritten"))
    assert stored.codes(real) == stored.codes(dry)
    assert [(one["total"], one["error"]) for one in real.phases[:5]] == [
        (one["total"], one["error"]) for one in dry.phases
    ]
    after = {row["id"]: row for row in stored.records(resource)}
    plan = stored.plan(dry)
    assert {row["line"]: row["operation"] for row in plan if row["line"] is not None} == {
        line: result for line, result in stored.result(real).items() if result != "unchanged"
    }
    touched = {row["id"]: row["operation"] for row in plan}
    for id_ in before:
        operation = touched.get(id_, "left alone")
        assert (id_ in after) == (operation not in ("deleted", "overwritten"))
        if operation in ("unchanged", "left alone"):
            assert after[id_]["updated_at"] == before[id_]["updated_at"]
        elif operation == "updated":
            assert after[id_]["updated_by"] == real.id
    assert len(set(after) - set(before)) == real.stats["created"]


def test_the_plan_of_a_delete_shows_the_records(stored: Runs) -> None:
    record = ids(stored)
    rows = {row["id"]: row for row in stored.stored()["contacts"]}
    import_ = stored.dry_run(f"id\n{record['Cid']}\n{record['Ann']}\n", action="delete")
    assert import_.stats == {**dict.fromkeys(COUNTS, 0), "deleted": 2}
    plan = stored.plan(import_)
    assert [(row["line"], row["id"], row["operation"]) for row in plan] == [
        (2, record["Cid"], "deleted"), (3, record["Ann"], "deleted"),
    ]  # fmt: skip
    assert [shown(row["changes"]) for row in plan] == [as_json(rows[row["id"]]) for row in plan]


def test_groups_of_an_overwrite(stored: Runs) -> None:
    record, group, place = ids(stored), ids(stored, "group"), place_ids(stored)
    import_ = stored.dry_run(
        "external_id,name,resource,location,children.add,children.remove\n"
        'G-1,A1,contact,,Dan,"Ann"\nG-2,B,contact,,,\nG-3,C,contact,Oslo,Cid,\n',
        "group",
        action="overwrite",
    )
    assert [row["changes"] for row in stored.plan(import_)] == [
        {
            "name": {"old": "A", "new": "A1"},
            "children": {"added": [record["Dan"]], "removed": [record["Ann"]]},
        },
        {
            "location": {"old": None, "new": place["Oslo"]},
            "children": {"added": [record["Cid"]], "removed": []},
        },
    ]
    assert [row["id"] for row in stored.plan(import_)] == [group["A"], group["C"]]


def test_nothing_of_a_plan_is_left_out_when_it_is_long(runs: Runs) -> None:
    runs.completed(contacts(1500))
    import_ = runs.dry_run(contacts(700, start=1000), action="overwrite")
    plan = runs.plan(import_)
    assert import_.stats == {
        **dict.fromkeys(COUNTS, 0),
        "created": 200,
        "unchanged": 500,
        "overwritten": 1000,
    }
    assert [row["line"] for row in plan] == [*[None] * 1000, *range(502, 702)]
    assert [row["name"] for row in plan[:1000]] == sorted(f"n{i}" for i in range(1000))
    assert [row["external_id"] for row in plan[1000:]] == [f"E-{i}" for i in range(1500, 1700)]
    with runs.workflow.files(import_).open_read(REMOVALS) as file:
        first = json.load(file)
    assert [row["name"] for row in first] == sorted(f"n{i}" for i in range(1000))[:20]


def test_a_refused_import_has_its_plan(runs: Runs) -> None:
    runs.completed(
        "name,email,external_id,notes\n" + "".join(f"n{i:02},n{i}@example.org,E-{i},\n" for i in range(30))
    )
    rows = "".join(f"n{i:02},E-{i},{'new' if i == 1 else ''}\n" for i in range(3))
    import_ = runs.run(f"name,external_id,notes\n{rows}=New,E-99,\n", action="overwrite")
    assert (import_.status, import_.code) == (Status.FAILED, "too_many_deletions")
    assert "The plan file lists them" in (import_.reason or "")
    plan = runs.plan(import_)
    assert [
        (row["operation"], row["line"], row["name"], row["email"], row["external_id"]) for row in plan
    ] == [
        *(("overwritten", None, f"n{i:02}", f"n{i}@example.org", f"E-{i}") for i in range(3, 30)),
        ("created", 5, "=New", None, "E-99"),
        ("updated", 3, "n01", "n1@example.org", "E-1"),
    ]
    assert plan[-1]["changes"] == {"notes": {"old": None, "new": "new"}}
    # More approved than there is to remove, but fewer errors allowed than there are.
    runs.completed("name,external_id\nTwin,T-1\n")
    failed = runs.run(
        "name,external_id,id\nn01,E-1,\nn02,E-2,ctct_01h455vb4pex5vsknk084sn02q\n",
        action="overwrite",
        max_errors=0,
    )
    assert failed.code == "too_many_errors"
    assert failed.plan is not None
    assert len(runs.plan(failed)) == failed.plan["overwritten"]


def test_a_refused_plan_of_an_unidentified_row(runs: Runs) -> None:
    runs.completed(contacts(3))
    import_ = runs.run("name,external_id\nn0,E-0\nx\n", action="overwrite")
    assert import_.code == "unidentified_rows"
    assert [row["name"] for row in runs.plan(import_)] == ["n1", "n2"]


def test_it_says_when_a_guard_would_stop_the_real_run(runs: Runs) -> None:
    runs.completed(contacts(20))
    import_ = runs.dry_run(contacts(9), action="overwrite")
    assert import_.reason is not None
    assert "The real run would fail: The overwrite would remove 11 of 20 contacts (55.0 %)" in import_.reason
    assert "max_deletions 11" in import_.reason
    assert runs.run(contacts(9), action="overwrite").code == "too_many_deletions"
    assert runs.dry_run(contacts(10), action="overwrite").reason == "Dry run: nothing was written."


@pytest.mark.parametrize("mode", ["mixed", "sync"])
def test_either_mode(stored: Runs, mode: str) -> None:
    assert stored.dry_run(FILE, action="overwrite", mode=mode).stats["overwritten"] == 1
