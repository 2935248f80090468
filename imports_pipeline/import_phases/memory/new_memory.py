"""Makes the memory of a completed import from the files of its phases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.memory.memory_files import (
    FINGERPRINT,
    Flags,
    Run,
    halves_of,
    key_hashes,
    run_writer,
)
from imports_pipeline.import_phases.memory.recall import DOUBTFUL
from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.import_phases.preparsing import key_values, match_keys
from imports_pipeline.model.files import FINGERPRINTS, ITEMS, NEW_ROWS, REMEMBERED, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import Phase
from imports_pipeline.schemas.catalog import RESOURCES, IdentityKey
from imports_pipeline.schemas.cells import is_ascii

# Rows that are worked on at once.
_ROWS: Final = 50_000
#: The metadata of a run with the token and what was written.
_WRITTEN: Final = "written"


class Written(NamedTuple):
    """What a memory knows.

    Attributes:
        records: The number of records that the file names or that were kept.
        rows: The number of rows that it remembers, if it remembers every accepted row.
    """

    records: int
    rows: int | None


def write_memory(
    import_: Import, files: Files, kept: Sequence[str], rule: MemoryRule, token: str
) -> Written | None:
    """Write the rows that the import has accepted and its memory does not know as a run.

    Args:
        import_: the import.
        files: its files.
        kept: the records that an overwrite has kept although no accepted row names them.
        rule: which files are remembered.
        token: a token for ``find_memory``.

    Returns:
        What was written, or None if nothing was: a row fills in no identity key, there are too many rows or too
        few, or a file is gone.
    """
    if not all(files.exists(name) for name in (FINGERPRINTS, ITEMS)):
        return None
    memory = _NewMemory(import_, files)
    try:
        with run_writer(files, NEW_ROWS, len(memory.keys)) as writer:
            memory.write(writer, kept)
            rows, remembered = memory.named + import_.remembered, memory.remembered + import_.remembered
            if rows > rule.most_rows or remembered < rule.least_rows or memory.is_known:
                raise _NotRemembered
            written = Written(rows + len(kept), remembered if remembered == rows else None)
            writer.add_key_value_metadata({_WRITTEN: json.dumps([token, *written])})
    except _NotRemembered:
        files.delete(NEW_ROWS)
        return None
    return written


def find_memory(files: Files, token: str) -> Written | None:
    """Return what ``write_memory`` has written with this token, or None if it has written nothing with it."""
    if not files.exists(NEW_ROWS):
        return None
    try:
        with _opened(files, NEW_ROWS) as run:
            noted = (run.metadata.metadata or {}).get(_WRITTEN.encode(), b"[null]")
    except pa.ArrowException:
        # The file is damaged, and is written again.
        return None
    found, *written = json.loads(noted)
    return Written(*written) if found == token else None


class _NotRemembered(Exception):
    """A row fills in no identity key, there are too many rows or too few, or a fingerprint is known already."""


class _NewMemory:
    """The rows of one import as they become a run."""

    def __init__(self, import_: Import, files: Files) -> None:
        """Take the import and its files."""
        options = import_.options
        self._import, self._files = import_, files
        with Rows(files) as rows:
            fields = rows.layout.fields
        keys = match_keys(RESOURCES[import_.resource], options.match_on, options.action)
        self.keys = tuple(key for key in keys if set(key.fields) <= set(fields))
        #: The number of rows that name a record, and of those that are remembered.
        self.named = self.remembered = 0
        #: True if a row has the fingerprint of a row that the memory of the file before knows.
        self.is_known = False

    def write(self, writer: pq.ParquetWriter, kept: Sequence[str]) -> None:
        """Write the remembered rows, and then the records that are only named. Raises ``_NotRemembered``."""
        rejected = rejections.lines(self._files, [Phase.PARSING, Phase.VALIDATION])
        run = Run.read(self._files, REMEMBERED) if self._import.remembered else None
        only_named = [pa.array(kept, pa.string())]
        with Rows(self._files) as rows, _opened(self._files, FINGERPRINTS) as noted:
            doubtful = json.loads((noted.metadata.metadata or {}).get(DOUBTFUL, b"[]"))
            keys = _Lines(_keys_of(rows, self.keys), _key_schema(len(self.keys)))
            fingerprints = _Lines(noted.iter_batches(_ROWS), noted.schema_arrow)
            for items in _items(self._files, rejected):
                lines = items["line"].to_numpy()
                hashes, found = keys.of(lines), fingerprints.of(lines)
                known = _alone(found, lines, doubtful) & _alone(hashes.filter(hashes["plain"]), lines, ())
                ids, known_lines = items["id"].combine_chunks(), lines[known]
                fingerprint = _taken(found, known_lines, "fingerprint")
                named = [_taken(hashes, known_lines, f"k{k}") for k in range(len(self.keys))]
                columns = [fingerprint, ids.filter(pa.array(known)), *named]
                writer.write_table(pa.table(columns, schema=writer.schema))
                only_named.append(ids.filter(pa.array(~known)))
                self.named += len(lines)
                self.remembered += len(known_lines)
                self.is_known |= run is not None and bool((run.index.find(halves_of(fingerprint)) >= 0).any())
            # The other rows were rejected. They too must fill in a key.
            keys.pass_over()
        ids = pa.concat_arrays(only_named)
        nothing = [pa.array(np.zeros(len(ids), np.uint64)) for _ in self.keys]
        writer.write_table(pa.table([pa.nulls(len(ids), FINGERPRINT), ids, *nothing], writer.schema))


class _Lines:
    """Batches with a ``line`` in ascending order, read as their lines are wanted."""

    def __init__(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        """Take the batches and their schema."""
        self._batches = batches
        self._left = schema.empty_table()

    def of(self, lines: np.ndarray) -> pa.Table:
        """Return the rows up to the last of some ascending lines, and from the last one of the call before."""
        some = [self._left]
        while not some[-1].num_rows or some[-1]["line"][-1].as_py() <= lines[-1]:
            if (batch := next(self._batches, None)) is None:
                break
            some.append(pa.Table.from_batches([batch]))
        rows = pa.concat_tables(some).combine_chunks()
        # A line may be wanted again, if two records begin in it.
        self._left = rows.slice(int(np.searchsorted(rows["line"].to_numpy(), lines[-1])))
        return rows.slice(0, int(np.searchsorted(rows["line"].to_numpy(), lines[-1], side="right")))

    def pass_over(self) -> None:
        """Read the batches that are left."""
        for _ in self._batches:
            pass


@contextmanager
def _opened(files: Files, name: str) -> Iterator[pq.ParquetFile]:
    with files.open_read(name) as file:
        yield pq.ParquetFile(file, pre_buffer=False)


def _items(files: Files, rejected: pa.Array) -> Iterator[pa.Table]:
    """Yield ``line`` and ``id`` of the items that were not rejected; no table is empty."""
    with _opened(files, ITEMS) as items:
        for batch in items.iter_batches(_ROWS, columns=["line", "id"]):
            kept = pa.Table.from_batches([batch])
            kept = kept.filter(pc.invert(pc.is_in(kept["line"], value_set=rejected)))
            if kept.num_rows:
                yield kept


def _keys_of(rows: Rows, keys: Sequence[IdentityKey]) -> Iterator[pa.RecordBatch]:
    """Yield ``line``, the hashes of the keys (``k0`` …), and if they compare alike here and in PostgreSQL (``plain``).

    Raises:
        _NotRemembered: a row fills in no key.
    """
    names = list(dict.fromkeys(name for key in keys for name in key.fields))
    schema = _key_schema(len(keys))
    for batch in rows.values(names):
        hashes = key_hashes(batch, keys)
        if not (np.max(hashes, axis=0, initial=0) > 0).all():
            raise _NotRemembered
        plain: Flags = np.ones(batch.num_rows, np.bool_)
        for key in keys:
            values = key_values(batch, key)
            # Arrow and PostgreSQL may differ in the lower case of other letters.
            if key.lower and not is_ascii(values.drop_null()):
                plain &= pc.fill_null(pc.string_is_ascii(values), True).to_numpy(zero_copy_only=False)
        columns = [batch.column("line"), *(pa.array(one, pa.uint64()) for one in hashes), pa.array(plain)]
        yield pa.record_batch(columns, schema=schema)


def _key_schema(keys: int) -> pa.Schema:
    hashes = [(f"k{number}", pa.uint64()) for number in range(keys)]
    return pa.schema([("line", pa.int64()), *hashes, ("plain", pa.bool_())])


def _alone(rows: pa.Table, lines: np.ndarray, doubtful: Sequence[tuple[int, int]]) -> Flags:
    """Return which lines have one row, and are not between the first and the last of doubtful ones.

    Two records that begin in one line cannot be told apart.
    """
    of = rows["line"].to_numpy()
    alone: Flags = np.searchsorted(of, lines, side="right") - np.searchsorted(of, lines) == 1
    for first, last in doubtful:
        alone &= (lines < first) | (lines > last)
    return alone


def _taken(rows: pa.Table, lines: np.ndarray, name: str) -> pa.Array:
    """Return a column of the rows of some lines, each of which has one."""
    return rows[name].combine_chunks().take(pa.array(np.searchsorted(rows["line"].to_numpy(), lines)))
