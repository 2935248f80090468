"""Overwrite: a merge, and then every other record of the scope goes; a bad row never causes a deletion."""

from __future__ import annotations

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

THREE = """\
name,email,phone,external_id
Ann,ann@example.com,+4930901820,E-1
Bob,bob@example.com,+4930901821,E-2
Cid,cid@example.com,+4930901822,E-3
"""


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.completed(THREE)
    return imports


@pytest.mark.parametrize("mode", ["mixed", "sync"])
@pytest.mark.parametrize("policy", ["ignore_all", "use_first"])
def test_what_the_file_does_not_name_goes(stored: Imports, mode: str, policy: str) -> None:
    import_ = stored.completed(
        "name,email,notes\nAnn,ann@example.com,\nBob,bob@example.com,new\nDan,dan@example.com,\n",
        action="overwrite",
        mode=mode,
        duplicate_handling=policy,
    )
    assert import_.stats == {
        "created": 1, "updated": 1, "unchanged": 1, "deleted": 0, "overwritten": 1, "rejected": 0,
    }  # fmt: skip
    assert import_.plan is not None
    assert import_.plan["scope"] == 3
    assert stored.names() == ["Ann", "Bob", "Dan"]


def test_the_same_file_again_removes_nothing(stored: Imports) -> None:
    before = stored.records()
    import_ = stored.completed(THREE, action="overwrite")
    assert (import_.stats["unchanged"], import_.stats["overwritten"]) == (3, 0)
    assert stored.records() == before


@pytest.mark.parametrize("mode", ["mixed", "sync"])
def test_groups(imports: Imports, mode: str) -> None:
    imports.completed("name,email\nAnn,ann@example.com\n")
    imports.completed(
        "name,resource,children\nStaff,contact,ann@example.com\nOld,contact,ann@example.com\nSites,location,\n",
        "group",
    )
    import_ = imports.completed(
        "name,resource\nStaff,contact\nNew,location\n", "group", action="overwrite", mode=mode
    )
    assert (import_.stats["created"], import_.stats["unchanged"], import_.stats["overwritten"]) == (1, 1, 2)
    assert imports.names("group") == ["New", "Staff"]
    assert imports.one("Ann")["groups"] == ["Staff"]
    assert len(imports.query("SELECT FROM memberships WHERE organization_id = %s", imports.organization)) == 1


def test_links_go_with_their_contact(imports: Imports) -> None:
    imports.locations("Berlin")
    imports.completed("name,resource\nStaff,contact\n", "group")
    imports.completed(
        "name,email,groups,locations\nAnn,ann@example.com,Staff,Berlin\nBob,bob@example.com,,\n"
    )
    imports.completed("name,email\nBob,bob@example.com\n", action="overwrite")
    assert imports.one("Staff", "group")["children"] == []
    for table in ("memberships", "contact_locations"):
        assert imports.query(f"SELECT FROM {table} WHERE organization_id = %s", imports.organization) == []


def test_no_valid_row_removes_nothing(stored: Imports) -> None:
    before = stored.state()
    import_ = stored.run("name,email\nAnn,no address\n", action="overwrite")
    assert (import_.status, import_.code) == (Status.FAILED, "no_valid_row")
    assert stored.state() == before


#: what rejects → header and row for Bob under another name, beside a good row for a new record.
REJECTED = {
    "prevalidation by id": ("id,is_primary", "{id},perhaps"),
    "prevalidation by external_id": ("external_id,is_primary", "E-2,perhaps"),
    "prevalidation by email": ("email,is_primary", "BOB@example.com,perhaps"),
    "prevalidation by an address in another spelling": ("email,is_primary", "bob@EXAMPLE.com\u200b,perhaps"),
    "prevalidation by spaced external_id": ("external_id,is_primary", "\u200b E-2\u00a0,perhaps"),
    "prevalidation of a mistyped email": ("email,notes", "bob@example,"),
    "too many cells": ("external_id,is_primary", "E-2,yes,no"),
    "too few cells": ("is_primary,external_id,notes", "yes,E-2"),
    "text after a quote": ("notes,external_id", '"so" said,E-2'),
    "an unclosed quote before the identity": ("notes,external_id", '"so,E-2'),
    "an unclosed quote after the identity": ("external_id,notes", 'E-2,"so'),
    "validation": ("external_id,groups.add", "E-2,Nowhere"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_the_record_of_a_rejected_row_stays(stored: Imports, case: str) -> None:
    header, row = REJECTED[case]
    bob = stored.one("Bob")
    blank, name = "," * header.count(","), "Bob" if "mistyped" in case else "Robert"
    content = f"name,{header}\n{name},{row.format(**bob)}\nDan,{blank}\n"
    # A new record is the good row; of the three stored ones only Bob's is named, by a bad row.
    import_ = stored.run(content, action="overwrite")
    assert import_.status is Status.COMPLETED, import_.reason
    assert list(stored.codes(import_)) == [2]
    assert stored.names() == ["Bob", "Dan"]
    assert stored.one("Bob") == bob


@pytest.mark.parametrize("policy", ["ignore_all", "use_first"])
def test_the_record_of_a_duplicate_stays(stored: Imports, policy: str) -> None:
    import_ = stored.run(
        "name,external_id,email\nBob,E-2,bob@example.com\nBob,E-2,\nAnn,E-1,\n",
        action="overwrite",
        duplicate_handling=policy,
    )
    assert import_.stats["rejected"] == (2 if policy == "ignore_all" else 1)
    assert stored.names() == ["Ann", "Bob"]


def test_the_record_of_two_rows_by_different_keys_stays(stored: Imports) -> None:
    bob = stored.one("Bob")
    import_ = stored.run(
        f"id,external_id,email,name\n{bob['id']},,,B\n,E-2,,B\n,E-1,,Ann\n", action="overwrite"
    )
    assert stored.codes(import_) == {2: ["duplicate_record"], 3: ["duplicate_record"]}
    assert stored.names() == ["Ann", "Bob"]


def test_records_of_conflicting_and_ambiguous_rows_stay(stored: Imports) -> None:
    stored.completed(
        "name,email,external_id\nTwin,twin@example.com,T-1\nTwin,twin@example.com,T-2\n",
        match_on="external_id",
    )
    import_ = stored.run(
        "name,email,external_id\nX,bob@example.com,E-3\nX,twin@example.com,\nAnn,ann@example.com,\n",
        action="overwrite",
    )
    assert stored.codes(import_) == {2: ["conflicting_identity"], 3: ["ambiguous_identity"]}
    assert stored.names() == ["Ann", "Bob", "Cid", "Twin", "Twin"]


def test_a_rejected_row_matched_by_phone_protects_in_any_spelling(stored: Imports) -> None:
    import_ = stored.run(
        "name,phone,is_primary\nBob,030 901821,perhaps\nAnn,030 901820,\n",
        action="overwrite",
        match_on="phone",
        default_region="DE",
    )
    assert stored.codes(import_) == {2: ["invalid_boolean"]}
    assert stored.names() == ["Ann", "Bob"]


def test_a_rejected_row_of_a_group_protects_it(imports: Imports) -> None:
    imports.completed("name,resource,external_id\nStaff,contact,G-1\nOld,contact,G-2\n", "group")
    import_ = imports.run(
        "name,resource,external_id\nStaff,furniture,\nNew,contact,\n", "group", action="overwrite"
    )
    assert imports.codes(import_) == {2: ["invalid_choice"]}
    assert imports.names("group") == ["New", "Staff"]


def test_scope_of_a_location_contacts(imports: Imports) -> None:
    places = imports.locations("Berlin", "Oslo")
    imports.completed(
        "name,email,locations\nAnn,ann@example.com,Berlin\nBob,bob@example.com,Berlin\n"
        'Cid,cid@example.com,Oslo\nDan,dan@example.com,\nEve,eve@example.com,"Berlin,Oslo"\n'
    )
    import_ = imports.completed(
        "name,email\nAnn,ann@example.com\nDan,dan@example.com\nNew,new@example.com\n",
        action="overwrite",
        location_id=places["Berlin"],
    )
    assert import_.stats == {
        "created": 1, "updated": 1, "unchanged": 1, "deleted": 0, "overwritten": 2, "rejected": 0,
    }  # fmt: skip
    assert import_.plan is not None
    assert import_.plan["scope"] == 3
    assert {record["name"]: record["locations"] for record in imports.records()} == {
        "Ann": ["Berlin"], "Cid": ["Oslo"], "Dan": ["Berlin"], "New": ["Berlin"],
    }  # fmt: skip


def test_scope_of_a_location_groups(imports: Imports) -> None:
    places = imports.locations("Berlin", "Oslo")
    imports.completed(
        "name,resource,location\nA,contact,Berlin\nB,contact,Berlin\nC,contact,Oslo\nD,contact,\nE,location,\n",
        "group",
    )
    import_ = imports.completed(
        "name,resource\nA,contact\nNew,contact\n", "group", action="overwrite", location_id=places["Berlin"]
    )
    assert (import_.stats["created"], import_.stats["overwritten"]) == (1, 1)
    assert {record["name"]: record["location"] for record in imports.records("group")} == {
        "A": "Berlin", "C": "Oslo", "D": None, "E": None, "New": "Berlin",
    }  # fmt: skip


def test_an_unknown_location_fails(stored: Imports, organization: str) -> None:
    other = Imports(stored.workflow, f"{organization}-other", stored.folder)
    foreign = other.locations("Berlin")["Berlin"]
    before = stored.state()
    import_ = stored.run(THREE, action="overwrite", location_id=foreign)
    assert (import_.status, import_.code) == (Status.FAILED, "unknown_location")
    assert stored.state() == before


def test_a_name_of_two_columns_protects_also_beside_rows_without_one(imports: Imports) -> None:
    """Rejected rows without any name must not shift whose record the others protect."""
    imports.completed(
        "name,email\nAnn Lee,ann@example.com\nBob Ray,bob@example.com\nCid Fox,cid@example.com\n"
    )
    import_ = imports.run(
        "First Name,Last Name,Email,Phone\n,,dot@example.com,nonsense\nAnn,Lee,,nonsense\n,,,nonsense\n"
        "Bob,Ray,,nonsense\nCid,Fox,cid@example.com,\n",
        action="overwrite",
        max_deletions=3,
    )
    assert (import_.status, import_.stats["overwritten"]) == ("completed", 0)
    assert imports.names() == ["Ann Lee", "Bob Ray", "Cid Fox"]
