"""Write the rejected rows of prevalidation with their cells as written. ``rejected_rows.py`` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.import_phases.files.accepted_rows import Layout, as_lists
from imports_pipeline.model.files import Files
from imports_pipeline.reading import RowBatch

_REJECTED: Final = (
    pa.field("line", pa.int64()),
    pa.field("byte_offset", pa.int64()),
    pa.field("malformed", pa.bool_()),
    pa.field("raw", pa.string()),
    pa.field("cells", pa.list_(pa.string())),
)


class RejectedRows:
    """Writes the rejected rows with their cells as written, in order of line."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        """Write to ``file``; close the writer before the file."""
        self._schema = pa.schema(_REJECTED, metadata=layout.schema().metadata)
        self._writer = pq.ParquetWriter(file, self._schema, compression="lz4")

    def copy(self, rows: pa.Table) -> None:
        """Write rows that another writer has written to a part."""
        self._writer.write_table(rows.cast(self._schema))

    def write(self, batch: RowBatch, good: np.ndarray) -> None:
        """Write the rows of a batch that are not ``good``, and its malformed records."""
        if good.all() and not batch.malformed:
            return
        bad = pa.array(~good)
        cells = batch.cells.filter(bad)
        count = cells.num_rows
        read = pa.record_batch(
            [
                batch.line.filter(bad),
                batch.byte_offset.filter(bad),
                pa.array(np.zeros(count, dtype=bool)),
                pa.nulls(count, pa.string()),
                as_lists(cells),
            ],
            schema=self._schema,
        )
        bad_records = batch.malformed.table
        malformed = pa.record_batch(
            [
                bad_records["line"],
                bad_records["byte_offset"],
                pa.array(np.ones(bad_records.num_rows, dtype=bool)),
                bad_records["raw"],
                bad_records["cells"],
            ],
            schema=self._schema,
        )
        self._writer.write_table(pa.Table.from_batches([read, malformed]).sort_by("line"))

    def __enter__(self) -> RejectedRows:
        """Return the writer; the ``with`` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the footer."""
        self._writer.close()


@contextmanager
def rejected_writer(files: Files, name: str, layout: Layout) -> Iterator[RejectedRows]:
    """Open a file of rejected rows for writing."""
    with files.open_write(name) as file, RejectedRows(file, layout) as rows:
        yield rows
