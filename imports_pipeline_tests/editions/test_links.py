"""Links of records that a large write created, and that other imports made since."""

from __future__ import annotations

from dataclasses import replace

from imports_pipeline_tests.editions.conftest import ALWAYS
from imports_pipeline_tests.overwrite import Runs


def test_a_revert_removes_the_members_that_its_groups_have_got_since(runs: Runs, in_place: Runs) -> None:
    """Going back to the replaced table alone would leave members of groups that no longer exist."""
    runs.workflow = replace(runs.workflow, large_writes=replace(ALWAYS, least_created=1))
    for each in (runs, in_place):
        groups = each.completed("name,resource\nA,contact\nB,contact\n", "group")
        each.completed('name,email,groups\nAnn,ann@example.com,"A,B"\nBob,bob@example.com,A\n')
        members = "SELECT count(*) AS n FROM memberships WHERE organization_id = %s"
        assert each.query(members, each.organization) == [{"n": 3}]
        assert each.revert(groups).plan["deleted"] == 2
        assert each.records("group") == []
        assert each.query(members, each.organization) == [{"n": 0}]
