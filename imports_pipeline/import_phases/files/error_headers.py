"""The header that an error shows: a person corrects the cell below it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.schemas.column_mapping.field_values import FieldValues


def error_headers(fields: pa.Array, rows: np.ndarray, given: FieldValues, layout: Layout) -> pa.Array:
    """Return the header of each error's column.

    A field of a family of headers can have its values from different columns, so each row has its own header.

    Args:
        fields: The field of each error.
        rows: The row of each error in ``given``.
        given: The values of the rows and the columns that they are from.
        layout: The header of the file and the plan of its columns.
    """
    headers = layout.headers_of(fields)
    for name, origins in given.origins.items():
        of_field = pc.equal(fields, name).to_numpy(zero_copy_only=False)
        of_field[of_field] = origins[rows[of_field]] >= 0
        if of_field.any():
            named = pa.array([layout.header[at] for at in origins[rows[of_field]]], pa.string())
            headers = pc.replace_with_mask(headers, pa.array(of_field), named)
    return headers
