"""Addresses in parts are joined to the two lines of a contact's address."""

from __future__ import annotations

import csv

import pytest

from imports_pipeline_tests.schemas.column_mapping.reading_files import plan_of, records_of


def address_of(columns: str, cells: str) -> dict[str, str]:
    (record,) = records_of(f"name,{columns}\nAnn,{cells}\n")
    return {name: value for name, value in record.items() if name != "name"}


@pytest.mark.parametrize(
    ("columns", "cells", "found"),
    [
        (
            "Street,City,State,Zip,Country",
            "14 Quay Street,Hoboken,NJ,07030,US",
            {"address": "14 Quay Street, Hoboken, NJ, 07030, US"},
        ),
        ("Country,Zip,Street", "US,07030,14 Quay Street", {"address": "14 Quay Street, 07030, US"}),
        # The documented names stand, and their town is joined to them.
        (
            "address,address_line2,City",
            "14 Quay Street,Flat 2,Hoboken",
            {"address": "14 Quay Street, Hoboken", "address_line2": "Flat 2"},
        ),
        # A whole address is not lengthened by what it says already.
        ("Address,Region", "14 Quay Street  Hoboken  NJ,NJ", {"address": "14 Quay Street  Hoboken  NJ"}),
        (
            "Business Street,Business Street 2,Business City,Home Street,Home City",
            "9 Mill Lane,Hall,Newark,14 Quay Street,Hoboken",
            {
                "alternate_addresses.work": "9 Mill Lane, Newark",
                "alternate_addresses.work_line2": "Hall",
                "alternate_addresses.home": "14 Quay Street, Hoboken",
            },
        ),
        (
            "Home Address,Home Street,Home City",
            "whole,Quay Street,Hoboken",
            {"alternate_addresses.home": "Quay Street, Hoboken"},
        ),
        (
            "MAILINGSTREET,MAILINGCITY",
            '"Quay Street\nFlat 2",Hoboken',
            {"address": "Quay Street, Flat 2, Hoboken"},
        ),
        ("Street,PO Box,City", ",PO Box 7,Hoboken", {"address": "PO Box 7, Hoboken"}),
        # A region or a country alone is no address.
        ("Street,State,Country", ",NJ,US", {}),
        (
            "Address 1 - Formatted,Address 1 - Street",
            '"Quay Street\nHoboken",',
            {"address": "Quay Street, Hoboken"},
        ),
    ],
)
def test_parts_are_joined(columns: str, cells: str, found: dict[str, str]) -> None:
    assert address_of(columns, cells) == found


#: The cells of `Address` and of one part of it, and the address.
WHOLE_WORDS = [
    # Letters in the midst of a word are no state, country or town.
    ("State", "5 Sunny Lane", "NY", "5 Sunny Lane, NY"),
    ("Country", "2 Bus Road", "US", "2 Bus Road, US"),
    ("City", "1 Yorkshire Road", "York", "1 Yorkshire Road, York"),
    ("Zip", "PO Box 107030", "07030", "PO Box 107030, 07030"),
    ("State", "5 Sunny Lane, ny", "NY", "5 Sunny Lane, ny"),
    ("State", "5 Sunny Lane Albany/NY", "NY", "5 Sunny Lane Albany/NY"),
    ("City", "Äußere Straße 5, Nürnberg", "NÜRNBERG", "Äußere Straße 5, Nürnberg"),
    ("City", "Nürnberger Straße 5", "Nürnberg", "Nürnberger Straße 5, Nürnberg"),
    ("State", "9 (NY) Road", "(NY)", "9 (NY) Road"),
    # Chinese and Japanese are written without spaces.
    ("City", "東京都世田谷区北沢1-2-3", "世田谷区", "東京都世田谷区北沢1-2-3"),
]


@pytest.mark.parametrize("further", [0, 100], ids=["few texts", "many texts"])
def test_a_part_is_in_an_address_only_as_whole_words(further: int) -> None:
    """Both ways to search give the same: by text, and by row where a batch has many texts."""
    for column, address, part, found in WHOLE_WORDS:
        rows = [f'Ann,"{address}",{part}', *(f"B{n},{n} Mill Lane,Town {n}" for n in range(further))]
        first, *others = records_of(f"name,Address,{column}\n" + "\n".join(rows) + "\n")
        assert first["address"] == found
        assert [one["address"] for one in others] == [f"{n} Mill Lane, Town {n}" for n in range(further)]


def test_a_part_may_be_as_long_as_a_record() -> None:
    """Arrow makes an expression of a text that repeats, and refuses one of half a million characters."""
    long, limit = "é" * 500_000, csv.field_size_limit(1 << 21)
    try:
        first, second = records_of(f"name,Address,City\nAnn,1 Mill Lane,{long}\nBob,2 Mill Lane Rome,Rome\n")
    finally:
        csv.field_size_limit(limit)
    assert first["address"] == f"1 Mill Lane, {long}"
    assert second["address"] == "2 Mill Lane Rome"


def test_numbered_addresses_are_two() -> None:
    assert address_of(
        "Street Address 1,Apt/Suite/Unit 1,City 1,Street Address 2,City 2",
        "14 Quay Street,Flat 2,Hoboken,9 Mill Lane,Newark",
    ) == {
        "address": "14 Quay Street, Hoboken",
        "address_line2": "Flat 2",
        "alternate_addresses.secondary": "9 Mill Lane, Newark",
    }
    # Without a second town it is the second line, as the documented name says.
    assert address_of("Street Address,Street Address 2,City", "14 Quay Street,Flat 2,Hoboken") == {
        "address": "14 Quay Street, Hoboken",
        "address_line2": "Flat 2",
    }


def test_a_label_chooses_the_field_of_a_further_address() -> None:
    assert address_of(
        "Address 1 - Label,Address 1 - Street,Address 2 - Label,Address 2 - Street",
        "Home,Quay Street,Work,Mill Lane",
    ) == {"address": "Quay Street", "alternate_addresses.work": "Mill Lane"}


def test_a_file_of_documented_names_has_no_family() -> None:
    plan = plan_of(["name", "address", "address_line2", "alternate_addresses.home", "Street Address"][:4])
    assert plan.families == ()
