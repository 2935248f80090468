"""Rows that name groups or locations are remembered as long as nobody else changes these, or links to them."""

from __future__ import annotations

from typing import Any

import pytest

from imports_pipeline.model.files import FINGERPRINTS
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.memory.test_memory import counts, file
from imports_pipeline_tests.overwrite import Runs


def linked(numbers: range, changed: tuple[int, ...] = ()) -> str:
    """Return a file of contacts in groups, some of them in another one."""
    return "name,email,external_id,groups\n" + "".join(
        f"Person {n},p{n}@example.com,E-{n},{'Team' if n in changed else 'List'}\n" for n in numbers
    )


def members(runs: Runs, group: str) -> int:
    """Return the number of members of a group."""
    (row,) = runs.query(
        "SELECT count(*) FROM memberships m JOIN groups g ON g.organization_id = m.organization_id"
        " AND g.id = m.group_id WHERE g.organization_id = %s AND g.name = %s",
        runs.organization, group,
    )  # fmt: skip
    return int(row["count"])


def test_rows_that_name_groups_are_remembered_as_long_as_nobody_changes_groups(runs: Runs) -> None:
    runs.completed("name,resource\nList,contact\nTeam,contact\n", "group")
    runs.completed(linked(range(20)))
    second = runs.completed(linked(range(21), changed=(7,)))
    assert (counts(second), second.remembered) == ((1, 1, 19, 0), 17)
    assert (members(runs, "List"), members(runs, "Team")) == (20, 1)
    third = runs.completed(linked(range(21), changed=(7,)))
    assert (counts(third), third.remembered) == ((0, 0, 21, 0), 19)
    # A file without groups is another kind, and leaves the groups alone.
    runs.completed(file(range(20), changed=(3,)))
    fourth = runs.completed(linked(range(21), changed=(7,)))
    assert (counts(fourth), fourth.remembered) == ((0, 1, 20, 0), 18)


def test_groups_that_the_import_itself_created_are_known(runs: Runs) -> None:
    runs.completed(linked(range(20)), missing_groups="create")
    second = runs.completed(linked(range(20), changed=(7,)), missing_groups="create")
    assert (counts(second), second.remembered) == ((0, 1, 19, 0), 17)
    third = runs.completed(linked(range(20), changed=(7,)), missing_groups="create")
    assert (counts(third), third.remembered) == ((0, 0, 20, 0), 18)
    assert (members(runs, "List"), members(runs, "Team")) == (19, 1)


def test_a_merge_into_a_location_is_remembered(runs: Runs) -> None:
    location = runs.locations("Here")["Here"]
    runs.completed(file(range(20)), location_id=location)
    second = runs.completed(file(range(20), changed=(7,)), location_id=location)
    assert (counts(second), second.remembered) == ((0, 1, 19, 0), 17)
    gone = runs.query(
        "DELETE FROM contact_locations WHERE organization_id = %s RETURNING 1", runs.organization
    )
    third = runs.completed(file(range(20), changed=(7,)), location_id=location)
    assert (counts(third), third.remembered) == ((0, 20, 0, 0), 0)
    assert len(gone) == 20, "the rows name no location, and all are in it again"
    assert runs.completed(file(range(20))).remembered == 0, "without a location it is another kind of file"


def test_an_overwrite_of_a_location_is_remembered_and_removes_records_of_the_location_only(
    runs: Runs,
) -> None:
    here, there = runs.locations("Here", "There").values()
    options: dict[str, Any] = {"action": "overwrite", "max_deletions": 5}
    runs.completed(file(range(100, 105)))
    runs.completed(file(range(20)), location_id=here, **options)
    runs.completed(file(range(50, 53)), location_id=there, **options)
    # What was imported into the other location has changed links.
    second = runs.completed(file(range(21), changed=(7,)), location_id=here, **options)
    assert (counts(second), second.remembered) == ((1, 1, 19, 0), 0)
    third = runs.completed(file(range(1, 21), changed=(7, 8)), location_id=here, **options)
    assert (counts(third), third.remembered) == ((0, 1, 19, 1), 17)
    # A record without links has been written since. It is not in the location.
    runs.completed(file(range(100, 106)))
    fourth = runs.completed(file(range(2, 22), changed=(7, 8)), location_id=here, **options)
    assert (counts(fourth), fourth.remembered) == ((1, 0, 19, 1), 17)
    left = runs.query(
        "SELECT external_id FROM contacts WHERE organization_id = %s ORDER BY id", runs.organization
    )
    assert {row["external_id"] for row in left} == {
        f"E-{n}" for n in (*range(100, 106), *range(2, 22), *range(50, 53))
    }


def test_an_overwrite_of_a_location_leaves_no_memory_if_a_row_leaves_the_location(runs: Runs) -> None:
    location = runs.locations("Here")["Here"]
    header, *lines = file(range(20)).splitlines()
    rows = [
        f"{header},locations.remove",
        *(f"{line},{'Here' if n == 7 else ''}" for n, line in enumerate(lines)),
    ]
    for _ in range(2):
        done = runs.completed("\n".join(rows), action="overwrite", location_id=location)
        assert done.remembered == 0
    rows[8] = rows[8].removesuffix("Here")
    for remembered in (0, 18):
        done = runs.completed("\n".join(rows), action="overwrite", location_id=location)
        assert done.remembered == remembered


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM memberships WHERE organization_id = %s",
        "UPDATE groups SET name = name || '!' WHERE organization_id = %s AND name = 'Team'",
        "DELETE FROM contact_locations WHERE organization_id = %s",
        "UPDATE locations SET name = name || '!' WHERE organization_id = %s",
    ],
)
def test_every_row_is_read_after_links_or_what_they_link_to_were_changed(runs: Runs, change: str) -> None:
    location = runs.locations("Here")["Here"]
    runs.completed("name,resource\nList,contact\nTeam,contact\n", "group")
    runs.completed(linked(range(20)), location_id=location)
    assert runs.query(f"{change} RETURNING 1", runs.organization)
    again = runs.completed(linked(range(20)), location_id=location)
    assert (counts(again)[0], again.remembered, members(runs, "List")) == (0, 0, 20)
    assert (
        "groups, locations or links to them were written since the last file of this kind"
        in again.notices[0]["message"]
    )
    assert runs.completed(linked(range(20)), location_id=location).remembered == 18


def test_groups_that_are_changed_while_an_import_runs_leave_no_memory(runs: Runs) -> None:
    runs.completed("name,resource\nList,contact\nTeam,contact\n", "group")
    first = runs.check(runs.register(linked(range(20))))
    assert runs.query(
        "UPDATE groups SET external_id = name WHERE organization_id = %s RETURNING 1", runs.organization
    )
    first = runs.finish(first)
    assert first.status is Status.COMPLETED
    assert not runs.workflow.files(first).exists(FINGERPRINTS)
    assert runs.completed(linked(range(20))).remembered == 0
    assert runs.completed(linked(range(20))).remembered == 18


def test_a_link_that_is_removed_while_an_import_runs_is_made_again_the_next_night(runs: Runs) -> None:
    runs.completed("name,resource\nList,contact\nTeam,contact\n", "group")
    runs.completed(linked(range(20)))
    second = runs.check(runs.register(linked(range(20), changed=(7,))))
    assert runs.query(
        "DELETE FROM memberships m USING contacts c WHERE m.organization_id = %s AND c.external_id = 'E-12'"
        " AND c.organization_id = m.organization_id AND c.id = m.member_id RETURNING 1",
        runs.organization,
    )
    assert counts(runs.finish(second)) == (0, 1, 19, 0)
    assert members(runs, "List") == 18
    runs.completed(linked(range(20), changed=(7,)))
    assert members(runs, "List") == 19
