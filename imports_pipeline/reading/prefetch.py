"""Combines small batches, and reads the next batch in a thread while the current one is in use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

import pyarrow as pa

from imports_pipeline.reading.records import MalformedRecords, RowBatch

# Batches are combined up to this many rows or bytes, because the checks have a fixed cost a batch.
_ROWS: Final = 30_000
_BYTES: Final = 6 * 1024 * 1024


def prefetch(batches: Iterator[RowBatch]) -> Iterator[RowBatch]:
    """Yield the same rows and malformed records in the same order, in fewer batches, and read one batch ahead."""
    whole = combine_batches(batches)
    # The deadline of requests to the file store is in the caller's context, and must hold in the thread too.
    context = copy_context()

    def following() -> RowBatch | None:
        return next(whole, None)

    with ThreadPoolExecutor(1, thread_name_prefix="reading") as pool:
        coming = pool.submit(context.run, following)
        while (batch := coming.result()) is not None:
            coming = pool.submit(context.run, following)
            yield batch


def combine_batches(batches: Iterator[RowBatch]) -> Iterator[RowBatch]:
    """Yield the same rows and malformed records in the same order, in fewer batches."""
    some: list[RowBatch] = []
    rows = size = 0
    for batch in batches:
        some.append(batch)
        rows += batch.cells.num_rows + len(batch.malformed)
        size += batch.cells.nbytes + batch.malformed.table.nbytes
        if rows >= _ROWS or size >= _BYTES:
            yield _joined(some)
            some, rows, size = [], 0, 0
    if some:
        yield _joined(some)


def _joined(batches: list[RowBatch]) -> RowBatch:
    if len(batches) == 1:
        return batches[0]
    return RowBatch(
        pa.concat_batches([batch.cells for batch in batches]),
        pa.concat_arrays([batch.line for batch in batches]),
        pa.concat_arrays([batch.byte_offset for batch in batches]),
        MalformedRecords(pa.concat_batches([batch.malformed.table for batch in batches])),
        tuple(one for batch in batches for one in batch.passed_over),
    )
