"""Left-out cells: which invalid values may be left out so that the rest of their row is imported.

A value may be left out if the field is optional and the row still shows whose it is. Required fields and ids never
are. The first key of ``match_on`` that a row fills in decides which record it stands for, so an invalid value of that
key rejects the row: without it, the row would become another record. A later key may be left out.

An email without an ``@`` (``n/a``, ``unknown``) is nobody's address and counts as blank, except under ``overwrite``,
where the record that has the address would be removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import IdentityKey, Kind, Resource


def optional_cells(
    resource: Resource,
    keys: Sequence[IdentityKey],
    given: pa.RecordBatch,
    filled: Mapping[str, np.ndarray],
    bad: Mapping[str, np.ndarray],
    action: Action,
) -> dict[str, np.ndarray]:
    """Return, for each field with invalid cells, in which rows (boolean) its cell may be left out.

    Args:
        resource: The resource of the rows.
        keys: The keys of ``match_on``, in order.
        given: The cells as they are written, a column a field.
        filled: Field → the rows that fill it in.
        bad: Field → the rows in which it is invalid.
        action: What the rows do.
    """
    optional = {
        field: rows.copy()
        for field, rows in bad.items()
        if field not in resource.required and resource.find(field) and _kind(resource, field) is not Kind.ID
    }
    nobody = np.zeros(given.num_rows, dtype=bool)
    decided = nobody.copy()
    for key in keys:
        fills = np.ones(given.num_rows, dtype=bool)
        for field in key.fields:
            fills &= filled.get(field, nobody)
        for field in key.fields:
            if field not in optional:
                continue
            is_blank = nobody
            if _kind(resource, field) is Kind.EMAIL and action is Action.MERGE:
                is_blank = optional[field] & ~np.asarray(
                    pc.fill_null(pc.match_substring(given.column(field), "@"), False)
                )
            optional[field] &= decided | is_blank
            fills &= ~is_blank
        decided |= fills
    return optional


def _kind(resource: Resource, name: str) -> Kind | None:
    field = resource.find(name)
    return field.kind if field else None
