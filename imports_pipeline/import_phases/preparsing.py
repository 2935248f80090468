"""Preparsing, the second phase: rejects rows of the file that share an identity value with another row.

It reads the identity columns only, and finds candidates by a 64-bit hash of each value, so that memory holds 8 bytes a
row. Then it compares the texts of the candidates, so that the result is exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.model.files import Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action, DuplicateHandling
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.schemas.catalog import RESOURCES, IdentityKey, Resource

# The separator between the values of a key of several fields. Prevalidation rejects cells that contain it.
_SEPARATOR = "\0"


def match_keys(resource: Resource, match_on: Sequence[str], action: Action) -> tuple[IdentityKey, ...]:
    """Return the identity keys that a row is matched by, in order. A delete matches by the id alone.

    A filled-in id always decides which record a row stands for, so it comes first if ``match_on`` lacks it.
    """
    if action is Action.DELETE:
        return (resource.key("id"),)
    keys = tuple(resource.key(name) for name in (match_on or resource.default_match_on))
    return keys if resource.key("id") in keys else (resource.key("id"), *keys)


def key_values(batch: pa.RecordBatch, key: IdentityKey) -> pa.Array:
    """Return the value of a key for each row as one text, null if any of its fields is blank."""
    parts = [batch.column(field) for field in key.fields]
    value = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _SEPARATOR)
    return pc.utf8_lower(value) if key.lower else value


def preparse(import_: Import, files: Files) -> PhaseResult:
    """Reject the duplicates among the accepted rows, as ``duplicate_handling`` says.

    Under ``ignore_all`` every row of a group of duplicates is rejected, under ``use_first`` every row but the first.
    ``facts`` holds ``duplicate_handling``, and as ``duplicates`` the number of rows that each key rejects.
    """
    keys = match_keys(RESOURCES[import_.resource], import_.options.match_on, import_.options.action)
    with Rows(files) as rows:
        # A row that two keys reject has two errors, but counts as one rejected row.
        errors = {
            key.name: _duplicates(rows, key, import_.options.duplicate_handling)
            for key in keys
            if all(field in rows.layout.fields for field in key.fields)
        }
    count = rejections.write(files, Phase.PREPARSING, errors.values())
    facts = {
        "duplicate_handling": import_.options.duplicate_handling.value,
        "duplicates": {name: len(found["line"].unique()) for name, found in errors.items()},
    }
    return PhaseResult(Phase.PREPARSING, rows.count + import_.remembered, count, facts)


def _duplicates(rows: Rows, key: IdentityKey, policy: DuplicateHandling) -> pa.Table:
    candidates = _candidates(rows, key)
    if not len(candidates):
        return rejections.SCHEMA.empty_table()
    frame = _values_of(rows, key, candidates)
    groups = frame.groupby("value", sort=False)["line"]
    first = groups.transform("first")
    size = groups.transform("size")
    second = frame["line"].where(groups.cumcount() == 1).groupby(frame["value"], sort=False).transform("max")
    is_first = frame["line"] == first
    rejected = (size > 1) & (~is_first if policy is DuplicateHandling.USE_FIRST else True)
    lines = frame.loc[rejected, "line"]
    other = first.where(~is_first, second)[rejected].astype("int64")
    name = "+".join(key.fields)
    kept = ", which comes first" if policy is DuplicateHandling.USE_FIRST else ""
    shown = frame.loc[rejected, "value"].str.replace(_SEPARATOR, ", ", regex=False)
    messages = f"same {name} as line " + other.astype(str) + f"{kept}; keep one row for each {name}"
    return rejections.table(
        pa.array(lines.to_numpy()),
        "duplicate_row",
        name,
        pa.array(shown, pa.string()),
        pa.array(messages, pa.string()),
    )


def _candidates(rows: Rows, key: IdentityKey) -> np.ndarray:
    """Return the hashes that occur more than once. In rare cases two different texts have the same hash."""
    # The array is filled and sorted in place. These 8 bytes a row are the only memory that grows with the file.
    hashes = np.empty(rows.count, dtype=np.uint64)
    count = 0
    for batch in rows.values(key.fields):
        hashed = hash_text(key_values(batch, key).drop_null())
        hashes[count : count + len(hashed)] = hashed
        count += len(hashed)
    hashes = hashes[:count]
    hashes.sort()
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _values_of(rows: Rows, key: IdentityKey, candidates: np.ndarray) -> pd.DataFrame:
    frames = []
    for batch in rows.values(key.fields):
        values = key_values(batch, key)
        filled = pc.is_valid(values)
        lines = batch.column("line").filter(filled).to_numpy()
        values = values.drop_null()
        hashes = hash_text(values)
        chosen = candidates[np.searchsorted(candidates, hashes).clip(max=len(candidates) - 1)] == hashes
        frames.append(
            pd.DataFrame(
                {"line": lines[chosen], "value": values.filter(pa.array(chosen)).to_pandas(types_mapper=None)}
            )
        )
    return pd.concat(frames, ignore_index=True)


def hash_text(values: pa.Array) -> np.ndarray:
    """Return a 64-bit hash of each text of a string array without nulls: a polynomial over the bytes, then mixed."""
    count = len(values)
    if count == 0:
        return np.empty(0, dtype=np.uint64)
    values = pc.cast(values, pa.large_string())
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int64)[values.offset : values.offset + count + 1]
    data = values.buffers()[2]
    body = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]] if data else np.empty(0, np.uint8)
    starts = offsets[:-1] - offsets[0]
    lengths = np.diff(offsets)
    position = np.arange(len(body), dtype=np.int64) - np.repeat(starts, lengths)
    terms = (body.astype(np.uint64) + np.uint64(1)) * _powers(int(lengths.max(initial=0)))[position]
    sums = np.zeros(count, dtype=np.uint64)
    filled = lengths > 0
    if filled.any():
        sums[filled] = np.add.reduceat(terms, starts[filled])
    # The finaliser of splitmix64 (Steele, Lea, Flood 2014) spreads the sum over all bits.
    sums ^= sums >> np.uint64(30)
    sums *= np.uint64(0xBF58476D1CE4E5B9)
    sums ^= sums >> np.uint64(27)
    sums *= np.uint64(0x94D049BB133111EB)
    return sums ^ (sums >> np.uint64(31))


def _powers(count: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.cumprod(np.full(max(count, 1), 0x9E3779B97F4A7C15, dtype=np.uint64))
