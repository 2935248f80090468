"""Pages of a file with one entry a line: found by its index, whatever the file's size and the filter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.files import entry_index
from imports_pipeline.import_phases.files.entry_index import EntryFile, read_page

KIND = EntryFile(
    "some.json",
    "some.index.parquet",
    pa.schema([("kind", pa.string()), ("tags", pa.list_(pa.string()))]),
    lambda members: members,
    "tags",
)
TEXTS = ("plain", 'quo"te, and comma', "two\nlines", "[", "}", "ä ß 漢字 😀", "\u2028", ",\n")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return LocalStore(tmp_path).folder("imports/one")


def _entries(count: int) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "kind": "even" if number % 2 == 0 else "odd",
            "tags": ["all", *(["third", "third"] if number % 3 == 0 else [])],
            "text": TEXTS[number % len(TEXTS)] * (number % 7),
        }
        for number in range(count)
    ]


def _write(folder: Folder, entries: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    with folder.open_write(KIND.name) as file:
        file.write(b"[\n" + lines.encode() + b"\n]\n" if entries else b"[]\n")


def _even(entries: pa.Table) -> pa.Array:
    return pc.equal(entries["kind"], "even").combine_chunks()


# From a block that holds no line to one that holds all of them.
@pytest.mark.parametrize("block", [7, 100, 1000, 1 << 20])
def test_every_page_has_its_entries(folder: Folder, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_index, "_BLOCK", block)
    entries = _entries(100)
    _write(folder, entries)
    even = entries[::2]
    for first in range(0, 103, 17):
        page = read_page(folder, KIND, first, 17)
        assert page is not None
        assert (page.entries, page.total) == (entries[first : first + 17], 100)
        assert page.counts == {"all": 100, "third": 34}, "an entry counts once for each of its tags"
        page = read_page(folder, KIND, first, 17, _even, ["kind"])
        assert page is not None
        assert (page.entries, page.total) == (even[first : first + 17], 50)


def test_a_file_without_entries_and_no_file(folder: Folder) -> None:
    assert read_page(folder, KIND, 0, 5) is None
    _write(folder, [])
    page = read_page(folder, KIND, 0, 5, _even, ["kind"])
    assert page is not None
    assert (page.entries, page.total, page.counts) == ([], 0, {})


def test_a_file_that_is_written_anew_has_a_new_index(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(folder, _entries(3))
    assert read_page(folder, KIND, 0, 5) is not None
    _write(folder, _entries(4))
    page = read_page(folder, KIND, 0, 5)
    assert page is not None
    assert page.total == 4
    place = entry_index._places

    def replaced(*arguments: Any) -> Any:
        """Replace the file between the reading of its index and of its entries, once."""
        monkeypatch.setattr(entry_index, "_places", place)
        found = place(*arguments)
        _write(folder, _entries(9)[5:])
        return found

    monkeypatch.setattr(entry_index, "_places", replaced)
    page = read_page(folder, KIND, 0, 5)
    assert page is not None
    assert page.entries == _entries(9)[5:]
