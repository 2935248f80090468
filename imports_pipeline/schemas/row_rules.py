"""The rules over several cells of a row, such as required values. They work on whole columns.

A required value is missing only if its cell is blank. An invalid value has an error of its own, and its row is not
reported as incomplete in addition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model.option_choices import Action, BlankCells
from imports_pipeline.schemas.catalog import Resource


@dataclass(frozen=True)
class Violation:
    """The rows (0-based) that break a rule, the field that the error names, and a message that says what to do."""

    rows: np.ndarray
    code: str
    field: str
    message: str


def blank_rows(filled: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """Return which of ``count`` rows have only blank cells; ``filled`` has for each field which rows fill it in."""
    blank = np.ones(count, dtype=bool)
    for cells in filled.values():
        blank &= ~cells
    return blank


def required_values(
    resource: Resource,
    filled: Mapping[str, np.ndarray],
    count: int,
    *,
    action: Action,
    match_on: Sequence[str],
    blank_cells: BlankCells,
    stands_in: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Violation]:
    """Yield the rows that leave a needed field blank, with at most one error for each row and field.

    A row of ``delete`` needs its id. Any other row needs all required fields of the resource, or all fields of one key
    of ``match_on``. The error of an incomplete row names the first required field that it leaves blank. With
    ``blank_cells: clear`` every blank cell in a required column is an error, since a required value cannot be cleared.

    Args:
        resource: the resource of the rows.
        filled: for each field of the file, which rows fill it in.
        count: the number of rows.
        action: the action of the import.
        match_on: the names of the identity keys.
        blank_cells: what a blank cell means.
        stands_in: for a required field, which rows have another value for it.
    """
    if action is Action.DELETE:
        lacking = ~_all(filled, ("id",), count)
        yield _required(lacking, "id", "`id` is blank; a row that deletes needs the id of its record")
        return
    keys = [resource.key(name).fields for name in match_on]
    columns = set(filled)
    filled = {**filled}
    for field, rows in (stands_in or {}).items():
        filled[field] = filled.get(field, False) | rows
    incomplete = ~_all(filled, resource.required, count)
    for key in keys:
        incomplete &= ~_all(filled, key, count)
    instead = _key_names([key for key in keys if key != resource.required])
    advice = f"fill it in, or {instead} of a stored {resource.name}" if instead else "fill it in"
    for field in resource.required:
        blank = ~_all(filled, (field,), count)
        lacking = incomplete & blank
        incomplete &= ~blank
        yield _required(lacking, field, f"`{field}` is blank; {advice}")
        if blank_cells is BlankCells.CLEAR and field in columns:
            message = f"`{field}` is blank and cannot be cleared; fill it in, or set blank_cells to keep"
            yield _required(blank & ~lacking, field, message)


def misplaced_locations(canonical: pa.RecordBatch) -> Violation:
    """Return the rows that give a location to a group of locations.

    A row without ``resource`` is an update; ``batch_phases/checks.py`` checks it with the stored group.
    """
    names = canonical.schema.names
    rows = np.zeros(0, dtype=np.int64)
    if "resource" in names and "location" in names:
        of_locations = pc.fill_null(pc.equal(canonical.column("resource"), "location"), False)
        rows = np.flatnonzero(np.asarray(pc.and_(of_locations, canonical.column("location").is_valid())))
    message = "only a group of contacts has a location; leave the cell blank, or make `resource` contact"
    return Violation(rows, "invalid_value", "location", message)


def _required(lacking: np.ndarray, field: str, message: str) -> Violation:
    return Violation(np.flatnonzero(lacking), "required_value", field, message)


def _all(filled: Mapping[str, np.ndarray], fields: Sequence[str], count: int) -> np.ndarray:
    """Return which rows fill in all of ``fields``."""
    result = np.ones(count, dtype=bool)
    for field in fields:
        result &= filled.get(field, False)
    return result


def _key_names(keys: Sequence[Sequence[str]]) -> str:
    return " or ".join("+".join(f"`{field}`" for field in key) for key in keys)
