"""History: which imports touched a record, and what each changed."""

from __future__ import annotations

from typing import Any

import pytest

from imports_pipeline_tests.overwrite import Runs


@pytest.fixture
def stored(runs: Runs) -> Runs:
    runs.locations("Berlin", "Oslo")
    runs.completed("name,resource\nA,contact\nB,contact\n", "group")
    return runs


def told(runs: Runs, record_id: str, resource: str = "contact") -> list[tuple[str, str, Any]]:
    """Return import, operation and changes of each entry, and insist on their order in time."""
    entries = runs.history(record_id, resource)
    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    assert all(set(one) == {"import_id", "operation", "at", "changes"} for one in entries)
    return [(one["import_id"], one["operation"], one["changes"]) for one in entries]


def test_a_life(stored: Runs) -> None:
    made = stored.completed("name,external_id,notes,groups,locations\nAnn,E-1,old,A,Berlin\n")
    ann, group = stored.one("Ann")["id"], stored.one("A", "group")["id"]
    place = stored.query(
        "SELECT id FROM locations WHERE name = 'Berlin' AND organization_id = %s", stored.organization
    )
    told_of_creation = {
        "groups": {"added": [group], "removed": []},
        "locations": {"added": [place[0]["id"]], "removed": []},
    }
    assert told(stored, ann) == [(made.id, "created", told_of_creation)]
    changed = stored.completed(
        "external_id,name,notes,is_primary,metadata.team,groups.remove\nE-1,Anna,old,yes,red,A\n"
    )
    stored.completed("external_id,name\nE-1,Anna\n")  # changes nothing, so it is not told
    removed = stored.completed("name,external_id\nBob,E-2\n", action="overwrite")
    entries = told(stored, ann)
    assert [(import_id, operation) for import_id, operation, _ in entries] == [
        (made.id, "created"), (changed.id, "updated"), (removed.id, "overwritten"),
    ]  # fmt: skip
    assert entries[1][2] == {
        "name": {"old": "Ann", "new": "Anna"},
        "is_primary": {"old": None, "new": True},
        "metadata": {"old": {}, "new": {"team": "red"}},
        "groups": {"added": [], "removed": [group]},
    }
    assert entries[2][2] == {
        "name": {"old": "Anna", "new": None},
        "external_id": {"old": "E-1", "new": None},
        "notes": {"old": "old", "new": None},
        "is_primary": {"old": True, "new": None},
        "metadata": {"old": {"team": "red"}, "new": None},
        "locations": {"added": [], "removed": [place[0]["id"]]},
    }


def test_links_alone(stored: Runs) -> None:
    stored.completed("name,external_id,groups\nAnn,E-1,A\n")
    import_ = stored.completed("external_id,groups\nE-1,B\n")
    a, b = stored.one("A", "group")["id"], stored.one("B", "group")["id"]
    entries = told(stored, stored.one("Ann")["id"])
    assert entries[1:] == [(import_.id, "updated", {"groups": {"added": [b], "removed": [a]}})]


def test_deleted_and_brought_back(stored: Runs) -> None:
    made = stored.completed("name,external_id,groups\nAnn,E-1,A\n")
    ann, group = stored.one("Ann")["id"], stored.one("A", "group")["id"]
    deleted = stored.completed(f"id\n{ann}\n", action="delete")
    back = stored.revert(deleted)
    changed = stored.completed("external_id,notes\nE-1,new\n")
    entries = told(stored, ann)
    assert [(import_id, operation) for import_id, operation, _ in entries] == [
        (made.id, "created"), (deleted.id, "deleted"), (back.id, "brought back"), (changed.id, "updated"),
    ]  # fmt: skip
    assert entries[1][2]["groups"] == {"added": [], "removed": [group]}
    assert entries[2][2] == {"groups": {"added": [group], "removed": []}}
    assert entries[3][2] == {"notes": {"old": None, "new": "new"}}


def test_deleted_and_brought_back_twice(stored: Runs) -> None:
    stored.completed("name,external_id\nAnn,E-1\n")
    ann = stored.one("Ann")["id"]
    ends = []
    for _ in range(2):
        deleted = stored.completed(f"id\n{ann}\n", action="delete")
        stored.revert(deleted, dry_run=True)
        ends += [(deleted.id, "deleted"), (stored.revert(deleted).id, "brought back")]
        stored.revert(deleted)  # finds it there already
    assert [(import_id, operation) for import_id, operation, _ in told(stored, ann)][1:] == ends


def test_updated_and_taken_back(stored: Runs) -> None:
    made = stored.completed("name,external_id,groups\nAnn,E-1,A\n")
    ann, a, b = stored.one("Ann")["id"], stored.one("A", "group")["id"], stored.one("B", "group")["id"]
    changed = stored.completed("external_id,name,groups\nE-1,Anna,B\n")
    back = stored.revert(changed)
    assert told(stored, ann) == [
        (made.id, "created", {"groups": {"added": [a], "removed": []}}),
        (
            changed.id,
            "updated",
            {"name": {"old": "Ann", "new": "Anna"}, "groups": {"added": [b], "removed": [a]}},
        ),
        (
            back.id,
            "updated",
            {"name": {"old": "Anna", "new": "Ann"}, "groups": {"added": [a], "removed": [b]}},
        ),
    ]


def test_created_and_taken_back(stored: Runs) -> None:
    made = stored.completed("name,external_id\nAnn,E-1\n")
    ann = stored.one("Ann")["id"]
    back = stored.revert(made)
    assert [(import_id, operation) for import_id, operation, _ in told(stored, ann)] == [
        (made.id, "created"), (back.id, "deleted"),
    ]  # fmt: skip


def test_of_a_group(stored: Runs) -> None:
    stored.completed("name\nAnn\n")
    group, ann = stored.one("A", "group")["id"], stored.one("Ann")["id"]
    import_ = stored.completed("name,resource,location,children\nA,contact,Berlin,\n", "group")
    place = stored.one("A", "group")["location_id"]
    stored.completed("name,locations\nAnn,Berlin\n", match_on="name")
    joins = stored.completed("name,resource,children.add\nA,contact,Ann\n", "group")
    assert told(stored, group, "group")[1:] == [
        (import_.id, "updated", {"location_id": {"old": None, "new": place}}),
        (joins.id, "updated", {"children": {"added": [ann], "removed": []}}),
    ]


def test_of_nothing_and_of_another_organization(stored: Runs, organization: str) -> None:
    stored.completed("name\nAnn\n")
    ann = stored.one("Ann")["id"]
    assert stored.history("ctct_01h455vb4pex5vsknk084sn02q") == []
    assert Runs(stored.workflow, f"{organization}-other", stored.folder).history(ann) == []
    assert stored.history(ann, "group") == []
