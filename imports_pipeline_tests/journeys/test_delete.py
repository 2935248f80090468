"""Delete: the records whose ids the file names go, and nothing else."""

from __future__ import annotations

import pytest

from imports_pipeline.model import ids
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.locations("Berlin")
    imports.completed("name,resource\nStaff,contact\nSites,location\n", "group")
    imports.completed(
        "name,email,groups,locations\nAnn,ann@example.com,Staff,Berlin\n"
        "Bob,bob@example.com,Staff,\nCid,cid@example.com,,\n"
    )
    return imports


@pytest.mark.parametrize("mode", ["mixed", "sync"])
@pytest.mark.parametrize("policy", ["ignore_all", "use_first"])
def test_contacts_go_with_their_links(stored: Imports, mode: str, policy: str) -> None:
    ann, cid = stored.one("Ann"), stored.one("Cid")
    import_ = stored.completed(
        f"id\n{ann['id']}\n{cid['id'].upper()}\n", action="delete", mode=mode, duplicate_handling=policy
    )
    assert import_.stats == {
        "created": 0, "updated": 0, "unchanged": 0, "deleted": 2, "overwritten": 0, "rejected": 0,
    }  # fmt: skip
    assert stored.names() == ["Bob"]
    assert stored.one("Staff", "group")["children"] == ["Bob"]
    assert stored.query("SELECT FROM contact_locations WHERE organization_id = %s", stored.organization) == []


@pytest.mark.parametrize("mode", ["mixed", "sync"])
def test_groups_go_with_their_memberships(stored: Imports, mode: str) -> None:
    staff = stored.one("Staff", "group")
    before = stored.one("Ann")
    stored.completed(f"id\n{staff['id']}\n", "group", action="delete", mode=mode)
    assert stored.names("group") == ["Sites"]
    assert stored.one("Ann") == {**before, "groups": []}
    assert stored.query("SELECT FROM memberships WHERE organization_id = %s", stored.organization) == []


def test_rows_that_name_nothing_are_rejected(stored: Imports) -> None:
    ann, staff = stored.one("Ann"), stored.one("Staff", "group")
    unknown = ids.new_id(ids.CONTACT)
    import_ = stored.run(
        f"id,name\n{ann['id']},\n{unknown},Bob\n,Bob\nAnn,Ann\n{staff['id']},\n", action="delete"
    )
    assert import_.status is Status.COMPLETED
    assert stored.codes(import_) == {
        3: ["unknown_id"],
        4: ["required_value"],
        5: ["invalid_id"],
        6: ["invalid_id"],
    }
    assert stored.names() == ["Bob", "Cid"]


def test_other_columns_are_neither_needed_nor_judged(stored: Imports) -> None:
    ann = stored.one("Ann")
    import_ = stored.completed(
        f"id,email,is_primary,groups\n{ann['id']},nonsense,perhaps,Nowhere\n", action="delete"
    )
    assert import_.stats["deleted"] == 1


def test_an_id_is_needed(stored: Imports) -> None:
    before = stored.state()
    import_ = stored.run("name,email\nAnn,ann@example.com\n", action="delete")
    assert (import_.status, import_.code) == (Status.FAILED, "missing_column")
    assert stored.state() == before


def test_nothing_to_delete_fails_and_deletes_nothing(stored: Imports) -> None:
    before = stored.state()
    import_ = stored.run(f"id\n{ids.new_id(ids.CONTACT)}\n", action="delete")
    assert (import_.status, import_.code) == (Status.FAILED, "no_valid_row")
    assert stored.codes(import_) == {2: ["unknown_id"]}
    assert stored.state() == before


@pytest.mark.parametrize(("policy", "left"), [("ignore_all", ["Ann", "Bob"]), ("use_first", ["Bob"])])
def test_an_id_given_twice(stored: Imports, policy: str, left: list[str]) -> None:
    ann, cid = stored.one("Ann"), stored.one("Cid")
    import_ = stored.run(
        f"id\n{ann['id']}\n{cid['id']}\n{ann['id'].upper()}\n", action="delete", duplicate_handling=policy
    )
    assert set(stored.codes(import_)) == ({2, 4} if policy == "ignore_all" else {4})
    assert stored.names() == left
