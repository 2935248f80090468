"""Merge: creates what is new, updates what is there, leaves alone what is equal, deletes nothing."""

from __future__ import annotations

import pytest

from imports_pipeline.model.phases import PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

CONTACTS = """\
name,email,phone,address,external_id,is_primary,notes,alternate_emails.work,alternate_names.0,metadata.team
Ann,ann@example.com,+49 30 901820,1 Road,E-1,yes,"likes, commas",ann@work.example.com,Annie,red
Bob,bob@example.com,,,E-2,no,,,,
"""


def test_a_contact_gets_every_value(imports: Imports) -> None:
    import_ = imports.completed(CONTACTS)
    assert import_.stats == {
        "created": 2, "updated": 0, "unchanged": 0, "deleted": 0, "overwritten": 0, "rejected": 0,
    }  # fmt: skip
    ann = imports.one("Ann")
    assert ann["id"].startswith("ctct_")
    assert ann["email"] == "ann@example.com"
    assert ann["phone"] == "+4930901820"
    assert ann["address"] == "1 Road"
    assert ann["external_id"] == "E-1"
    assert ann["is_primary"] is True
    assert ann["notes"] == "likes, commas"
    assert ann["alternate_emails"] == {"work": "ann@work.example.com"}
    assert ann["alternate_names"] == {"0": "Annie"}
    assert ann["metadata"] == {"team": "red"}
    assert ann["updated_by"] == import_.id
    bob = imports.one("Bob")
    assert (bob["phone"], bob["is_primary"], bob["metadata"]) == (None, False, {})


@pytest.mark.parametrize("mode", ["mixed", "sync"])
@pytest.mark.parametrize("policy", ["ignore_all", "use_first"])
def test_the_same_file_again_writes_nothing(imports: Imports, mode: str, policy: str) -> None:
    imports.completed(CONTACTS, mode=mode, duplicate_handling=policy)
    before = imports.records()
    import_ = imports.completed(CONTACTS, mode=mode, duplicate_handling=policy)
    assert import_.stats["unchanged"] == 2
    assert imports.records() == before, "neither a value, updated_at, nor the physical row moves"


def test_only_what_differs_is_written(imports: Imports) -> None:
    imports.completed(CONTACTS)
    before = imports.one("Bob")
    import_ = imports.completed("external_id,notes\nE-1,new\nE-2,\n")
    assert (import_.stats["updated"], import_.stats["unchanged"]) == (1, 1)
    ann = imports.one("Ann")
    assert ann["notes"] == "new"
    assert ann["updated_at"] > ann["created_at"]
    assert ann["updated_by"] == import_.id
    assert ann["email"] == "ann@example.com", "a column that the file lacks changes nothing"
    assert imports.one("Bob") == before


def test_new_and_known_rows_of_one_file(imports: Imports) -> None:
    imports.completed(CONTACTS)
    import_ = imports.completed(
        "name,email,notes\nAnn,ann@example.com,x\nBob,bob@example.com,\nCid,cid@example.com,\n",
        save_result=True,
    )
    assert imports.result(import_) == {2: "updated", 3: "unchanged", 4: "created"}
    assert imports.names() == ["Ann", "Bob", "Cid"]


def test_a_group_gets_every_value(imports: Imports) -> None:
    imports.locations("Berlin")
    imports.completed("name,locations\nAnn,Berlin\nBob,Berlin\n")
    import_ = imports.completed(
        "name,resource,external_id,location,children,metadata.floor\n"
        'Staff,contact,G-1,Berlin,"Ann,Bob",3\n'
        "Sites,location,G-2,,Berlin,\n",
        "group",
    )
    assert import_.stats["created"] == 2
    staff, sites = imports.one("Staff", "group"), imports.one("Sites", "group")
    assert staff["id"].startswith("grp_")
    assert (staff["resource"], staff["external_id"], staff["metadata"]) == ("contact", "G-1", {"floor": "3"})
    assert (staff["location"], staff["children"]) == ("Berlin", ["Ann", "Bob"])
    assert (sites["resource"], sites["location"], sites["children"]) == ("location", None, ["Berlin"])
    assert imports.one("Ann")["groups"] == ["Staff"]


@pytest.mark.parametrize("mode", ["mixed", "sync"])
def test_groups_again_write_nothing(imports: Imports, mode: str) -> None:
    imports.completed("name,email\nAnn,ann@example.com\n")
    content = "name,resource,children\nStaff,contact,ann@example.com\nSites,location,\n"
    imports.completed(content, "group", mode=mode)
    before = imports.records("group")
    assert imports.completed(content, "group", mode=mode).stats["unchanged"] == 2
    assert imports.records("group") == before


def test_phases_say_who_waited(imports: Imports) -> None:
    modes = {
        mode: [one["mode"] for one in imports.run(CONTACTS, mode=mode).phases] for mode in ("mixed", "sync")
    }
    assert modes == {"mixed": ["sync"] * 5 + ["async"] * 2, "sync": ["sync"] * 7}


def test_a_mixed_import_waits_as_queued(imports: Imports) -> None:
    import_ = imports.check(imports.register(CONTACTS))
    assert import_.status is Status.QUEUED
    assert [one["name"] for one in import_.phases] == list(PHASES[:5])
    assert import_.plan is not None
    assert import_.plan["created"] == 2
    assert imports.records() == []
    assert imports.write(import_).status is Status.COMPLETED
    assert imports.names() == ["Ann", "Bob"]


def test_organizations_share_nothing(imports: Imports, organization: str) -> None:
    imports.completed(CONTACTS)
    mine = imports.records()
    other = Imports(imports.workflow, f"{organization}-other", imports.folder)
    assert other.completed(CONTACTS).stats["created"] == 2
    theirs = other.records()
    assert {record["id"] for record in mine}.isdisjoint(record["id"] for record in theirs)

    foreign = other.run(f"id,name\n{mine[0]['id']},Eve\n,New\n")
    assert other.codes(foreign) == {2: ["unknown_id"]}
    assert other.run(f"id\n{mine[0]['id']}\n", action="delete").status is Status.FAILED
    other.completed("name,email\nAnn,ann@example.com\n", action="overwrite")
    assert other.names() == ["Ann"]
    assert imports.records() == mine


def test_an_upload_is_kept_only_if_wanted(imports: Imports) -> None:
    kept, gone = imports.completed(CONTACTS), imports.completed(CONTACTS, save_upload=False)
    assert (kept.has_upload_file, imports.has_upload(kept)) == (True, True)
    assert (gone.has_upload_file, imports.has_upload(gone)) == (False, False)
    assert kept.checksum == gone.checksum


def test_a_column_that_is_left_out_changes_nothing(imports: Imports) -> None:
    imports.completed(CONTACTS)
    import_ = imports.completed(
        "external_id,name,notes\nE-1,Anne,nothing\n", column_mapping={"_1": "notes"}, unknown_columns="reject"
    )
    assert import_.stats["updated"] == 1
    assert imports.one("Anne")["notes"] == "likes, commas"
    assert set(import_.detected["columns"]) == {"external_id", "name"}
    assert not import_.notices
