"""Files of products that are no known file, and templates in several languages, are read by the general rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline_tests.schemas.column_mapping.reading_files import records_of

_PRODUCTS: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "products.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("product", _PRODUCTS)
def test_a_product_is_read_by_the_rules(product: str) -> None:
    assert records_of(_PRODUCTS[product]["csv"], create_groups=True) == _PRODUCTS[product]["records"]


def test_columns_of_groups_are_read_only_if_groups_may_be_created() -> None:
    text = "name,Tags,Contact Category,Business Category\nAnn,Board,Staff,Care\n"
    assert records_of(text) == [{"name": "Ann"}]
    assert records_of(text, create_groups=True) == [{"name": "Ann", "groups.add": "Board,Staff"}]
    # Columns with the name of a field, and what is mapped explicitly, come before.
    assert records_of("name,groups,Tags\nAnn,Board,Staff\n", create_groups=True) == [
        {"name": "Ann", "groups.set": "Board"}
    ]
    assert records_of(
        "name,Team,Tags\nAnn,A,B\n", create_groups=True, column_mapping={"groups.add": "Team"}
    ) == [{"name": "Ann", "groups.add": "A"}]


@pytest.mark.parametrize(
    ("cell", "groups"),
    [
        ("Board, Gala", "Board,Gala"),
        ("Board;Smith, Ann", 'Board,"Smith, Ann"'),
        ("Board | Gala", "Board,Gala"),
        ("Board ::: Gala", "Board,Gala"),
        ('["Board", "Gala"]', "Board,Gala"),
        ('"Gala, evening"', '"Gala, evening"'),
    ],
)
def test_lists_of_groups_by_what_separates_their_items(cell: str, groups: str) -> None:
    quoted = cell.replace('"', '""')
    (record,) = records_of(f'name,Labels\nAnn,"{quoted}"\n', create_groups=True)
    assert record["groups.add"] == groups


@pytest.mark.parametrize(
    ("header", "rows", "names"),
    [
        ("Name,Vorname", ["Brandt,Lena", ",Eva"], ["Lena Brandt", "Eva"]),
        ("Name,Last name", ["Ann,Lee"], ["Ann Lee"]),
        # One cell has the last name already: the column holds full names.
        ("Name,Last name", ["Ann Lee,Lee", "Bob,Ray"], ["Ann Lee", "Bob"]),
        ("First name,Last name,School name", ["Ann,Lee,Harbour"], ["Ann Lee"]),
        ("First name,Last name,Shipping name", [",,Ann Lee"], [None]),
        ("姓,名", ["新井,由紀"], ["新井 由紀"]),
        ("Customer,Email", ["Ann Lee,a@example.org"], ["Ann Lee"]),
        ("Customer,Email", ["17,a@example.org"], [None]),
        ("FN,Email", ["Ann Lee,a@example.org"], ["Ann Lee"]),
        ("FN,Email", ["Ann,a@example.org"], [None]),
    ],
)
def test_names_by_their_cells(header: str, rows: list[str], names: list[str | None]) -> None:
    found = records_of("\n".join([header, *rows]) + "\n")
    assert [record.get("name") for record in found] == names


@pytest.mark.parametrize(
    "header",
    [
        "E-mail (parents)",
        "Telefon (Notfall)",
        "Email Mother",
        "Guardian Email",
        "Manager's phone",
        "Phone (assistant)",
    ],
)
def test_columns_of_another_person_are_not_read(header: str) -> None:
    cell = "a@example.org" if "mail" in header.lower() else "+12015550123"
    assert records_of(f"name,{header}\nAnn,{cell}\n") == [{"name": "Ann"}]


def test_an_external_id_that_is_blank_in_the_whole_file_gives_way() -> None:
    assert records_of("id,name,external_id\n17,Ann,\n")[0]["external_id"] == "17"
    assert records_of("id,name,external_id\n17,Ann,\n18,Bob,E-8\n")[0].get("external_id") is None


def test_two_columns_of_emails_or_phones_that_agree_are_one() -> None:
    assert records_of(
        "name,mail,Email,Mobile,Cell\nAnn,a@example.org,a@example.org,+12015550123,\nBob,b@example.org,,,+12015550148\n"
    ) == [
        {"name": "Ann", "email": "a@example.org", "phone": "+12015550123"},
        {"name": "Bob", "email": "b@example.org", "alternate_phones.mobile": "+12015550148"},
    ]
    with pytest.raises(PermanentFailure, match="both mean the field"):
        records_of("name,mail,Email\nAnn,a@example.org,b@example.org\n")
    with pytest.raises(PermanentFailure, match="both mean the field"):
        records_of("name,Full name\nAnn Lee,Ann Lee\n")


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Number of notes", "3"),
        ("Business Unit", "Care"),
        ("Zip,Zip+4", "07030,1234"),
        ("First Contact,Last Contact", "2026-01-02,2026-02-03"),
        ("Delivery notes", "Ring twice"),
        ("School name", "Harbour School"),
        ("City 2", "Troy"),
        ("Account number", "17"),
    ],
)
def test_columns_that_only_look_like_a_field(header: str, cells: str) -> None:
    found = records_of(f"name,email,{header}\n,a@example.org,{cells}\n")
    assert found in ([{"email": "a@example.org"}], [{"email": "a@example.org", "address": "07030"}])


def test_a_second_name_is_the_last_one_if_no_other_column_is() -> None:
    assert records_of("First name,Second name\nAnn,Lee\n")[0]["name"] == "Ann Lee"
    assert records_of("First name,Second name,Last name\nAnn,Mia,Lee\n")[0]["name"] == "Ann Lee"
