"""Preparsing, the second phase: rejects rows of the file that share an identity value with another row.

It reads the identity columns only, and finds candidates by a 64-bit hash of each value, so that memory holds 8 bytes a
row. Then it compares the texts of the candidates, so that the result is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Rows
from imports_pipeline.import_phases.text_hashes import hash_values
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
    lines, values = _values_of(rows, key, candidates)
    encoded = values.dictionary_encode()
    group = pa.chunked_array([chunk.indices for chunk in encoded.chunks]).to_numpy()
    size = np.bincount(group)
    by_group = np.argsort(group, kind="stable")
    begin = np.cumsum(size) - size
    first, second = by_group[begin], by_group[np.minimum(begin + 1, len(group) - 1)]
    is_first = first[group] == np.arange(len(group))
    rejected = size[group] > 1
    if policy is DuplicateHandling.USE_FIRST:
        rejected &= ~is_first
    other = lines[np.where(is_first, second[group], first[group])[rejected]]
    name = "+".join(key.fields)
    kept = ", which comes first" if policy is DuplicateHandling.USE_FIRST else ""
    shown = pc.replace_substring(values.filter(pa.array(rejected)), _SEPARATOR, ", ")
    messages = pc.binary_join_element_wise(
        f"same {name} as line ",
        pa.array(other).cast(pa.string()),
        f"{kept}; keep one row for each {name}",
        "",
    )
    return rejections.table(pa.array(lines[rejected]), "duplicate_row", name, shown, messages)


def _candidates(rows: Rows, key: IdentityKey) -> np.ndarray:
    """Return the hashes that occur more than once. In rare cases two different texts have the same hash."""
    # The array is filled and sorted in place. These 8 bytes a row are the only memory that grows with the file.
    hashes = np.empty(rows.count, dtype=np.uint64)
    count = 0
    for batch in rows.values(key.fields):
        hashed = hash_values(key_values(batch, key).drop_null())
        hashes[count : count + len(hashed)] = hashed
        count += len(hashed)
    hashes = hashes[:count]
    hashes.sort()
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _values_of(
    rows: Rows, key: IdentityKey, candidates: np.ndarray
) -> tuple[np.ndarray[Any, Any], pa.ChunkedArray]:
    """Return the line and the value of each row whose value has one of these hashes, in order of line."""
    lines, found = [], []
    for batch in rows.values(key.fields):
        values = key_values(batch, key)
        line = batch.column("line").filter(values.is_valid()).to_numpy()
        values = values.drop_null()
        hashes = hash_values(values)
        chosen = candidates[np.searchsorted(candidates, hashes).clip(max=len(candidates) - 1)] == hashes
        lines.append(line[chosen])
        found.append(values.filter(pa.array(chosen)))
    return np.concatenate(lines), pa.chunked_array(found)
