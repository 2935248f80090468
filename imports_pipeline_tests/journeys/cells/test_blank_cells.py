"""Blank cells and absent columns: what keeps the stored value, and what empties it."""

from __future__ import annotations

import pytest

from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.locations("Berlin")
    imports.completed("name,resource,location,metadata.a,metadata.b\nStaff,contact,Berlin,1,2\n", "group")
    imports.completed(
        "name,email,phone,external_id,is_primary,notes,alternate_emails.work,alternate_emails.social,"
        "alternate_phones.home,alternate_names.0,alternate_addresses.work_line2,metadata.a,metadata.b,groups,locations\n"
        "Ann,ann@example.com,+4930901820,E-1,yes,old,w@example.com,s@example.com,+4930901821,Annie,2nd,1,2,Staff,Berlin\n"
    )
    return imports


ALL = (
    "external_id,name,email,phone,is_primary,notes,alternate_emails.work,alternate_phones.home,"
    "alternate_names.0,alternate_addresses.work_line2,metadata.a,groups,locations\n"
)
BLANK = f"{ALL}E-1,Ann{',' * 11}\n"


def test_a_blank_cell_says_nothing(stored: Imports) -> None:
    before = stored.records()
    assert stored.completed(BLANK).stats["unchanged"] == 1
    assert stored.completed(BLANK, blank_cells="keep").stats["unchanged"] == 1
    assert stored.records() == before


def test_a_blank_cell_clears_if_told_to(stored: Imports) -> None:
    before = stored.one("Ann")
    assert stored.completed(BLANK, blank_cells="clear").stats["updated"] == 1
    ann = stored.one("Ann")
    for name in ("email", "phone", "is_primary", "notes"):
        assert ann[name] is None, name
    assert ann["alternate_emails"] == {"social": "s@example.com"}, "the key of an absent column stays"
    assert ann["alternate_phones"] == ann["alternate_names"] == ann["alternate_addresses"] == {}
    assert ann["metadata"] == {"b": "2"}
    assert (ann["groups"], ann["locations"]) == ([], [])
    assert (ann["id"], ann["external_id"]) == (before["id"], "E-1")
    assert stored.completed(BLANK, blank_cells="clear").stats["unchanged"] == 1
    assert stored.one("Ann") == ann


@pytest.mark.parametrize("blank", ["", "  ", "\u00a0", '""', '" "'])
def test_white_space_is_blank(stored: Imports, blank: str) -> None:
    stored.completed(f"external_id,notes,email\nE-1,{blank},\n", blank_cells="clear")
    assert (stored.one("Ann")["notes"], stored.one("Ann")["email"]) == (None, None)


def test_what_is_required_cannot_be_cleared(stored: Imports) -> None:
    before = stored.records()
    import_ = stored.run("external_id,name,notes\nE-1,,x\n,New,x\n", blank_cells="clear")
    assert stored.codes(import_) == {2: ["required_value"]}
    assert [record for record in stored.records() if record["name"] == "Ann"] == before


def test_an_absent_column_never_clears(stored: Imports) -> None:
    before = stored.one("Ann")
    stored.completed("external_id,notes\nE-1,\n", blank_cells="clear")
    ann = stored.one("Ann")
    changed = {name for name in ann if ann[name] != before[name]}
    assert changed == {"notes", "updated_at", "updated_by", "xmin", "ctid"}


def test_keys_of_an_object_are_merged(stored: Imports) -> None:
    stored.completed(
        "external_id,metadata.b,metadata.c,metadata.Großer Schlüssel,alternate_emails.work\n"
        "E-1,new,3,ja,W@example.com\n"
    )
    ann = stored.one("Ann")
    assert ann["metadata"] == {"a": "1", "b": "new", "c": "3", "Großer Schlüssel": "ja"}
    assert ann["alternate_emails"] == {"work": "W@example.com", "social": "s@example.com"}


def test_more_keys_than_one_call_takes(stored: Imports) -> None:
    keys = [f"k{number}" for number in range(130)]
    content = f"external_id,{','.join(f'metadata.{key}' for key in keys)}\nE-1,{','.join(str(n) for n in range(130))}\n"
    stored.completed(content)
    assert stored.one("Ann")["metadata"] == {"a": "1", "b": "2"} | {key: key[1:] for key in keys}
    assert stored.completed(content).stats["unchanged"] == 1


@pytest.mark.parametrize("blank_cells", ["keep", "clear"])
def test_a_new_record_takes_what_is_filled_in(imports: Imports, blank_cells: str) -> None:
    imports.completed("name,email,is_primary,metadata.a,metadata.b\nNew,,,,x\n", blank_cells=blank_cells)
    new = imports.one("New")
    assert (new["email"], new["is_primary"], new["metadata"]) == (None, None, {"b": "x"})


def test_groups(stored: Imports) -> None:
    content = "name,resource,external_id,location,children,metadata.a\nStaff,contact,,,,\n"
    assert stored.completed(content, "group").stats["unchanged"] == 1
    assert stored.completed(content, "group", blank_cells="clear").stats["updated"] == 1
    staff = stored.one("Staff", "group")
    assert (staff["location"], staff["children"], staff["metadata"]) == (None, [], {"b": "2"})


def test_a_file_that_keeps_everything_of_an_overwritten_record(stored: Imports) -> None:
    before = stored.records()
    stored.completed("external_id\nE-1\n", action="overwrite")
    assert stored.records() == before, "overwrite removes records, not values"


def test_a_name_of_two_columns_may_be_blank_in_both(imports: Imports) -> None:
    import_ = imports.run(
        "First Name,Last Name,Email\nAda,,ada@example.com\n,,blank@example.com\n,Hopper,grace@example.com\n"
        "Alan,Turing,alan@example.com\n"
    )
    assert imports.codes(import_) == {3: ["nothing_to_create_from"]}
    assert imports.names() == ["Ada", "Alan Turing", "Hopper"]


def test_a_blank_cell_of_locations_leaves_the_contact_in_the_location_of_the_import(imports: Imports) -> None:
    place = imports.locations("Oslo", "Rome")
    imports.completed("name,external_id,locations\nAnn,1,Rome\nBob,2,Oslo\n")
    done = imports.completed(
        "name,external_id,locations\nAnn,1,\nBob,2,\nNew,3,\nCid,4,Rome\n",
        blank_cells="clear",
        location_id=place["Oslo"],
    )
    assert (done.stats["updated"], done.stats["unchanged"], done.stats["created"]) == (1, 1, 2)
    assert {record["name"]: record["locations"] for record in imports.records()} == {
        "Ann": ["Oslo"], "Bob": ["Oslo"], "New": ["Oslo"], "Cid": ["Rome"],
    }  # fmt: skip
