"""A known file is the same file in any order of columns, in any case, with blank columns, and without some rows."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import StringIO
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.reading import ReadOptions, open_table
from imports_pipeline.schemas import references
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.known_files.reading import opened, read
from imports_pipeline_tests.known_files.test_samples import _EXPECTED, _HERE

Rows = list[list[str]]
#: Cases in which people and programs write headers.
CASES: Final[tuple[Callable[[str], str], ...]] = (str, str.upper, str.lower)
#: A column that is a list of ours if its header is in small letters (`groups`): such a file is no export.
NOT_IN_SMALL_LETTERS: Final = {"bloomerang"}
#: Equal headers, which only their order tells apart.
IN_ORDER: Final = {"thunderbird-fr", "thunderbird-fr-old"}

#: The first row has an id of the owner's own system. Without any such id, the product's id is the external id.
WITH_FIRST_ROW: Final = {"brevo", "civicrm"}


@cache
def table_of(name: str) -> Rows:
    """Return the header and the rows of a sample."""
    with (_HERE / "samples" / f"{name}.csv").open("rb") as file:
        table = open_table(file, ReadOptions(), name=name)
        columns = [
            list(zip(*(c.to_pylist() for c in batch.cells.columns), strict=True)) for batch in table.batches()
        ]
        return [list(table.header), *(list(row) for batch in columns for row in batch)]


def changed(
    name: str, order: Sequence[int], case: Callable[[str], str], blank: Sequence[int], rows: Sequence[int]
) -> bytes:
    """Return a sample with its columns in another order, blank ones among them, and only some of its rows."""
    header, *all_rows = table_of(name)
    table = [[case(header[at]) for at in order], *([all_rows[row][at] for at in order] for row in rows)]
    for number, at in enumerate(sorted(blank, reverse=True)):
        for line, cells in enumerate(table):
            cells.insert(at, "" if line else f"Empty column {number}")
    text = StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue().encode()


def without_order(row: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a row; the names in a list of several columns have no order."""
    return {
        field: sorted(references.parse(value) or []) if field.startswith("groups") else value
        for field, value in row.items()
    }


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_EXPECTED)), st.data())
def test_it_is_read_in_the_same_way(name: str, data: st.DataObject) -> None:
    header, *rows = table_of(name)
    places = range(len(header))
    order = list(places) if name in IN_ORDER else data.draw(st.permutations(places))
    blank = data.draw(st.lists(st.sampled_from(places), max_size=3))
    kept = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True).map(sorted))
    if name in WITH_FIRST_ROW:
        kept = sorted({0, *kept})
    cases = CASES[:2] if name in NOT_IN_SMALL_LETTERS else CASES
    content = changed(name, order, data.draw(st.sampled_from(cases)), blank, kept)
    whole = _EXPECTED[name]["rows"]
    assert opened(content).detected()["known_file"] == _EXPECTED[name]["known_file"]
    assert [without_order(row) for row in read(content)] == [without_order(whole[at]) for at in kept]


@pytest.mark.parametrize("name", ["google-contacts", "outlook-de", "pipedrive", "moodle"])
def test_it_makes_the_same_records(imports: Imports, name: str) -> None:
    header, *rows = table_of(name)
    rng = random.Random(name)
    order = rng.sample(range(len(header)), len(header))
    stored = []
    for number, content in enumerate(
        [
            (_HERE / "samples" / f"{name}.csv").read_bytes(),
            changed(name, order, str.upper, [0, 2], range(len(rows))),
        ]
    ):
        one = replace_organization(imports, f"{imports.organization}-{number}")
        one.run(content)
        stored.append([{field: row[field] for field in FIELDS} for row in one.records()])
    assert stored[0] == stored[1]
    assert stored[0]


FIELDS: Final = (
    *("name", "email", "phone", "address", "address_line2", "external_id", "groups", "notes", "metadata"),
    *("alternate_names", "alternate_emails", "alternate_phones", "alternate_addresses"),
)


def replace_organization(imports: Imports, organization: str) -> Imports:
    return Imports(imports.workflow, organization, imports.folder)
