"""The protection of stored records by rejected rows: an overwrite never removes the record of a rejected row.

``protected.parquet`` holds every text of a rejected row that may identify a stored record. ``shown_identities.py``
explains its columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files import rejections
from imports_pipeline.import_phases.files.accepted_rows import Layout, Rows, as_lists
from imports_pipeline.import_phases.identity.shown_identities import SHOWN_SCHEMA, by_malformed, by_row
from imports_pipeline.model.files import PROTECTED, REJECTED_ROWS, Files
from imports_pipeline.model.imports import Batch, Import
from imports_pipeline.model.phases import Phase
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.schemas.spreadsheet_cells import Origin

# The number of rejected rows that are processed together. Their pieces take many times the memory of the rows.
_BATCH_ROWS = 10_000


def protect(import_: Import, files: Files) -> None:
    """Write ``protected.parquet`` from the rows that phases 1 to 3 rejected."""
    region, origin = import_.options.default_region, _origin(import_)
    lines = rejections.lines(files, [Phase.PREPARSING, Phase.TRANSFORMING])
    with (
        files.open_write(PROTECTED) as file,
        pq.ParquetWriter(file, SHOWN_SCHEMA, compression="lz4") as writer,
    ):
        for shown in _by_rejected_rows(import_.resource, files, region, origin):
            writer.write_table(shown)
        for shown in _by_accepted(import_.resource, files, region, origin, lines.to_numpy()):
            writer.write_table(shown)


def shown_by_accepted(batch: Batch, files: Files, lines: np.ndarray) -> Iterator[pa.Table]:
    """Yield the texts of rows that phases 1 to 3 accepted and a phase of the batch rejected, as ``SHOWN_SCHEMA``.

    Args:
        batch: the batch.
        files: the files of its import.
        lines: the lines of the rows, ascending.
    """
    origin = _origin(batch)
    return _by_accepted(batch.resource, files, batch.options.default_region, origin, lines)


def _origin(import_: Import | Batch) -> Origin:
    """Return the kind of file that rows come from. The marks of spreadsheets are the same in text and workbooks."""
    return Origin.ITEMS if import_.is_batch else Origin.TEXT


def _by_rejected_rows(resource: str, files: Files, region: str | None, origin: Origin) -> Iterator[pa.Table]:
    """Yield the texts of the rows that prevalidation rejected."""
    with files.open_read(REJECTED_ROWS) as file:
        parquet = pq.ParquetFile(file)
        layout = Layout.read(parquet.schema_arrow)
        columns = ["line", "malformed", "raw", "cells"]
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            malformed = batch.column("malformed")
            bad, read = batch.filter(malformed), batch.filter(pc.invert(malformed))
            yield from by_malformed(bad.column("line"), bad.column("cells"), bad.column("raw"))
            yield from by_row(
                read.column("line"),
                read.column("cells"),
                layout,
                RESOURCES[resource],
                region=region,
                origin=origin,
            )


def _by_accepted(
    resource: str, files: Files, region: str | None, origin: Origin, lines: np.ndarray
) -> Iterator[pa.Table]:
    """Yield the texts of rows that prevalidation accepted and a later phase rejected; ``lines`` are ascending."""
    if not len(lines):
        return
    with Rows(files) as rows:
        for group in rows.cells(lines):
            for begin in range(0, group.num_rows, _BATCH_ROWS):
                batch = group.slice(begin, _BATCH_ROWS)
                cells = as_lists(batch.select(batch.schema.names[2:]))
                yield from by_row(
                    batch.column("line"),
                    cells,
                    rows.layout,
                    RESOURCES[resource],
                    region=region,
                    origin=origin,
                )
