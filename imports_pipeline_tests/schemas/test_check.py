"""A batch is checked as its rows would be one by one, and every error is there exactly once."""

from __future__ import annotations

from collections.abc import Sequence

import email_validator
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.model import ids
from imports_pipeline.model.errors import ROW_CODES
from imports_pipeline.model.option_choices import Action, BlankCells
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.check import ERRORS, Checked, check_batch
from imports_pipeline.schemas.pandera_schemas import schema_builder
from imports_pipeline.schemas.references import parse
from imports_pipeline.schemas.values import CODES

CTCT, GRP = ids.new_id(ids.CONTACT), ids.new_id(ids.GROUP)


def check(
    rows: dict[str, list[str]],
    resource: catalog.Resource = catalog.CONTACT,
    *,
    action: Action = Action.MERGE,
    match_on: Sequence[str] = (),
    blank_cells: BlankCells = BlankCells.KEEP,
    default_region: str | None = None,
) -> Checked:
    batch = pa.RecordBatch.from_pydict({name: pa.array(cells, pa.string()) for name, cells in rows.items()})
    checked = check_batch(
        resource,
        batch,
        action=action,
        match_on=match_on,
        blank_cells=blank_cells,
        default_region=default_region,
    )
    assert checked.values.schema.names == list(rows)
    assert checked.values.num_rows == batch.num_rows
    assert checked.errors.schema == ERRORS
    assert set(checked.errors["code"].to_pylist()) <= set(ROW_CODES)
    return checked


def errors(checked: Checked) -> list[tuple[int, str, str]]:
    return [(row["row"], row["code"], row["field"]) for row in checked.errors.to_pylist()]


def test_good_rows_become_canonical() -> None:
    checked = check(
        {
            "name": [" Ann Smith ", "Bob"],
            "email": ["Ann@Example.COM", ""],
            "phone": ["+1 (415) 555-2671", ""],
            "is_primary": ["Yes", "0"],
            "groups.set": ["Sales, Staff", ""],
            "metadata.dept": ["", " R&D "],
        }
    )
    assert checked.errors.num_rows == 0
    assert checked.values.to_pylist() == [
        {
            "name": "Ann Smith",
            "email": "Ann@example.com",
            "phone": "+14155552671",
            "is_primary": "true",
            "groups.set": "Sales, Staff",
            "metadata.dept": None,
        },
        {
            "name": "Bob",
            "email": None,
            "phone": None,
            "is_primary": "false",
            "groups.set": None,
            "metadata.dept": "R&D",
        },
    ]


def test_a_row_keeps_all_of_its_errors_in_the_order_of_its_columns() -> None:
    checked = check(
        {
            "email": ["ann@", "b@c.de"],
            "name": ["", "Bob"],
            "notes": ["x" * 100_001, ""],
            "phone": ["12", "n/a"],
            "is_primary": ["maybe", "no"],
        }
    )
    assert errors(checked) == [
        (0, "invalid_email", "email"),
        (0, "value_too_long", "notes"),
        (0, "invalid_phone", "phone"),
        (0, "invalid_boolean", "is_primary"),
        (1, "invalid_phone", "phone"),
    ]
    assert checked.errors["value"].to_pylist()[0] == "ann@"
    assert checked.errors["value"].to_pylist()[4] == "n/a"
    assert "has 100001 characters, and `notes` takes at most 100000" in checked.errors["message"][1].as_py()


def test_values_are_given_as_they_are_written() -> None:
    checked = check({"name": ["a"], "email": [" ann@ \u00a0"]})
    assert checked.errors["value"].to_pylist() == [" ann@ \u00a0"]
    assert checked.values.column("email").to_pylist() == [None]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"name": "Ann", "email": ""}, []),
        ({"name": "", "email": "a@b.de"}, []),
        ({"name": "", "email": "", "external_id": "7"}, []),
        ({"name": "", "email": "", "notes": "x"}, [("required_value", "name")]),
        ({"email": "", "notes": "x"}, [("required_value", "name")]),
        ({"name": "", "email": "bad", "notes": "x"}, [("invalid_email", "email")]),
        ({"name": "", "phone": "+14155552671"}, [("required_value", "name")]),
        ({"name": " ", "email": "\u00a0", "notes": ""}, [("blank_row", "")]),
    ],
)
def test_what_a_row_of_merge_needs(row: dict[str, str], found: list[tuple[str, str]]) -> None:
    for action in (Action.MERGE, Action.OVERWRITE):
        checked = check({name: [cell] for name, cell in row.items()}, action=action)
        assert errors(checked) == [(0, *error) for error in found]


def test_match_on_says_what_identifies() -> None:
    rows = {"phone": ["+14155552671", ""], "email": ["a@b.de", "a@b.de"]}
    assert errors(check(rows, match_on=["phone"])) == [(1, "required_value", "name")]
    assert errors(check(rows, match_on=["phone", "email"])) == []
    with pytest.raises(KeyError):
        check(rows, match_on=["shoe_size"])


def test_a_required_value_cannot_be_cleared() -> None:
    rows = {"name": ["", "Ann", "", ""], "email": ["a@b.de", "", "", ""], "notes": ["", "", "x", ""]}
    checked = check(rows, blank_cells=BlankCells.CLEAR)
    assert errors(checked) == [
        (0, "required_value", "name"),
        (2, "required_value", "name"),
        (3, "blank_row", ""),
    ]
    assert errors(check({"email": ["a@b.de"]}, blank_cells=BlankCells.CLEAR)) == []


def test_what_a_row_of_delete_needs() -> None:
    rows = {"id": [CTCT, "", GRP, ""], "email": ["bad", "bad", "", ""], "name": ["x" * 300, "", "", ""]}
    checked = check(rows, action=Action.DELETE)
    assert errors(checked) == [(1, "required_value", "id"), (2, "invalid_id", "id"), (3, "blank_row", "")]
    assert checked.values.column("email").to_pylist() == [None] * 4


def test_groups() -> None:
    rows = {
        "name": ["A", "B", "", "D", "E"],
        "resource": ["Contact", "location", "contact", "", "person"],
        "location": ["Main, West", "Main", "", "", "Main"],
    }
    checked = check(rows, catalog.GROUP)
    assert errors(checked) == [
        (1, "invalid_value", "location"),
        (2, "required_value", "name"),
        (3, "required_value", "resource"),
        (4, "invalid_choice", "resource"),
    ]
    assert checked.values.column("location").to_pylist()[0] == '"Main, West"'


def test_lengths_count_characters_and_not_bytes() -> None:
    assert errors(check({"name": ["ä" * 255, "ä" * 256, "𝒶" * 255]})) == [(1, "value_too_long", "name")]


def test_an_unknown_column_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        check({"shoe_size": ["43"]})


def test_no_rows() -> None:
    assert check({"name": [], "email": []}).errors.num_rows == 0


def test_a_slice_of_a_batch_and_large_strings() -> None:
    batch = pa.RecordBatch.from_pydict({"name": pa.array(["a", "", "c"], pa.large_string())})
    found = check_batch(
        catalog.CONTACT,
        batch.slice(1),
        action=Action.MERGE,
        match_on=(),
        blank_cells=BlankCells.KEEP,
        default_region=None,
    )
    assert found.values.column("name").to_pylist() == [None, "c"]
    assert found.errors["row"].to_pylist() == [0]


# One by one: the same rules, written a second time for a single row.

NAMES = {
    "contact": ["id", "name", "email", "phone", "external_id", "is_primary", "groups.add", "metadata.x"],
    "group": ["id", "name", "resource", "external_id", "location", "children.set"],
}
CELLS = {
    catalog.Kind.TEXT: ["", " ", "Ann", "x" * 256, "é" * 255],
    catalog.Kind.EMAIL: ["", "a@b.de", "A@B.De", "a@", "é@b.de", '"a"@b.de', "Info@b.de", "a@b.local"],
    catalog.Kind.PHONE: [
        "",
        "+14155552671",
        "+1415",
        "n/a",
        "030 123456",
        "+49 30 123456",
        "+1 415 555 2671 x5",
    ],
    catalog.Kind.BOOLEAN: ["", "yes", "NO", "x"],
    catalog.Kind.CHOICE: ["", "contact", "LOCATION", "person"],
    catalog.Kind.ID: ["", CTCT, GRP, CTCT.upper(), "42"],
    catalog.Kind.REFERENCE: ["", "Main", '"Main, West"', '"Main'],
    catalog.Kind.REFERENCES: ["", "a, b", 'a,"b', '"a, b",c', ","],
}


def one_cell(field: catalog.Field, resource: catalog.Resource, text: str, region: str | None) -> bool:
    match field.kind:
        case catalog.Kind.EMAIL:
            try:
                email_validator.validate_email(text, check_deliverability=False)
            except email_validator.EmailNotValidError:
                return False
            return True
        case catalog.Kind.PHONE:
            try:
                number = phonenumbers.parse(text, region)
            except phonenumbers.NumberParseException:
                return False
            return phonenumbers.is_valid_number(number) and not number.extension
        case catalog.Kind.BOOLEAN:
            return text.lower() in {"yes", "no"}
        case catalog.Kind.CHOICE:
            return text.lower() in field.choices
        case catalog.Kind.ID:
            return ids.is_id(resource.prefix, text.lower())
        case catalog.Kind.REFERENCE:
            return not text.startswith('"') or len(parse(text) or []) == 1
        case catalog.Kind.REFERENCES:
            return parse(text) is not None
        case _:
            return len(text) <= field.max_length


def one_row(
    row: dict[str, str],
    resource: catalog.Resource,
    action: Action,
    match_on: Sequence[str],
    blank_cells: BlankCells,
    region: str | None,
) -> set[tuple[str, str]]:
    row = {name: cell.strip() for name, cell in row.items()}
    filled = {name for name, cell in row.items() if cell}
    if not filled:
        return {("blank_row", "")}
    found = set()
    for name in filled if action is not Action.DELETE else filled & {"id"}:
        field = resource.find(name)
        assert field is not None
        if not one_cell(field, resource, row[name], region):
            found.add((CODES.get(field.kind, "value_too_long"), name))
    if action is Action.DELETE:
        return found if "id" in filled else found | {("required_value", "id")}
    keys = [resource.key(name).fields for name in match_on]
    if not any(filled.issuperset(way) for way in (resource.required, *keys)):
        found.add(("required_value", next(name for name in resource.required if name not in filled)))
    if blank_cells is BlankCells.CLEAR:
        found |= {
            ("required_value", name) for name in resource.required if name in row and name not in filled
        }
    location_read = "location" in filled and ("invalid_reference", "location") not in found
    if resource.name == "group" and row.get("resource", "").lower() == "location" and location_read:
        found.add(("invalid_value", "location"))
    return found


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_by_the_batch_as_one_by_one(data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from(list(catalog.RESOURCES.values())))
    names = data.draw(st.lists(st.sampled_from(NAMES[resource.name]), min_size=1, unique=True))
    kinds = [field.kind for name in names if (field := resource.find(name)) is not None]
    rows = data.draw(st.lists(st.tuples(*(st.sampled_from(CELLS[kind]) for kind in kinds)), max_size=20))
    action = data.draw(st.sampled_from(Action))
    blank_cells = data.draw(st.sampled_from(BlankCells))
    match_on = data.draw(
        st.lists(st.sampled_from([key.name for key in resource.keys]), min_size=1, unique=True)
    )
    region = data.draw(st.sampled_from([None, "DE"]))
    checked = check(
        {name: [row[at] for row in rows] for at, name in enumerate(names)},
        resource,
        action=action,
        match_on=match_on,
        blank_cells=blank_cells,
        default_region=region,
    )
    found = errors(checked)
    assert len(found) == len(set(found))
    expected = {
        (at, *error)
        for at, row in enumerate(rows)
        for error in one_row(
            dict(zip(names, row, strict=True)), resource, action, match_on, blank_cells, region
        )
    }
    assert set(found) == expected
    place = {name: at for at, name in enumerate(names)}
    assert found == sorted(found, key=lambda error: (error[0], place.get(error[2], len(names))))
    assert all(checked.errors["message"].to_pylist())


@pytest.mark.parametrize("name", ["name", "email", "phone", "is_primary", "groups.set", "id"])
def test_every_row_bad_is_every_row_reported_once(name: str) -> None:
    kind = catalog.CONTACT.by_name[name].kind
    bad = {
        catalog.Kind.TEXT: "x" * 256,
        catalog.Kind.REFERENCES: '"a',
        catalog.Kind.ID: "42",
    }.get(kind, "no such thing")
    rows = {name: [bad] * 3000, "external_id": [str(number) for number in range(3000)]}
    code = CODES.get(kind, "value_too_long")
    assert errors(check(rows)) == [(row, code, name) for row in range(3000)]


@pytest.mark.parametrize("resource", catalog.RESOURCES.values(), ids=lambda resource: resource.name)
def test_the_schema_has_every_field_and_its_description(resource: catalog.Resource) -> None:
    names = [*resource.by_name, "metadata.x"]
    found = schema_builder.build(resource, names)
    assert list(found.columns) == names
    assert all(column.description for column in found.columns.values())
    assert {check.name for column in found.columns.values() for check in column.checks} <= set(ROW_CODES)
    with pytest.raises(KeyError):
        schema_builder.build(resource, ["shoe_size"])
