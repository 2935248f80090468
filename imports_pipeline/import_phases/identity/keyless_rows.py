"""The notice about rows that fill in no key: how many there are, and which ``match_on`` would match them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.preparsing import key_values
from imports_pipeline.import_phases.text_hashes import hash_values
from imports_pipeline.model.notices import Notice
from imports_pipeline.schemas.catalog import IdentityKey, Resource

Batches = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class _Candidate:
    """A key that the import does not match on.

    Attributes:
        key: the key.
        told_apart: the number of rows without keys whose value of this key no other row has.
        shared: the number of rows that share their value of this key with another row.
    """

    key: IdentityKey
    told_apart: int
    shared: int


def notice(
    resource: Resource,
    keys: Sequence[IdentityKey],
    matched: int,
    new: int,
    fields: Sequence[str],
    rows: Batches,
) -> Notice:
    """Return the notice about the rows that fill in none of ``keys``.

    Args:
        keys: the keys that rows are matched on.
        matched: how many such rows were matched by their values.
        new: how many such rows become new records.
        fields: the fields of the file.
        rows: returns ``line`` and the named fields of all rows.
    """
    of_file = [key for key in keys if set(key.fields) <= set(fields)]
    others = [key for key in resource.keys if key not in keys and set(key.fields) <= set(fields)]
    used, candidates = _find_candidates(of_file, others, rows)
    names = ", ".join("+".join(key.fields) for key in keys if key.fields != ("id",)) or "id"
    became = []
    if matched:
        became.append(
            f"{matched:,} {'equal' if matched > 1 else 'equals'} a stored {resource.name} in every value given and"
            f" {_are(matched)} taken for it"
        )
    if new:
        became.append(f"{new:,} {_are(new)} new")
    count = matched + new
    message = (
        f"{count:,} {'rows fill' if count > 1 else 'row fills'} in none of {names}: {', '.join(became)};"
        f" {_advice(candidates, used, count, names)}."
    )
    return Notice("rows_without_keys" if new else "rows_matched_by_values", message)


def _are(count: int) -> str:
    return "are" if count > 1 else "is"


def _find_candidates(
    of_file: Sequence[IdentityKey], others: Sequence[IdentityKey], rows: Batches
) -> tuple[list[IdentityKey], list[_Candidate]]:
    """Return the keys that some row fills in, and a candidate for each of the ``others``."""
    wanted = dict.fromkeys(field for key in (*of_file, *others) for field in key.fields)
    used: dict[str, IdentityKey] = {}
    hashes: dict[str, list[np.ndarray]] = {key.name: [] for key in others}
    lacking: dict[str, list[np.ndarray]] = {key.name: [] for key in others}
    for batch in rows(list(wanted)):
        without = np.ones(batch.num_rows, np.bool_)
        for key in of_file:
            filled = reduce(pc.and_, (pc.is_valid(batch.column(field)) for field in key.fields))
            filled = filled.to_numpy(zero_copy_only=False)
            without &= ~filled
            if filled.any():
                used[key.name] = key
        for key in others:
            values = key_values(batch, key)
            filled = values.is_valid()
            hashes[key.name].append(hash_values(values.drop_null()))
            lacking[key.name].append(without[filled.to_numpy(zero_copy_only=False)])
    candidates = []
    for key in others:
        if not hashes[key.name]:
            continue
        every, of_lacking = np.concatenate(hashes[key.name]), np.concatenate(lacking[key.name])
        _, place, counts = np.unique(every, return_inverse=True, return_counts=True)
        alone = counts[place] == 1
        candidates.append(_Candidate(key, int((alone & of_lacking).sum()), int((~alone).sum())))
    return [key for key in of_file if key.name in used and key.fields != ("id",)], candidates


def _advice(candidates: Sequence[_Candidate], used: Sequence[IdentityKey], count: int, names: str) -> str:
    """Return the advice to use the ``match_on`` that tells the most rows apart and rejects the fewest."""
    best = max(candidates, key=lambda one: (one.told_apart - one.shared, one.told_apart), default=None)
    if best is None or best.told_apart <= best.shared:
        return f"fill in one of {names}, so that a row whose values change is recognized"
    match_on = ",".join(key.name for key in (*used, best.key))
    matched = "all of them" if best.told_apart == count else f"{best.told_apart:,} of them"
    rejects = f", and reject {best.shared:,} rows that share a {best.key.name}" if best.shared else ""
    return f"`match_on {match_on}` would match {matched}, even if their other values change{rejects}"
