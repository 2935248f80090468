"""Values of several columns go to the fields of a contact row by row."""

from __future__ import annotations

import pytest

from imports_pipeline_tests.schemas.column_mapping.reading_files import records_of, values_of


def test_labels_choose_the_field_and_the_first_value_is_the_main_one() -> None:
    assert records_of(
        "Name,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,E-mail 3 - Label,E-mail 3 - Value\n"
        "Ann,Home,a@example.org,Work,b@example.org,Home,c@example.org\n"
        "Bob,,a@example.org,Boat,b@example.org,* Work,c@example.org\n"
        "Cid,Work,,Work,b@example.org,Work,c@example.org\n"
    ) == [
        {
            "name": "Ann",
            "email": "a@example.org",
            "alternate_emails.work": "b@example.org",
            "alternate_emails.personal": "c@example.org",
        },
        # `*` marks the preferred one; a label without a field takes the next free one.
        {
            "name": "Bob",
            "email": "c@example.org",
            "alternate_emails.other": "a@example.org",
            "alternate_emails.personal": "b@example.org",
        },
        # A blank cell displaces nothing.
        {"name": "Cid", "email": "b@example.org", "alternate_emails.work": "c@example.org"},
    ]


def test_a_column_with_the_name_of_a_field_keeps_it() -> None:
    assert records_of(
        "name,E-mail Address,E-mail 2 Address,Work Email,Email 3\n"
        "Ann,a@example.org,b@example.org,w@example.org,c@example.org\n"
        "Bob,,b@example.org,w@example.org,\n"
    ) == [
        {
            "name": "Ann",
            "email": "a@example.org",
            "alternate_emails.work": "w@example.org",
            "alternate_emails.other": "b@example.org",
            "alternate_emails.personal": "c@example.org",
        },
        {"name": "Bob", "email": "b@example.org", "alternate_emails.work": "w@example.org"},
    ]


def test_a_value_twice_in_a_row_is_one() -> None:
    assert records_of(
        "name,Phone 1,Phone Country 1,SMS 1,SMS 1 Country\nAnn,2015550123,US,201-555-0123,US\n"
    ) == [{"name": "Ann", "phone": "+12015550123"}]


def test_what_finds_no_field_is_counted() -> None:
    emails = [f"{letter}@example.org" for letter in "abcdefgh"]
    header = ",".join(f"Email {number}" for number in range(1, 9))
    values = values_of(f"name,{header}\nAnn,{','.join(emails)}\n")
    filled = [name for name, cells in values.values.to_pydict().items() if cells[0]]
    assert len([name for name in filled if "email" in name]) == 6
    assert values.left_out == {7: 1, 8: 1}


def test_a_value_knows_the_column_that_it_is_from() -> None:
    values = values_of("name,Email 1,Email 2\nAnn,,b@example.org\nBob,a@example.org,b@example.org\n")
    assert values.origins["email"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("cell", "emails"),
    [
        ("a@example.org; b@example.org", ["a@example.org", "b@example.org"]),
        ("a@example.org / b@example.org", ["a@example.org", "b@example.org"]),
        ("a@example.org | b@example.org", ["a@example.org", "b@example.org"]),
        ("a@example.org,b@example.org", ["a@example.org", "b@example.org"]),
        ("a@example.org ::: Ann <b@example.org>", ["a@example.org", "Ann <b@example.org>"]),
        ("a@example.org\nb@example.org\n", ["a@example.org", "b@example.org"]),
        ('["a@example.org", "b@example.org"]', ["a@example.org", "b@example.org"]),
        ('[{"emailAddress": "a@example.org", "primary": true}]', ["a@example.org"]),
        # Not all of it are addresses: the cell stays whole, and is rejected as it is written.
        ("a@example.org; nobody", ["a@example.org; nobody"]),
        ("a@example.org; b@", ["a@example.org; b@"]),
    ],
)
def test_several_emails_in_a_cell(cell: str, emails: list[str]) -> None:
    quoted = cell.replace('"', '""')
    (record,) = records_of(f'name,email\nAnn,"{quoted}"\n')
    assert [value for name, value in record.items() if name != "name"] == emails


def test_phones_of_a_cell_are_not_split_by_rule() -> None:
    assert (
        records_of("name,phone\nAnn,+12015550123; +12015550148\n")[0]["phone"] == "+12015550123; +12015550148"
    )


@pytest.mark.parametrize(
    ("columns", "cells", "phone"),
    [
        ("Phone,Country", "(201) 555-0123,United States", "+12015550123"),
        ("Phone,Country", "07400 123456,GB", "+447400123456"),
        ("Phone,Country", "030 901820,Deutschland", "+4930901820"),
        ("Phone 1,Phone Country 1,Country", "1212345678,GB,US", "+441212345678"),
        (
            "Phones / Primary Phone Number,Phones / Primary Phone Calling Code",
            "7400123456,+44",
            "+447400123456",
        ),
        ("Business Phone,Home Phone,Business Country,Home Country", "(201) 555-0123,,US,GB", "+12015550123"),
        # The country does not fit, or says nothing: the number stays as it is written.
        ("Phone,Country", "(201) 555-0123,GB", "(201) 555-0123"),
        ("Phone,Country", "(201) 555-0123,Atlantis", "(201) 555-0123"),
        ("Phone,Country", "+44 7400 123456,US", "+44 7400 123456"),
    ],
)
def test_national_phones_take_the_country_of_their_row(columns: str, cells: str, phone: str) -> None:
    (record,) = records_of(f"name,{columns}\nAnn,{cells}\n")
    assert next(value for name, value in record.items() if "phone" in name) == phone


def test_bare_slots_are_phones_if_their_cells_look_like_it() -> None:
    text = "First,Last,Home,Work\nAnn,Lee,+1 201-555-0135,+1 201-555-0148\n"
    (record,) = records_of(text)
    assert record["phone"] == "+1 201-555-0148"
    assert record["alternate_phones.home"] == "+1 201-555-0135"
    assert "phone" not in records_of("First,Last,Home\nAnn,Lee,Paris\n")[0]
