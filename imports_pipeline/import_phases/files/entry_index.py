"""Pages of a file that is a JSON array with one entry a line, such as ``plan.json``, read without what is before them.

An index file beside it has the place of each entry and the values by which entries are filtered. It is written when
a page is read for the first time. It names the version of its file, so a file that is written anew gets a new index.
Blocks of some megabytes are read at a time, and no Python runs once for each entry.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.freed_memory import releasing_memory

# The bytes of entries that are read at once. Their places are one row group of the index.
_BLOCK: Final = 4 << 20
_VERSION: Final = b"version"
_COUNTS: Final = b"counts"
_PLACE: Final = (pa.field("offset", pa.int64()), pa.field("length", pa.int64()))
# A file may be replaced while its page is read; then the page is read once more.
_ATTEMPTS: Final = 2

#: Returns for each entry of an index whether it is wanted.
Filter = Callable[[pa.Table], pa.Array]


@dataclass(frozen=True)
class EntryFile:
    """A kind of file with an index.

    Attributes:
        name: The name of the file.
        index: The name of its index.
        members: The members of an entry that the index needs.
        columns: Makes the columns of the index, which have names of their own, of these members.
        counted: The column whose values are counted, each once an entry: a column of texts, or of lists of texts.
    """

    name: str
    index: str
    members: pa.Schema
    columns: Callable[[pa.Table], pa.Table]
    counted: str


@dataclass(frozen=True)
class Page:
    """A page of entries.

    Attributes:
        entries: The entries, as they are in the file.
        total: The number of entries that the filter lets through.
        counts: Value of the counted column → number of entries, of the whole file.
    """

    entries: list[dict[str, Any]]
    total: int
    counts: Mapping[str, int]


def read_page(
    folder: Folder,
    kind: EntryFile,
    first: int,
    count: int,
    wanted: Filter | None = None,
    needs: Sequence[str] = (),
) -> Page | None:
    """Return a page of a file, or None if the folder has no such file.

    Args:
        folder: The folder of the import.
        kind: The kind of file.
        first: The number of wanted entries before the page.
        count: The largest number of entries on the page.
        wanted: Which entries are wanted; by default all of them.
        needs: The columns of the index that ``wanted`` looks at.
    """
    for attempt in range(_ATTEMPTS):
        stored = folder.stat(kind.name)
        if stored is None:
            return None
        try:
            return _page(folder, kind, stored.version, first, count, wanted, needs)
        except (ValueError, FileNotFoundError):
            replaced = folder.stat(kind.name) != stored
            if not replaced or attempt + 1 == _ATTEMPTS:
                raise
    return None


def _page(
    folder: Folder,
    kind: EntryFile,
    version: str,
    first: int,
    count: int,
    wanted: Filter | None,
    needs: Sequence[str],
) -> Page:
    if not _is_current(folder, kind, version):
        _write_index(folder, kind, version)
    with folder.open_read(kind.index) as file, pq.ParquetFile(file, pre_buffer=False) as index:
        counts = json.loads(index.metadata.metadata[_COUNTS])
        places, total = _places(index, first, count, wanted, needs)
    with folder.open_read(kind.name) as file:
        return Page([_entry(file, *place) for place in places], total, counts)


def _entry(file: BinaryIO, offset: int, length: int) -> dict[str, Any]:
    file.seek(offset)
    entry: dict[str, Any] = json.loads(file.read(length))
    return entry


def _places(
    index: pq.ParquetFile, first: int, count: int, wanted: Filter | None, needs: Sequence[str]
) -> tuple[list[tuple[int, int]], int]:
    """Return offset and length of the entries of a page, and the number of all wanted entries."""
    places: list[tuple[int, int]] = []
    total = 0
    for group in range(index.num_row_groups):
        rows = index.metadata.row_group(group).num_rows
        chosen: np.ndarray | None = None
        if wanted is not None:
            mask = wanted(index.read_row_group(group, columns=list(needs)))
            chosen = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
            rows = len(chosen)
        begin, end = max(first - total, 0), min(first + count - total, rows)
        total += rows
        if begin < end:
            at = np.arange(begin, end) if chosen is None else chosen[begin:end]
            found = index.read_row_group(group, columns=["offset", "length"]).take(pa.array(at))
            places += zip(found["offset"].to_pylist(), found["length"].to_pylist(), strict=True)
    return places, total


def _is_current(folder: Folder, kind: EntryFile, version: str) -> bool:
    if not folder.exists(kind.index):
        return False
    with folder.open_read(kind.index) as file:
        return bool(pq.read_metadata(file).metadata.get(_VERSION) == version.encode())


def _write_index(folder: Folder, kind: EntryFile, version: str) -> None:
    counts: Counter[str] = Counter()
    empty = _columns(kind, kind.members.empty_table(), np.empty(0, np.int64), np.empty(0, np.int64))
    schema = empty.schema.with_metadata({_VERSION: version.encode()})
    with (
        folder.open_read(kind.name) as file,
        folder.open_write(kind.index) as out,
        pq.ParquetWriter(out, schema, compression="lz4") as writer,
    ):
        for begin, block in releasing_memory(_blocks(file)):
            offset, length = _entry_places(block)
            if not len(offset):
                continue
            table = _columns(kind, _parsed(block, kind.members), begin + offset, length)
            counts.update(_counted(table[kind.counted].combine_chunks()))
            writer.write_table(table.cast(schema))
        writer.add_key_value_metadata({_COUNTS.decode(): json.dumps(counts)})


def _columns(kind: EntryFile, members: pa.Table, offset: np.ndarray, length: np.ndarray) -> pa.Table:
    table = kind.columns(members)
    for field, values in zip(_PLACE, (offset, length), strict=True):
        table = table.append_column(field, pa.array(values, pa.int64()))
    return table


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the file in blocks of whole lines, each with its offset."""
    offset, rest = 0, b""
    while read := file.read(_BLOCK):
        rest += read
        end = rest.rfind(b"\n") + 1
        if end:
            yield offset, rest[:end]
            offset, rest = offset + end, rest[end:]


def _entry_places(block: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the offset and the length of each entry of a block. Other lines have a bracket of the array only."""
    text = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    begins = np.concatenate(([0], ends[:-1] + 1))
    has_comma = text[np.maximum(ends - 1, 0)] == ord(",")
    is_entry = text[begins] == ord("{")
    return begins[is_entry], (ends - begins - has_comma)[is_entry]


def _parsed(block: bytes, members: pa.Schema) -> pa.Table:
    """Return members of the entries of a block. JSON has no line ends within an entry."""
    lines = block.removeprefix(b"[\n").removesuffix(b"]\n").replace(b",\n", b"\n")
    return pa_json.read_json(
        pa.BufferReader(lines),
        read_options=pa_json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pa_json.ParseOptions(explicit_schema=members, unexpected_field_behavior="ignore"),
    )


def _counted(column: pa.Array) -> dict[str, int]:
    """Return each value with the number of entries that have it."""
    if pa.types.is_list(column.type):
        pairs = pa.table({"entry": pc.list_parent_indices(column), "value": pc.list_flatten(column)})
        column = pairs.group_by(["entry", "value"]).aggregate([])["value"].combine_chunks()
    return {one["values"]: one["counts"] for one in column.value_counts().to_pylist()}
