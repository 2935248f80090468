"""The errors of rejected rows: one Parquet file for each phase, with one row for each error.

A row is rejected by one phase only, the first that finds an error. That phase may find several errors in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imports_pipeline.model.files import Files, rejections
from imports_pipeline.model.phases import Phase

SCHEMA: Final = pa.schema(
    [
        ("line", pa.int64()),
        ("code", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
    ]
)


def table(
    lines: Sequence[int] | pa.Array,
    code: str | Sequence[str],
    column: str | Sequence[str],
    values: Sequence[str | None] | pa.Array,
    messages: str | Sequence[str] | pa.Array,
) -> pa.Table:
    """Return a table of errors from columns of equal length; a single text is repeated for all rows."""
    count = len(lines)
    columns: list[Any] = [lines, code, column, values, messages]
    return pa.table(
        [_column(given, field.type, count) for given, field in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA,
    )


def _column(given: Any, kind: pa.DataType, count: int) -> pa.Array | pa.ChunkedArray:
    if isinstance(given, str):
        return pa.array([given] * count, kind)
    return given.cast(kind) if isinstance(given, pa.Array | pa.ChunkedArray) else pa.array(given, kind)


class Writer:
    """Writes the errors of a phase to its file; ``count`` is the number of rows rejected so far."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        """Write to an open Parquet file."""
        self._writer = writer
        self.count = 0

    def add(self, errors: pa.Table) -> None:
        """Write errors in order of line, of rows that were in no earlier call."""
        if errors.num_rows:
            self.count += len(errors["line"].unique())
            self._writer.write_table(errors.sort_by("line"))


@contextmanager
def writing(files: Files, phase: Phase) -> Iterator[Writer]:
    """Open the errors of a phase for writing; they replace those of an earlier try, unless the block fails."""
    with writing_as(files, rejections(phase)) as writer:
        yield writer


@contextmanager
def writing_as(files: Files, name: str, schema: pa.Schema = SCHEMA) -> Iterator[Writer]:
    """Open a file of errors of any name for writing."""
    with (
        files.open_write(name) as file,
        pq.ParquetWriter(file, schema, compression="lz4") as parquet,
    ):
        yield Writer(parquet)


def write(files: Files, phase: Phase, errors: Iterable[pa.Table]) -> int:
    """Write all errors of a phase at once; return the number of rejected rows."""
    with writing(files, phase) as writer:
        given = [one for one in errors if one.num_rows]
        if given:
            writer.add(pa.concat_tables(given))
    return writer.count


def read(files: Files, phase: Phase) -> pa.Table:
    """Read the errors of a phase; the table is empty if the phase has not run."""
    if not files.exists(rejections(phase)):
        return SCHEMA.empty_table()
    with files.open_read(rejections(phase)) as file:
        return pq.read_table(file)


def first(files: Files, phase: Phase, count: int) -> list[dict[str, Any]]:
    """Return the first errors of a phase, without reading the others."""
    if not files.exists(rejections(phase)):
        return []
    with files.open_read(rejections(phase)) as file:
        batch = next(pq.ParquetFile(file, pre_buffer=False).iter_batches(batch_size=count), None)
        return [] if batch is None else list(batch.to_pylist())


def codes(files: Files, phase: Phase) -> dict[str, int]:
    """Return the number of rejected rows of a phase by the code of their first error, the most frequent first."""
    counts: Counter[str] = Counter()
    if not files.exists(rejections(phase)):
        return counts
    last = -1
    with files.open_read(rejections(phase)) as file:
        for batch in pq.ParquetFile(file, pre_buffer=False).iter_batches(columns=["line", "code"]):
            line = batch.column("line").to_numpy()
            is_first = np.diff(line, prepend=last) != 0
            for found in batch.column("code").filter(pa.array(is_first)).value_counts().to_pylist():
                counts[found["values"]] += found["counts"]
            last = line[-1] if len(line) else last
    return dict(counts.most_common())


def lines(files: Files, phases: Iterable[Phase]) -> pa.Array:
    """Return the lines that these phases rejected, ascending."""
    found = [read(files, phase)["line"].combine_chunks() for phase in phases]
    return pa.concat_arrays(found).unique().sort() if found else pa.array([], pa.int64())
