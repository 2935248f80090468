"""Rows that name groups or locations are remembered as long as nobody else changes these, or links to them."""

from __future__ import annotations

import pytest

from imports_pipeline.database.editions import reading_records
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


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM memberships WHERE organization_id = %s",
        "UPDATE groups SET name = name || '!' WHERE organization_id = %s AND name = 'Team'",
    ],
)
def test_every_row_is_read_after_groups_or_memberships_were_changed(runs: Runs, change: str) -> None:
    runs.completed("name,resource\nList,contact\nTeam,contact\n", "group")
    runs.completed(linked(range(20)))
    with runs.workflow.database.connect() as connection, reading_records(connection, runs.organization):
        connection.execute(change, (runs.organization,))  # type: ignore[arg-type]
    again = runs.completed(linked(range(20)))
    assert (counts(again)[0], again.remembered, members(runs, "List")) == (0, 0, 20)
    assert (
        "groups, locations or links to them were written since the last file of this kind"
        in again.notices[0]["message"]
    )
    assert runs.completed(linked(range(20))).remembered == 18


def test_groups_that_are_changed_while_an_import_runs_leave_no_memory(runs: Runs) -> None:
    runs.completed("name,resource\nList,contact\nTeam,contact\n", "group")
    second = runs.check(runs.register(linked(range(20))))
    with runs.workflow.database.connect() as connection, reading_records(connection, runs.organization):
        connection.execute(
            "UPDATE groups SET external_id = name WHERE organization_id = %s", (runs.organization,)
        )
    assert runs.finish(second).status is Status.COMPLETED
    assert runs.completed(linked(range(20))).remembered == 0
    assert runs.completed(linked(range(20))).remembered == 18
