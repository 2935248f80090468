"""Cuts well-formed records of any number of cells into their cells, a whole block of records at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.structural_index import Offsets


class Split(NamedTuple):
    """Records cut into cells.

    ``first`` tells for each record which of the cells is its first, and at its end their number. ``cells`` are
    their bytes as meant (large_binary): without quotes, doubled ones single. ``begins`` and ``ends`` are where
    each is written, with its quotes, among the records' bytes.
    """

    first: Offsets
    cells: pa.Array
    begins: Offsets
    ends: Offsets


def gathered(data: bytes, begins: Offsets, ends: Offsets) -> pa.Array:
    """Return ``data[begins[i]:ends[i]]`` for each i as large_binary; the pieces ascend and do not overlap."""
    if not len(begins):
        return pa.array([], pa.large_binary())
    edges = np.empty(2 * len(begins), np.int64)
    edges[0::2], edges[1::2] = begins, ends
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(data)]
    every = pa.Array.from_buffers(pa.large_binary(), len(edges) - 1, buffers)
    return every.take(pa.array(np.arange(0, len(edges), 2)))


def split(records: pa.Array, dialect: Dialect) -> Split:
    """Cut records, which ``gathered`` gave: each well formed, without line end, without an escape."""
    edges = np.frombuffer(records.buffers()[1], np.int64)[: len(records) + 1]
    data = records.buffers()[2].to_pybytes() if records.buffers()[2] is not None else b""
    buffer = np.frombuffer(data, np.uint8)
    gaps = np.flatnonzero(buffer == ord(dialect.delimiter))
    quote = dialect.quote.encode()
    quoted = bool(quote) and quote in data
    if quoted:
        # A record's quotes are even in number: so the count of all before tells inside from outside.
        quotes = np.flatnonzero(buffer == quote[0])
        gaps = gaps[np.searchsorted(quotes, gaps) % 2 == 0]
    first = np.searchsorted(gaps, edges) + np.arange(len(edges))
    begins = np.sort(np.concatenate((edges[:-1], gaps + 1)))
    ends = np.sort(np.concatenate((edges[1:], gaps)))
    if not quoted:
        return Split(first, gathered(data, begins, ends), begins, ends)
    filled = ends > begins
    inside = np.zeros(len(begins), np.int64)
    inside[filled] = buffer[begins[filled]] == quote[0]
    cells = gathered(data, begins + inside, ends - inside)
    if quote in (cells.buffers()[2].to_pybytes() if cells.buffers()[2] is not None else b""):
        cells = pc.replace_substring(cells, quote * 2, quote)
    return Split(first, cells, begins, ends)


def as_text(values: pa.Array) -> pa.Array:
    """Return bytes that are UTF-8 as text. Raises ``pa.ArrowInvalid`` if they are not."""
    return values.cast(pa.string())
