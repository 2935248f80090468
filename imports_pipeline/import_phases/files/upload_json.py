"""The upload as JSON: an array with an object for each row, which has the cells as written, by the file's headers.

Malformed records are left out; they are in the errors files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from imports_pipeline.import_phases.files.accepted_rows import as_lists
from imports_pipeline.import_phases.files.text_columns import as_json, concatenated, joined
from imports_pipeline.import_phases.limits import USUAL, Limits
from imports_pipeline.import_phases.prevalidation import read_options
from imports_pipeline.model.files import UPLOAD, UPLOAD_JSON, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.reading.options import NotATable
from imports_pipeline.reading.records import RowBatch
from imports_pipeline.reading.table import open_table


def write_upload_json(import_: Import, files: Files, limits: Limits = USUAL) -> bool:
    """Write ``upload.json`` if it does not exist; return False if that is impossible because the upload is no table."""
    if files.exists(UPLOAD_JSON):
        return True
    with files.open_read(UPLOAD) as upload:
        try:
            table = open_table(upload, read_options(import_.options, limits.unpacking(import_)))
            with files.open_write(UPLOAD_JSON) as out:
                _write(out, table.header, table.batches())
        except NotATable:
            return False
    return True


def _write(out: BinaryIO, header: Sequence[str], batches: Iterator[RowBatch]) -> None:
    keys = as_json(pa.array([name or f"column {at + 1}" for at, name in enumerate(header)], pa.string()))
    width = len(header)
    before = b"[\n"
    for batch in batches:
        count = batch.cells.num_rows
        if not count:
            continue
        cells = as_json(as_lists(batch.cells).flatten())
        names = keys.take(pa.array(np.tile(np.arange(width), count)))
        rows = joined(concatenated('"', names, '": "', cells, '"'), np.arange(count + 1) * width, ", ")
        text = joined(concatenated("{", rows, "}"), np.array([0, count]), ",\n")
        out.write(before + text[0].as_py().encode())
        before = b",\n"
    out.write((before if before == b"[\n" else b"\n") + b"]\n")
