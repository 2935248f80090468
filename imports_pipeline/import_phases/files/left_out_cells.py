"""The invalid cells that were left out of accepted rows (``bad_cells: leave_out``), in ``left_out.parquet``.

Its columns are those of rejections and ``field``. A row in it is not rejected. A later phase may still reject the row;
then it is listed with the errors of that phase only.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.model.files import LEFT_OUT, Files
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.phases import CHECKING_PHASES

CODE: Final = "cell_left_out"
#: How many columns a notice names; it counts all of them.
_NAMED: Final = 5


SCHEMA: Final = rejections.SCHEMA.append(pa.field("field", pa.string()))


def table(line: pa.Array, left_out: pa.Table, headers: pa.Array) -> pa.Table:
    """Return left-out cells as lines of the file: each says that the cell, and not its row, was left out.

    Args:
        line: The line of each row that was checked.
        left_out: ``Checked.left_out`` of these rows.
        headers: The header of each left-out cell.
    """
    cells = {name: left_out[name].combine_chunks() for name in left_out.column_names}
    said = pc.binary_join_element_wise("left out, its row counts without it: ", cells["message"], "")
    found = rejections.table(line.take(cells["row"]), CODE, headers, cells["value"], said)
    return found.append_column(SCHEMA.field("field"), cells["field"])


def lines(files: Files) -> np.ndarray:
    """Return the lines of the rows that are imported without a cell, ascending: those that no phase rejected."""
    found = _column(files, "line")
    if not len(found):
        return np.empty(0, np.int64)
    rejected = rejections.lines(files, CHECKING_PHASES[1:])
    return np.setdiff1d(found.to_numpy(), rejected.to_numpy())


def by_field(files: Files) -> dict[str, pa.Array]:
    """Return field → the lines in which its cell was left out."""
    fields, line = _column(files, "field"), _column(files, "line")
    return {
        field: line.filter(pc.equal(fields, field))
        for field in (fields.unique().to_pylist() if len(fields) else ())
    }


def notices(files: Files) -> tuple[Notice, ...]:
    """Return the notice that cells were left out: how many, of how many rows, and of which columns."""
    headers = _column(files, "column")
    if not len(headers):
        return ()
    counts = sorted(headers.value_counts().to_pylist(), key=lambda one: -one["counts"])
    named = [f"{one['counts']:,} × `{one['values']}`" for one in counts[:_NAMED]]
    more = " and others" if len(counts) > _NAMED else ""
    cells, rows = len(headers), len(_column(files, "line").unique())
    return (
        Notice(
            "cells_left_out",
            f"{cells:,} invalid {'value was' if cells == 1 else 'values were'} left out of"
            f" {'1 row' if rows == 1 else f'{rows:,} rows'} ({', '.join(named)}{more}); the rest of the"
            f" {'row' if rows == 1 else 'rows'} is imported. The errors file lists them: correct the cells there and"
            " import it, or use `bad_cells: reject` to reject such rows.",
        ),
    )


def _column(files: Files, name: str) -> pa.Array:
    if not files.exists(LEFT_OUT):
        return pa.array([], SCHEMA.field(name).type)
    with files.open_read(LEFT_OUT) as file:
        return pq.read_table(file, columns=[name], pre_buffer=False)[name].combine_chunks()
