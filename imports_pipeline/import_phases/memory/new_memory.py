"""Makes the memory of a completed import from the files of its phases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.memory.fingerprints import Halves
from imports_pipeline.import_phases.memory.memory_files import (
    Flags,
    Run,
    halves_of,
    key_hashes,
    run_schema,
    write_run,
)
from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.import_phases.memory.row_reading import DOUBTFUL
from imports_pipeline.import_phases.preparsing import key_values, match_keys
from imports_pipeline.model.files import FINGERPRINTS, ITEMS, NEW_ROWS, REMEMBERED, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import Phase
from imports_pipeline.schemas.catalog import RESOURCES, IdentityKey
from imports_pipeline.schemas.cells import is_ascii


class Written(NamedTuple):
    """What a memory knows.

    Attributes:
        records: The number of records that the file names or that were kept.
        rows: The number of rows that it remembers, if it remembers every accepted row.
    """

    records: int
    rows: int | None


def write_memory(import_: Import, files: Files, kept: Sequence[str], rule: MemoryRule) -> Written | None:
    """Write the rows that the import has accepted and its memory does not know as a run.

    Args:
        import_: the import.
        files: its files.
        kept: the records that an overwrite has kept although no accepted row names them.
        rule: which files are remembered.

    Returns:
        What was written, or None if nothing was: a row fills in no identity key, there are too many rows or too
        few, or a file is gone.
    """
    if not all(files.exists(name) for name in (FINGERPRINTS, ITEMS)):
        return None
    resource = RESOURCES[import_.resource]
    keys = match_keys(resource, import_.options.match_on, import_.options.action)
    with Rows(files) as rows:
        keys = tuple(key for key in keys if set(key.fields) <= set(rows.layout.fields))
        lines, hashes, plain = _keys_of(rows, keys)
    if not (np.max(hashes, axis=0, initial=0) > 0).all():
        return None
    with files.open_read(ITEMS) as file:
        items = pq.read_table(file, columns=["line", "id"], pre_buffer=False)
    rejected = rejections.lines(files, [Phase.PARSING, Phase.VALIDATION])
    items = items.filter(pc.invert(pc.is_in(items["line"], value_set=rejected)))
    if items.num_rows + import_.remembered > rule.most_rows:
        return None
    of_item = items["line"].to_numpy()
    at = np.searchsorted(lines, of_item)
    known, fingerprints = _fingerprints(files, of_item)
    known &= plain[at]
    if known.sum() + import_.remembered < rule.least_rows:
        return None
    fingerprint = fingerprints.take(pa.array(np.flatnonzero(known)))
    columns: list[Any] = [items["id"].combine_chunks(), *(pa.array(one[at], pa.uint64()) for one in hashes)]
    schema = run_schema(len(keys))
    remembered = pa.table([fingerprint, *(one.filter(pa.array(known)) for one in columns)], schema=schema)
    others = [items["id"].combine_chunks().filter(pa.array(~known)), pa.array(kept, pa.string())]
    named = pa.concat_arrays([others[0], others[1]])
    nothing = [pa.array(np.zeros(len(named), np.uint64)) for _ in keys]
    only_named = pa.table(
        [pa.nulls(len(named), schema.field("fingerprint").type), named, *nothing], schema=schema
    )
    if _is_ambiguous(files, halves_of(remembered["fingerprint"]), import_):
        return None
    write_run(files, NEW_ROWS, pa.concat_tables([remembered, only_named]))
    return Written(
        items.num_rows + import_.remembered + len(kept),
        len(known) + import_.remembered if known.all() else None,
    )


def _is_ambiguous(files: Files, fingerprints: Halves, import_: Import) -> bool:
    """Return True if two different rows may have the same fingerprint. With 128 bits that does not happen."""
    first = np.sort(fingerprints[:, 0])
    if (first[1:] == first[:-1]).any():
        return True
    return import_.remembered > 0 and bool((Run.read(files, REMEMBERED).find(fingerprints) >= 0).any())


def _keys_of(rows: Rows, keys: Sequence[IdentityKey]) -> tuple[np.ndarray, list[np.ndarray], Flags]:
    """Return the lines of all rows, the hashes of their keys, and which rows compare alike here and in PostgreSQL."""
    lines: list[np.ndarray] = [np.zeros(0, np.int64)]
    hashes: list[list[np.ndarray]] = [[np.zeros(0, np.uint64)] for _ in keys]
    plain: list[Flags] = [np.zeros(0, np.bool_)]
    names = list(dict.fromkeys(name for key in keys for name in key.fields))
    for batch in rows.values(names):
        lines.append(batch.column("line").to_numpy())
        ascii_only: Flags = np.ones(batch.num_rows, np.bool_)
        for key, some, found in zip(keys, hashes, key_hashes(batch, keys), strict=True):
            some.append(found)
            values = key_values(batch, key)
            # Arrow and PostgreSQL may differ in the lower case of other letters.
            if key.lower and not is_ascii(values.drop_null()):
                ascii_only &= pc.fill_null(pc.string_is_ascii(values), True).to_numpy(zero_copy_only=False)
        plain.append(ascii_only)
    return np.concatenate(lines), [np.concatenate(some) for some in hashes], np.concatenate(plain)


def _fingerprints(files: Files, wanted: np.ndarray) -> tuple[Flags, pa.Array]:
    """Return which lines have a fingerprint that may be remembered, and the fingerprint of each line."""
    with files.open_read(FINGERPRINTS) as file:
        parquet = pq.ParquetFile(file, pre_buffer=False)
        noted = parquet.read()
        doubtful = json.loads((parquet.metadata.metadata or {}).get(DOUBTFUL, b"[]"))
    lines = noted["line"].to_numpy()
    if not len(lines):
        return np.zeros(len(wanted), np.bool_), pa.nulls(len(wanted), noted.schema.field("fingerprint").type)
    at = np.searchsorted(lines, wanted).clip(max=len(lines) - 1)
    known: Flags = lines[at] == wanted
    # Two records that begin in one line cannot be told apart.
    alone = np.searchsorted(lines, wanted, side="right") - np.searchsorted(lines, wanted) == 1
    known &= alone
    for first, last in doubtful:
        known &= (wanted < first) | (wanted > last)
    return known, noted["fingerprint"].combine_chunks().take(pa.array(at))
