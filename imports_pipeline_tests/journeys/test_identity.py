"""Identity: which stored record a row stands for."""

from __future__ import annotations

import pytest

from imports_pipeline.model import ids
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.completed(
        "name,email,phone,external_id\nAnn,Ann@Example.com,+4930901820,E-1\nBob,bob@example.com,+4930901821,E-2\n"
        "Twin,,+4930901822,T-1\nTwin,,+4930901822,T-2\n"
    )
    imports.completed("name,resource,external_id\nStaff,contact,G-1\nStaff,location,G-2\n", "group")
    return imports


#: what a row fills in → the columns and the row, and match_on.
WAYS = {
    "id": ("id", "{id}", ""),
    "id in upper case": ("id", "{ID}", ""),
    "external_id": ("external_id", "E-1", ""),
    "email": ("email", "Ann@example.com", ""),
    "email in another case": ("email", "ANN@EXAMPLE.COM", ""),
    "all of them": ("id,external_id,email", "{id},E-1,ann@example.com", ""),
    "phone": ("phone", "+49 30 901820", "phone"),
    "phone after an empty email": ("email,phone", ",+49 30 901820", "email,phone"),
    "name": ("name", "Ann", "name"),
    "an id though it is not in match_on": ("id,email", "{id},", "email"),
}


@pytest.mark.parametrize("case", WAYS)
def test_a_row_is_matched(stored: Imports, case: str) -> None:
    columns, row, match_on = WAYS[case]
    ann = stored.one("Ann")
    content = f"{columns},notes\n{row.format(id=ann['id'], ID=ann['id'].upper())},found\n"
    import_ = stored.completed(content, match_on=match_on)
    assert (import_.stats["updated"], import_.stats["created"]) == (1, 0)
    assert stored.one("Ann")["notes"] == "found"
    assert stored.one("Ann")["id"] == ann["id"]


@pytest.mark.parametrize(
    ("row", "name"),
    [("G-1,,", "contact"), (",Staff,location", "location"), ("G-2,Staff,location", "location")],
)
def test_a_group_is_matched(stored: Imports, row: str, name: str) -> None:
    import_ = stored.completed(f"external_id,name,resource,metadata.found\n{row},yes\n", "group")
    assert import_.stats["updated"] == 1
    found = [
        record["resource"] for record in stored.records("group") if record["metadata"] == {"found": "yes"}
    ]
    assert found == [name]


def test_the_first_key_that_is_filled_in_decides(stored: Imports) -> None:
    import_ = stored.completed("name,external_id,email\nNew,E-9,bob@example.com\n", match_on="external_id")
    assert import_.stats["created"] == 1
    assert stored.one("New")["email"] == "bob@example.com"


def test_a_key_outside_match_on_matches_nothing(stored: Imports) -> None:
    import_ = stored.completed("name,email\nAnn,new@example.com\n")
    assert import_.stats["created"] == 1, "a name alone is no identity"
    import_ = stored.run("name,external_id\nNew,E-1\n", match_on="email")
    assert stored.codes(import_) == {2: ["value_taken"]}


def test_more_than_one_stored_match_is_ambiguous(stored: Imports) -> None:
    before = stored.records()
    import_ = stored.run("name,phone,notes\nTwin,+4930901822,x\nAnn,+4930901820,\n", match_on="phone")
    assert stored.codes(import_) == {2: ["ambiguous_identity"]}
    (error,) = stored.errors(import_)[0]["errors"]
    for twin in [record for record in before if record["name"] == "Twin"]:
        assert twin["id"] in error["message"]
    assert stored.records() == before


CONFLICTS = {
    "external_id and email": ("contact", "external_id,email", "E-1,bob@example.com", ""),
    "id and external_id": ("contact", "id,external_id", "{Ann},E-2", ""),
    "id and email": ("contact", "id,email", "{Ann},bob@example.com", ""),
    "id and email, matched on email": ("contact", "id,email", "{Ann},bob@example.com", "email"),
    "email and phone": ("contact", "email,phone", "ann@example.com,+4930901821", "email,phone"),
    "external_id and name": ("group", "external_id,name,resource", "G-1,Staff,location", ""),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_keys_of_two_records_conflict(stored: Imports, case: str) -> None:
    resource, columns, row, match_on = CONFLICTS[case]
    before = stored.records(resource)
    row = row.format(Ann=stored.one("Ann")["id"])
    good = {"contact": "id,name\n,New", "group": "name,resource\nNew,contact"}[resource]
    stored.completed(good, resource)
    import_ = stored.run(f"{columns},metadata.x\n{row},1\n", resource, match_on=match_on)
    assert import_.status is Status.FAILED
    assert stored.codes(import_) == {2: ["conflicting_identity"]}
    assert stored.errors(import_)[0]["phase"] == "transforming"
    assert [one for one in stored.records(resource) if one["name"] != "New"] == before


def test_people_who_swap_emails_are_told_what_to_do(imports: Imports) -> None:
    imports.completed("external_id,name,email\n1,Ann,ann@example.org\n2,Bob,bob@example.org\n")
    swapped = "external_id,name,email\n1,Ann,bob@example.org\n2,Bob,ann@example.org\n"
    of = {record["name"]: record["id"] for record in imports.records()}
    with_id = f"id,name,email\n{of['Ann']},Ann,bob@example.org\n{of['Bob']},Bob,ann@example.org\n"
    for content, remedy in ((swapped, "external_id"), (with_id, "id")):
        import_ = imports.run(content)
        assert imports.codes(import_) == {2: ["conflicting_identity"], 3: ["conflicting_identity"]}
        (error,) = imports.errors(import_)[0]["errors"]
        assert f"import with `match_on {remedy}`" in error["message"]
        assert imports.completed(content, match_on=remedy).stats["updated"] == 2
        imports.completed(
            "external_id,name,email\n1,Ann,ann@example.org\n2,Bob,bob@example.org\n", match_on="external_id"
        )
    # A value that must be unique stays taken whatever is matched on, so no other key is named.
    import_ = imports.run(f"id,external_id\n{of['Ann']},2\n")
    (error,) = imports.errors(import_)[0]["errors"]
    assert "match_on" not in error["message"]


@pytest.mark.parametrize(("resource", "prefix"), [("contact", ids.CONTACT), ("group", ids.GROUP)])
def test_an_unknown_id_never_creates(stored: Imports, resource: str, prefix: str) -> None:
    import_ = stored.run(
        f"id,name,external_id,resource\n{ids.new_id(prefix)},Ann,E-1,contact\n,New,N-1,contact\n", resource
    )
    assert stored.codes(import_) == {2: ["unknown_id"]}
    assert stored.errors(import_)[0]["phase"] == "validation"
    assert "New" in stored.names(resource)


def test_a_row_that_matches_nothing_needs_what_creates(stored: Imports) -> None:
    import_ = stored.run("external_id,notes\nE-1,x\nE-9,x\n")
    assert stored.codes(import_) == {3: ["nothing_to_create_from"]}
    import_ = stored.run("external_id,name,resource\nG-1,Renamed,\nG-9,New,\n", "group")
    assert stored.codes(import_) == {3: ["nothing_to_create_from"]}
    assert stored.names("group") == ["Renamed", "Staff"]


def test_a_unique_value_of_another_record_is_taken(stored: Imports) -> None:
    ann = stored.one("Ann")
    import_ = stored.run(f"id,external_id\n{ann['id']},E-2\n", match_on="id")
    assert stored.codes(import_) == {2: ["value_taken"]}
    assert stored.one("Ann") == ann
    group = stored.records("group")[0]
    stored.completed("name,resource\nOther,contact\n", "group")
    import_ = stored.run(f"id,name\n{group['id']},Other\n", "group")
    assert stored.codes(import_) == {2: ["value_taken"]}


def test_the_resource_of_a_group_never_changes(stored: Imports) -> None:
    import_ = stored.run("external_id,name,resource\nG-1,Crew,location\nG-2,Places,location\n", "group")
    assert stored.codes(import_) == {2: ["immutable_field"]}
    assert stored.names("group") == ["Places", "Staff"]


def test_a_key_can_be_given_to_a_record(stored: Imports) -> None:
    stored.completed("email,external_id\nann@example.com,E-9\n", match_on="email")
    assert stored.one("Ann")["external_id"] == "E-9"
