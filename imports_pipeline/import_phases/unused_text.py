"""Rows whose only text stands in columns that are not used: they are rejected, and not called blank."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.schemas.cells import trimmed

_MESSAGE: Final = (
    "the row has text only in columns that are not used (`{header}`): map them with column_mapping,"
    " or remove the row"
)


def name_unused_text(errors: pa.Table, cells: pa.RecordBatch, layout: Layout) -> pa.Table:
    """Return the errors of a batch, with the code ``only_unused_columns`` for rows that have text but no value.

    Args:
        errors: the errors of the batch, with the columns ``row``, ``code`` and ``message`` among others.
        cells: the cells of the batch as written.
        layout: which columns of the file are used.
    """
    places = np.flatnonzero(pc.equal(errors["code"], "blank_row"))
    if not len(places):
        return errors
    used = {at for positions in layout.positions for at in positions}
    codes, messages = (errors[name].combine_chunks() for name in ("code", "message"))
    rows = errors["row"].combine_chunks().take(pa.array(places))
    for at, header in enumerate(layout.header):
        # Our own columns of an errors file begin with an underscore: what they say is no text of the row.
        if at in used or header.startswith("_"):
            continue
        mask = np.zeros(len(codes), dtype=bool)
        mask[places] = trimmed(cells.column(at).take(rows)).is_valid()
        # The first such column is the one that is named.
        mask &= np.asarray(pc.equal(codes, "blank_row"))
        message = _MESSAGE.format(header=header or f"column {at + 1}")
        codes = pc.if_else(mask, "only_unused_columns", codes)
        messages = pc.if_else(mask, message, messages)
    for name, changed in (("code", codes), ("message", messages)):
        errors = errors.set_column(errors.schema.get_field_index(name), name, changed)
    return errors
