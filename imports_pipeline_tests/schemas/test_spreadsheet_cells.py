"""What spreadsheets do to cells: their marks are no part of a value, and what they damaged is refused by its cause."""

from __future__ import annotations

import pyarrow as pa
import pytest

from imports_pipeline.model.option_choices import Action, BlankCells
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.check import check_batch
from imports_pipeline.schemas.spreadsheet_cells import Origin


def checked(
    rows: dict[str, list[str]], origin: Origin = Origin.TEXT
) -> tuple[dict[str, list], list[tuple[int, str, str, str]]]:
    """Return the canonical columns, and (row, code, field, message) of every error."""
    batch = pa.RecordBatch.from_pydict({name: pa.array(cells, pa.string()) for name, cells in rows.items()})
    found = check_batch(
        catalog.CONTACT,
        batch,
        action=Action.MERGE,
        match_on=(),
        blank_cells=BlankCells.KEEP,
        default_region=None,
        origin=origin,
    )
    errors = [(e["row"], e["code"], e["field"], e["message"]) for e in found.errors.to_pylist()]
    return found.values.to_pydict(), errors


def one(field: str, cell: str, origin: Origin = Origin.TEXT) -> tuple[str | None, str, str]:
    """Return the canonical value of one cell, and the code and message of its error; the row has a name."""
    values, errors = checked(
        {"name": ["Ann"], field: [cell]} if field != "name" else {"name": [cell]}, origin
    )
    _, code, _, message = errors[0] if errors else (0, "", "", "")
    return values[field][0], code, message


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("external_id", '="00017"', "00017"),
        ("external_id", '= "00017"', "00017"),
        ("external_id", '="a""b"', 'a"b'),
        ("external_id", '="4.5"', "4.5"),
        ("name", '=" Ann Lee "', "Ann Lee"),
        ("name", '="Lee\nAnn"', "Lee Ann"),
        ("email", '="ann@example.org"', "ann@example.org"),
        ("phone", '="+14155550101"', "+14155550101"),
        ("is_primary", '="yes"', "true"),
        ("groups.set", '="Sales"', "Sales"),
        ("external_id", '=""', None),
        ("notes", '="a"&"b"', '="a"&"b"'),
        ("notes", '="a" or "b"', '="a" or "b"'),
        ("notes", "=1+1", "=1+1"),
    ],
)
def test_the_formula_of_a_text_is_that_text(field: str, cell: str, value: str | None) -> None:
    assert one(field, cell)[:2] == (value, "")


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("external_id", "'00017", "00017"),
        ("external_id", "' E-1", "E-1"),
        ("email", "'ann@example.org", "ann@example.org"),
        ("email", "'ann@example.org'", "ann@example.org"),
        ("email", "’ann@example.org", "ann@example.org"),
        ("email", "o'neil@example.org", "o'neil@example.org"),
        ("phone", "'+14155550101", "+14155550101"),
        ("phone", "’+14155550101", "+14155550101"),
        ("is_primary", "'yes", "true"),
        ("notes", "'ann@example.org", "ann@example.org"),
        ("notes", "'-5", "-5"),
        ("notes", "'00017", "00017"),
        ("notes", "'2024-01-31 10:30", "2024-01-31 10:30"),
        # A program has put the value between two of them.
        ("external_id", "'00017'", "00017"),
        ("id_number", "‘A-17’", "A-17"),
        ("phone", "'+14155550101'", "+14155550101"),
        ("notes", "'00017'", "'00017'"),
        ("name", "'Ann Lee'", "'Ann Lee'"),
        # It may belong to the text.
        ("notes", "'=1+1", "'=1+1"),
        ("notes", "'@home", "'@home"),
        ("name", "'Ann Lee", "'Ann Lee"),
        ("name", "'t Hooft", "'t Hooft"),
        ("name", "'Ali", "'Ali"),
        ("name", "Ann'", "Ann'"),
        ("notes", "'90s music", "'90s music"),
        ("notes", "'tis true", "'tis true"),
        ("address", "'s-Gravenhage", "'s-Gravenhage"),
        ("address", "’s-Hertogenbosch 12", "’s-Hertogenbosch 12"),
        ("groups.set", "'t Gooi", "'t Gooi"),
    ],
)
def test_an_apostrophe_before_a_value(field: str, cell: str, value: str) -> None:
    assert one(field, cell)[:2] == (value, "")


def test_a_row_of_which_every_cell_has_an_apostrophe() -> None:
    values, errors = checked(
        {
            "name": ["'Ann Lee'", "'Bob", "'Cid", "'t Hooft", "''t Hart", "'Eve"],
            "email": ["'ann@example.org", "bob@example.org", "", "'d@example.org", "'e@example.org", ""],
            "external_id": ["'00017", "'00018", "", "", "'00019", ""],
            "address": ["'Main Street", "", "", "", "", "'Main Street"],
        }
    )
    assert errors == []
    assert values["name"] == ["Ann Lee", "'Bob", "'Cid", "'t Hooft", "'t Hart", "'Eve"]
    assert values["email"] == [
        "ann@example.org",
        "bob@example.org",
        None,
        "d@example.org",
        "e@example.org",
        None,
    ]
    assert values["external_id"] == ["00017", "00018", None, None, "00019", None]
    assert values["address"] == ["Main Street", None, None, None, None, "'Main Street"]


@pytest.mark.parametrize(
    "cell", ["4.91512E+11", "4,91512E+11", "1.23e5", "1E+05", "1.00E+05", "+4.9e11", "1.E+20"]
)
@pytest.mark.parametrize(
    ("field", "code"),
    [("external_id", "shortened_number"), ("id_number", "shortened_number"), ("phone", "invalid_phone")],
)
def test_scientific_notation_in_an_id_or_a_phone(field: str, code: str, cell: str) -> None:
    message = (
        f"`{cell}` was shortened by a spreadsheet, and its other digits are lost: format the column as text in the "
        "spreadsheet and export it again"
    )
    assert one(field, cell) == (None, code, message)
    assert one(field, f'="{cell}"') == (None, code, message)


@pytest.mark.parametrize(
    "cell", ["1234567890123450", "123456789012345000", "1000000000000000", "99999999999999900000"]
)
def test_numbers_of_more_than_15_digits_that_end_in_zeros(cell: str) -> None:
    value, code, message = one("external_id", cell)
    assert (value, code) == (None, "shortened_number")
    assert message.endswith("if the zeros are right, write an apostrophe before the number")
    # The remedies: a cell that is marked as a text never was a number.
    assert one("external_id", f"'{cell}")[:2] == (cell, "")
    assert one("external_id", f'="{cell}"')[:2] == (cell, "")
    assert one("external_id", cell, Origin.WORKBOOK)[:2] == (cell, "")
    assert one("phone", cell)[1] == "invalid_phone"
    assert "shortened by a spreadsheet" in one("phone", cell)[2]


@pytest.mark.parametrize(
    "cell",
    [
        "123456789012345", "123456789012340", "123456789012345678", "1234567890123451", "0001234567890123450",
        "100000000000000000001", "12E5", "1E5", "E12", "4.5", "1,5", "EXT-00000001", "1e", "0x1E+5", "5e-mail",
        "550e8400-e29b-41d4-a716-446655440000", "Null", "NULLs", "n/a-1", "A-", "1-", "#17", "Ref!",
    ],
)  # fmt: skip
def test_ids_that_are_none_of_it(cell: str) -> None:
    if cell != "Null":
        assert one("external_id", cell)[:2] == (cell, "")
    assert one("name", cell)[:2] == (cell, "")


def test_other_texts_may_hold_such_numbers() -> None:
    for cell in ("4.91512E+11", "123456789012345000"):
        assert one("notes", cell)[:2] == (cell, "")
        assert one("metadata.budget", cell)[:2] == (cell, "")


@pytest.mark.parametrize(
    "cell",
    [
        "#REF!", "#NAME?", "#N/A", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#n/a", "#BEZUG!",
        "#NV", "#WERT!", "#NOM?", "#VALEUR!", "#¿NOMBRE?", "#N/D", "#ЗНАЧ!", "Err:502", "Fehler:502", "#####",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "field", ["name", "email", "phone", "external_id", "notes", "metadata.x", "groups.set"]
)
def test_errors_in_place_of_a_value(field: str, cell: str) -> None:
    value, code, message = one(field, cell)
    assert (value, code) == (None, "spreadsheet_error")
    assert message == (
        f"`{cell}` is an error that a spreadsheet shows in place of a value: correct its formula, or put the value "
        "in its place"
    )


@pytest.mark.parametrize(
    "cell",
    ["see #REF! in row 5", "#REF", "#1", "# 5", "#hashtag", "REF!", "Err", "Error:502", "#N/A?", "Eric", "#"],
)
def test_texts_that_are_no_error(cell: str) -> None:
    assert one("notes", cell)[:2] == (cell, "")


@pytest.mark.parametrize(
    "cell", ["NULL", "null", "\\N", "nan", "NaN", "N/A", "n/a", "None", "-", "--", "—", "<NA>"]
)
def test_placeholders(cell: str) -> None:
    message = f"`{cell}` stands for no value: leave the cell blank"
    assert one("email", cell) == (None, "invalid_email", message)
    assert one("phone", cell) == (None, "invalid_phone", message)
    assert one("external_id", cell) == (None, "invalid_value", message)
    assert one("name", cell)[:2] == (cell, "")
    assert one("notes", cell)[:2] == (cell, "")


def test_items_are_taken_as_they_are() -> None:
    for cell in ('="00017"', "'00017", "4.91512E+11", "#N/A", "NULL"):
        assert one("external_id", cell, Origin.ITEMS)[:2] == (cell, "")


def test_a_damaged_name_is_not_called_missing() -> None:
    assert [(row, code) for row, code, _, _ in checked({"name": ["#N/A", "Bob"]})[1]] == [
        (0, "spreadsheet_error")
    ]
    assert [code for _, code, _, _ in checked({"name": ['=""'], "email": ["'"]})[1]] == ["blank_row"]
