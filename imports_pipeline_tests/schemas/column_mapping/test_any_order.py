"""The same file in any order of columns, any case, with blank columns and without some rows gives the same records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline_tests.schemas.column_mapping.reading_files import records_of

FILES: Final = {
    "numbered": (
        "Name,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value\n"
        "Ann,Work,a@example.org,Home,b@example.org,Mobile,+12015550123\n"
        "Bob,,c@example.org,,,,\n"
        "Cid,Home,,* Work,d@example.org,Work,+12015550148\n"
    ),
    "parts": (
        "First Name,Last Name,Business Street,Business City,Home Street,Home City,Home Country,Home Phone,Email\n"
        "Ann,Lee,9 Mill Lane,Newark,14 Quay Street,Hoboken,US,(201) 555-0123,a@example.org\n"
        "Bob,Ray,,,,,GB,07400 123456,b@example.org\n"
        ",,,,1 Way,,,,\n"
    ),
    "slots": (
        "Person - Name,Person - Email - Work,Person - Email - Home,Person - Phone - Mobile,Person - Phone - Other\n"
        'Ann,"a@example.org, b@example.org",c@example.org,+12015550123,+12015550148\n'
        "Bob,,d@example.org,,+12015550199\n"
    ),
    "ids": (
        "Record ID,Display Name,Street Address,City,Zip,Mobile,Phone\n"
        "17,Ann Lee,14 Quay Street,Hoboken,07030,+12015550123,+12015550148\n"
        "18,Bob Ray,,,,,+12015550199\n"
    ),
    "documented": (
        "name,email,phone,alternate_emails.work,alternate_phones.home,groups.add,notes,metadata.Job\n"
        'Ann,a@example.org,+12015550123,w@example.org,+12015550148,"Board, Staff",x,y\n'
        "Bob,b@example.org,,,,,,\n"
    ),
}
CASES: Final[tuple[Callable[[str], str], ...]] = (str, str.upper, str.lower, str.title)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_records_do_not_depend_on_the_order(name: str, data: st.DataObject) -> None:
    header, *rows = list(csv.reader(io.StringIO(FILES[name])))
    order = data.draw(st.permutations(range(len(header))))
    case = data.draw(st.sampled_from(CASES)) if name != "documented" else str
    kept = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True).map(sorted))
    blanks = data.draw(st.integers(0, 2))
    changed = io.StringIO()
    writer = csv.writer(changed, lineterminator="\n")
    writer.writerow([*(case(header[at]) for at in order), *(f"Blank {number} x" for number in range(blanks))])
    writer.writerows([[*(rows[at][column] for column in order), *[""] * blanks] for at in kept])
    whole = records_of(FILES[name])
    assert records_of(changed.getvalue()) == [whole[at] for at in kept]
