"""References: the ways to name another record, and what happens where it is not there or not the only one."""

from __future__ import annotations

import pytest

from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.locations("Berlin", "Main, West")
    imports.completed(
        'name,resource,external_id\nStaff,contact,G-1\n"Smith, Sons",contact,"a,b"\n'
        "a@Example.com,contact,\nPlaces,location,L-1\nStaff,location,\n",
        "group",
    )
    imports.completed(
        "name,email,external_id\nAnn,Ann@Example.com,E-1\nTwin,one@example.com,T-1\nTwin,two@example.com,T-2\n"
        '"Lee, Bo",lee@example.com,\n'
    )
    return imports


def cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


GROUPS = {
    "{grp}": ["Staff"],
    "{GRP}": ["Staff"],
    "external_id:G-1": ["Staff"],
    "Staff": ["Staff"],
    "Staff:::": ["Staff"],
    " Staff , external_id:G-1 ,": ["Staff"],
    '"Smith, Sons",Staff': ["Smith, Sons", "Staff"],
    '"external_id:a,b"': ["Smith, Sons"],
    "a@Example.com": ["a@Example.com"],
    "a@Example.com:::": ["a@Example.com"],
}


@pytest.mark.parametrize("reference", GROUPS)
def test_a_group_is_named(stored: Imports, reference: str) -> None:
    (staff,) = stored.query(
        "SELECT id FROM groups WHERE organization_id = %s AND external_id = 'G-1'", stored.organization
    )
    text = reference.format(grp=staff["id"], GRP=staff["id"].upper())
    stored.completed(f"external_id,groups\nE-1,{cell(text)}\n")
    assert stored.one("Ann")["groups"] == GROUPS[reference]


MEMBERS = {
    "{Ann}": ["Ann"],
    "external_id:E-1": ["Ann"],
    "Ann": ["Ann"],
    "ANN@example.com": ["Ann"],
    "Ann:::ann@EXAMPLE.com": ["Ann"],
    "Twin:::two@example.com,Ann": ["Ann", "Twin"],
    '"Lee, Bo"': ["Lee, Bo"],
    '"Lee, Bo":::lee@example.com': ["Lee, Bo"],
}


@pytest.mark.parametrize("reference", MEMBERS)
def test_a_member_is_named(stored: Imports, reference: str) -> None:
    text = reference.format(Ann=stored.one("Ann")["id"])
    stored.completed(f"external_id,children\nG-1,{cell(text)}\n", "group")
    (children,) = [one["children"] for one in stored.records("group") if one["external_id"] == "G-1"]
    assert children == MEMBERS[reference]


@pytest.mark.parametrize("reference", ["Berlin", "{id}", "Berlin:::"])
def test_a_location_is_named(stored: Imports, reference: str) -> None:
    (berlin,) = stored.query(
        "SELECT id FROM locations WHERE organization_id = %s AND name = 'Berlin'", stored.organization
    )
    text = reference.format(id=berlin["id"])
    stored.completed(f"external_id,locations\nE-1,{text}\n")
    stored.completed(f"external_id,location\nG-1,{text}\n", "group")
    assert stored.one("Ann")["locations"] == ["Berlin"]
    assert [one["location"] for one in stored.records("group") if one["external_id"] == "G-1"] == ["Berlin"]


@pytest.mark.parametrize("text", ["Main, West", '"Main, West"'])
def test_the_one_location_of_a_group_is_no_list(stored: Imports, text: str) -> None:
    stored.completed(f"external_id,location\nG-1,{cell(text)}\n", "group")
    assert [one["location"] for one in stored.records("group") if one["external_id"] == "G-1"] == [
        "Main, West"
    ]


#: resource, row key, column, reference → code.
BAD = [
    ("contact", "E-1", "groups.add", "Nowhere", "unknown_group"),
    ("contact", "E-1", "groups", "grp_01h2xcejqtf2nbrexx3vqjhp41", "unknown_group"),
    ("contact", "E-1", "groups", "ctct_01h2xcejqtf2nbrexx3vqjhp41", "unknown_group"),
    ("contact", "E-1", "groups.remove", "external_id:G-9", "unknown_group"),
    ("contact", "E-1", "groups", "Places", "unknown_group"),
    ("contact", "E-1", "groups", "external_id:L-1", "wrong_resource"),
    ("contact", "E-1", "locations", "Paris", "unknown_location"),
    ("contact", "E-1", "locations", "loc_01h2xcejqtf2nbrexx3vqjhp41", "unknown_location"),
    ("contact", "E-1", "groups", '"Staff', "invalid_reference"),
    ("contact", "E-1", "groups", ",", "invalid_reference"),
    ("group", "G-1", "children", "Nobody", "unknown_member"),
    ("group", "G-1", "children", "nobody@example.com", "unknown_member"),
    ("group", "G-1", "children", "Ann:::one@example.com", "unknown_member"),
    ("group", "G-1", "children", "Twin", "ambiguous_reference"),
    ("group", "G-1", "children", "Berlin", "unknown_member"),
    ("group", "L-1", "children", "Ann", "unknown_member"),
    ("group", "G-1", "location", "Paris", "unknown_location"),
]


@pytest.mark.parametrize(("resource", "key", "column", "reference", "code"), BAD)
def test_a_bad_reference_rejects_its_row(
    stored: Imports, resource: str, key: str, column: str, reference: str, code: str
) -> None:
    before = stored.records(resource)
    import_ = stored.run(f"external_id,{column}\n{key},{cell(reference)}\n", resource)
    (row,) = stored.errors(import_)
    (error,) = row["errors"]
    assert (error["code"], error["column"]) == (code, column)
    assert error["value"] == reference
    assert row["phase"] == ("prevalidation" if code == "invalid_reference" else "validation")
    assert stored.records(resource) == before


def test_every_bad_reference_of_a_row_is_told(stored: Imports) -> None:
    import_ = stored.run('external_id,groups,locations\nE-1,"Staff,X,Y",Paris\nT-1,Staff,\n')
    (row,) = stored.errors(import_)
    assert sorted((one["code"], one["value"]) for one in row["errors"]) == [
        ("unknown_group", "X"),
        ("unknown_group", "Y"),
        ("unknown_location", "Paris"),
    ]
    assert {one["external_id"]: one["groups"] for one in stored.records()}["T-1"] == ["Staff"]


def test_a_record_of_another_organization_is_not_named(stored: Imports, organization: str) -> None:
    other = Imports(stored.workflow, f"{organization}-other", stored.folder)
    other.completed("name,resource\nTheirs,contact\n", "group")
    foreign = other.one("Theirs", "group")["id"]
    import_ = stored.run(f"external_id,groups\nE-1,{foreign}\nT-1,Theirs\nT-2,Staff\n")
    assert stored.codes(import_) == {2: ["unknown_group"], 3: ["unknown_group"]}
    assert other.one("Theirs", "group")["children"] == []
