"""Names from several columns, ids of other systems, templates, presets."""

from __future__ import annotations

import pytest

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.column_mapping.known_files.presets import Preset
from imports_pipeline.schemas.column_mapping.plan_json import from_json, to_json
from imports_pipeline_tests.schemas.column_mapping.reading_files import plan_of, records_of


def names_of(text: str, **mapping: str) -> list[str | None]:
    return [record.get("name") for record in records_of(text, column_mapping=mapping)]


def test_a_blank_full_name_is_filled_from_its_parts() -> None:
    assert names_of("displayName,firstName,lastName\nAnn Lee,Ann,Lee\n,Bob,Ray\n,,Poe\n,,\n") == [
        "Ann Lee",
        "Bob Ray",
        "Poe",
        None,
    ]


def test_a_company_is_the_name_in_an_address_book_only() -> None:
    assert names_of("First Name,Last Name,Company,E-mail 2 Address\n,,Harbour,h@example.org\n") == ["Harbour"]
    # A documented file: a blank name says nothing.
    assert names_of("First Name,Last Name,Company,email\n,,Harbour,h@example.org\n") == [None]


def test_templates() -> None:
    text = "Given,Family,Nick\nAnn,Lee,\nBob,,Bo\n,,\n"
    assert names_of(text, name="{Given} {Family}") == ["Ann Lee", "Bob", None]
    assert names_of(text, name="{family}, {Given} ({Nick})") == ["Lee, Ann ()", "Bob (Bo)", None]


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"name": "{First} {Lst}"}, "unknown_mapped_column"),
        ({"Name": "{First}", "name": "First"}, "invalid_column_mapping"),
    ],
)
def test_templates_that_cannot_be_used(mapping: dict[str, str], code: str) -> None:
    with pytest.raises(PermanentFailure) as failure:
        plan_of(["First", "Last"], column_mapping=mapping)
    assert failure.value.code == code


OURS = "ctct_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    ("header", "rows", "column"),
    [
        (["id", "name"], [["17", "Ann"]], "id"),
        (["Contact ID", "name"], [["003Wx00000AbCdE", "Ann"]], "Contact ID"),
        (["Record ID", "name"], [["17", "Ann"], ["18", "Bob"]], "Record ID"),
        (["uuid", "name"], [["0954ba2e-50e4", "Ann"]], "uuid"),
        (["Person - ID", "name"], [["311", "Ann"]], "Person - ID"),
        (["employeeNumber", "name"], [["E-7", "Ann"]], "employeeNumber"),
        # Not distinct, or words: no ids.
        (["User ID", "name"], [["1", "Ann"], ["1", "Bob"]], None),
        (["uuid", "name"], [["who knows", "Ann"]], None),
        # Of another thing.
        (["Company ID", "name"], [["17", "Ann"]], None),
        # The surest of several; and an external_id of the file's own comes before all.
        (["uuid", "Record ID", "name"], [["a-1", "17", "Ann"]], "Record ID"),
        (["id", "external_id", "name"], [["17", "E-7", "Ann"]], "external_id"),
    ],
)
def test_ids_of_other_systems(header: list[str], rows: list[list[str]], column: str | None) -> None:
    plan = plan_of(header, rows)
    found = {one.field: one.headers[0] for one in plan.columns}
    assert found.get("external_id") == column
    assert "id" not in found


@pytest.mark.parametrize(
    ("header", "cells", "column"),
    [
        (["Copper ID"], [["5001"], ["5002"]], "Copper ID"),
        (["Breeze ID", "Family ID"], [["1", "7"], ["2", "7"]], "Breeze ID"),
        (["Account Number"], [["1042"], ["1043"]], "Account Number"),
        # Not each row has one; two of them; of another thing, of a document, of an account elsewhere.
        (["Copper ID"], [["5001"], [""]], None),
        (["Copper ID", "Zeta ID"], [["1", "2"], ["3", "4"]], None),
        (["Booking ID"], [["5001"], ["5002"]], None),
        (["National ID"], [["5001"], ["5002"]], None),
        (["Skype ID"], [["ann.lee"], ["bob.day"]], None),
        (["Account Number", "Bank"], [["1042", "A"], ["1043", "B"]], None),
    ],
)
def test_ids_named_after_their_product(header: list[str], cells: list[list[str]], column: str | None) -> None:
    rows = [[*row, name, name, name] for row, name in zip(cells, ("Ann", "Bob"), strict=True)]
    names = [*header, "First Name", "Last Name", "City"]
    found = {one.field: one.headers[0] for one in plan_of(names, rows, preset=Preset("export")).columns}
    assert found.get("external_id") == column
    # A file that no other product wrote says what it means.
    own = {one.field for one in plan_of(names, rows).columns}
    assert "external_id" not in own


@pytest.mark.parametrize(
    ("cells", "groups"), [(["Yes", "No"], False), (["1", "Board"], True), (["On", "Y, Board"], True)]
)
def test_a_list_of_yes_and_no_is_no_list_of_groups(cells: list[str], groups: bool) -> None:
    plan = plan_of(["name", "Mailing List"], [["Ann", cells[0]], ["Bob", cells[1]]], create_groups=True)
    assert ("groups.add" in {one.field for one in plan.columns}) == groups


def test_our_ids_stay_ids() -> None:
    for cells in (["17", OURS], [OURS], ["ctct_mistyped"], [""]):
        plan = plan_of(["id", "name"], [[cell, "Ann"] for cell in cells])
        assert [one.field for one in plan.columns] == ["id", "name"]
    mapped = plan_of(["Key", "name"], [["17", "Ann"]], column_mapping={"id": "Key"})
    assert mapped.columns[0].field == "id"


@pytest.mark.parametrize(
    ("name", "cell", "mapped"),
    [
        ("Primary", "home", False),
        ("Primary", "yes", True),
        # The field's own name: a cell that is no boolean is rejected later, not ignored.
        ("is_primary", "perhaps", True),
        ("Is Primary", "perhaps", True),
    ],
)
def test_a_column_named_like_a_boolean_without_any(name: str, cell: str, mapped: bool) -> None:
    plan = plan_of(["name", name], [["Ann", cell], ["Bob", ""]])
    assert ("is_primary" in [one.field for one in plan.columns], plan.ignored == (name,)) == (
        mapped,
        not mapped,
    )


def test_a_delete_needs_our_ids() -> None:
    with pytest.raises(PermanentFailure) as failure:
        plan_of(["id"], [["17"], ["18"]], action=Action.DELETE)
    assert failure.value.code == "foreign_ids"


def test_a_preset_says_what_no_rule_can() -> None:
    preset = Preset(
        "example",
        columns={
            "Labels": "groups.add",
            "cohortN": "groups.add",
            "Key": "external_id",
            "Place N": "address.city#N",
            "SMS": "ignored",
        },
        separators={"groups.add": (" ::: ",), "phone": (" / ",)},
        dropped={"groups.add": (r"\* .*",)},
    )
    text = (
        "name,Labels,cohort1,Key,Phone 1,Place 1,SMS\n"
        'Ann,"Board ::: Smith, Ann ::: * myContacts",c1,K-1,+12015550123 / +12015550148,Hoboken,+12015550199\n'
        "Bob,* myContacts,,K-2,,,\n"
    )
    assert records_of(text, preset=preset) == [
        {
            "name": "Ann",
            "groups.add": 'Board,"Smith, Ann",c1',
            "external_id": "K-1",
            "phone": "+12015550123",
            "alternate_phones.other": "+12015550148",
            "address": "Hoboken",
        },
        {"name": "Bob", "external_id": "K-2"},
    ]


def test_what_is_mapped_explicitly_comes_before_a_preset() -> None:
    preset = Preset("example", columns={"Key": "external_id", "Labels": "groups.add"})
    plan = plan_of(
        ["name", "Key", "Labels"], column_mapping={"notes": "Key", "groups.add": "Labels"}, preset=preset
    )
    assert {one.field for one in plan.columns} == {"name", "notes", "groups.add"}


def test_a_plan_comes_back_from_json() -> None:
    preset = Preset("example", columns={"Labels": "groups.add"}, separators={"groups.add": (";",)})
    header = [
        "First Name",
        "Last Name",
        "Display Name",
        "Labels",
        "E-mail 1 - Label",
        "E-mail 1 - Value",
        "Home City",
        "Email 2",
    ]
    plan = plan_of(header, column_mapping={"notes": "{Home City}!"}, preset=preset)
    assert from_json(to_json(plan)) == plan
