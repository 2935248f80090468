"""Small files as products write them arrive as their owners expect, whatever was done to their columns."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.reading import ReadOptions, open_table
from imports_pipeline.schemas import references
from imports_pipeline_tests.known_files.reading import opened, read

_HERE = Path(__file__).parent
_EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((_HERE / "expected.yaml").read_text(encoding="utf-8"))
Rows = list[list[str]]


@pytest.mark.parametrize("name", sorted(_EXPECTED))
def test_a_sample_arrives(name: str) -> None:
    content = (_HERE / "samples" / f"{name}.csv").read_bytes()
    assert opened(content).detected()["known_file"] == _EXPECTED[name]["known_file"]
    assert read(content) == _EXPECTED[name]["rows"]


def shuffled(table: Rows) -> Rows:
    order = random.Random(7).sample(range(len(table[0])), len(table[0]))
    return [[row[at] for at in order] for row in table]


def in_capitals(table: Rows) -> Rows:
    return [[header.upper() for header in table[0]], *table[1:]]


def with_further_columns(table: Rows) -> Rows:
    return [["Shoe size", *table[0], "Favourite colour"], *(["", *row, ""] for row in table[1:])]


def one_row(table: Rows) -> Rows:
    return table[:2]


#: Thunderbird's French files have equal headers, which only their order tells apart: their columns are not shuffled.
_CHANGES = [
    (name, change)
    for name in sorted(_EXPECTED)
    for change in (shuffled, in_capitals, with_further_columns, one_row)
    if not (name.startswith("thunderbird-fr") and change is shuffled)
]


@pytest.mark.parametrize(("name", "change"), _CHANGES)
def test_a_changed_sample_arrives_as_well(name: str, change: Callable[[Rows], Rows]) -> None:
    with (_HERE / "samples" / f"{name}.csv").open("rb") as file:
        table = open_table(file, ReadOptions(), name=name)
        rows = [
            list(row)
            for batch in table.batches()
            for row in zip(*(c.to_pylist() for c in batch.cells.columns), strict=True)
        ]
    changed = change([list(table.header), *rows])
    content = StringIO()
    csv.writer(content).writerows(changed)
    found = read(content.getvalue().encode())
    assert opened(content.getvalue().encode()).detected()["known_file"] == _EXPECTED[name]["known_file"]
    assert list(map(of_a_kind, found)) == list(map(of_a_kind, _EXPECTED[name]["rows"]))[: len(changed) - 1]


def of_a_kind(row: dict[str, str]) -> dict[str, list[str]]:
    """Return the values of each kind: which of several phones is the first depends on the order of the columns."""
    kinds: dict[str, list[str]] = {}
    for field, value in row.items():
        kind = field.removeprefix("alternate_").partition(".")[0].removesuffix("s")
        # Groups of several columns are listed in the order of the columns.
        items = references.parse(value) if kind == "group" else None
        kinds.setdefault(kind, []).extend(items or [value])
    return {kind: sorted(values) for kind, values in kinds.items()}


def test_none_leaves_a_file_to_the_general_rules() -> None:
    content = (_HERE / "samples" / "ghost.csv").read_bytes()
    assert opened(content, known_file="none").detected()["known_file"] is None
    assert "groups.add" not in read(content, known_file="none")[0]


def test_what_is_known_sets_options_that_the_caller_left_open() -> None:
    content = (_HERE / "samples" / "ghost.csv").read_bytes()
    options = opened(content).import_.options
    assert (options.bad_cells, options.missing_groups, options.missing_name) == (
        "leave_out",
        "create",
        "email",
    )
    given = opened(content, bad_cells="reject", missing_groups="reject").import_.options
    assert (given.bad_cells, given.missing_groups, given.missing_name) == ("reject", "reject", "email")
    assert opened(content, known_file="none").import_.options.bad_cells is None
    assert opened(b"name,email\nJo Bell,jo@example.org\n").import_.options.missing_name is None


def test_a_name_that_is_none_and_a_broken_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (_HERE / "samples" / "ghost.csv").read_bytes()
    with pytest.raises(PermanentFailure, match="perhaps 'ghost' is meant") as unknown:
        opened(content, known_file="gost")
    assert unknown.value.code == "unknown_known_file"
    monkeypatch.setenv("IMPORTS_KNOWN_FILES", str(tmp_path / "nowhere"))
    with pytest.raises(PermanentFailure, match="unset IMPORTS_KNOWN_FILES") as broken:
        opened(content)
    assert broken.value.code == "invalid_known_file"
    assert opened(content, known_file="none").known is None
    with pytest.raises(InvalidOption, match="takes auto, none or a name"):
        opened(content, known_file="Not a name")
