"""The entries of ``errors.json``, page by page and filtered by the code of an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.files import left_out_cells
from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.import_phases.files.entry_index import EntryFile, Page, read_page
from imports_pipeline.model.files import ERRORS_INDEX, ERRORS_JSON, REJECTED_ROWS
from imports_pipeline.schemas.catalog import RESOURCES


def _codes(members: pa.Table) -> pa.Table:
    """Return the codes of each entry, and whether the row was rejected or is imported without a cell."""
    errors = members["errors"].combine_chunks()
    codes = pa.ListArray.from_arrays(errors.offsets, pc.struct_field(errors.flatten(), "code"))
    first = pc.list_element(codes, 0) if len(codes) else pa.array([], pa.string())
    rejected = pc.not_equal(first, left_out_cells.CODE)
    return pa.table({"codes": codes, "rejected": rejected})


_FILE: Final = EntryFile(
    ERRORS_JSON,
    ERRORS_INDEX,
    pa.schema([("errors", pa.list_(pa.struct([("code", pa.string())])))]),
    _codes,
    "codes",
)


def read_errors(
    folder: Folder,
    resource: str,
    first: int,
    count: int,
    *,
    code: str | None = None,
    left_out: bool = False,
) -> Page | None:
    """Return a page of the rejected rows of an import in order of line, or None if it has no errors file.

    Args:
        folder: The folder of the import.
        resource: The name of its resource.
        first: The number of rows before the page.
        count: The largest number of rows on the page.
        code: Only rows that have an error with this code.
        left_out: Whether to list also the rows that are imported without an invalid cell.
    """

    def wanted(entries: pa.Table) -> pa.Array:
        if code is None:
            return entries["rejected"].combine_chunks()
        codes = entries["codes"].combine_chunks()
        having = pc.list_parent_indices(codes).filter(pc.equal(pc.list_flatten(codes), code))
        return pc.is_in(pa.array(np.arange(len(codes))), value_set=having.cast(pa.int64()))

    everything = left_out and code is None
    needs = "rejected" if code is None else "codes"
    page = read_page(folder, _FILE, first, count, None if everything else wanted, [needs])
    if page is None:
        return None
    fields = _layout(folder).fields_of_headers(RESOURCES[resource]) if page.entries else {}
    return Page([_shown(entry, fields) for entry in page.entries], page.total, page.counts)


def _layout(folder: Folder) -> Layout:
    with folder.open_read(REJECTED_ROWS) as file:
        return Layout.read(pq.read_schema(file))


def _shown(entry: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    errors = [
        {
            "code": error["code"],
            "field": fields.get(error["column"]),
            **{name: error[name] for name in ("column", "value", "message")},
        }
        for error in entry["errors"]
    ]
    return {
        "line": entry["line"],
        **{name: errors[0][name] for name in ("code", "field", "column", "message")},
        "phase": entry["phase"],
        "rejected": errors[0]["code"] != left_out_cells.CODE,
        "row": entry["row"],
        "raw": entry.get("raw"),
        "errors": errors,
    }
