"""Splits well-formed records with any number of cells into cells, a whole block of records at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.records.structural_index import Offsets


class SplitCells(NamedTuple):
    """Records split into cells.

    Attributes:
        first: The number of each record's first cell among all cells; the last value is the number of all cells.
        cells: The cells' bytes (large_binary) without their quotes, doubled quotes made single.
        begins: The offset of each cell, with its quotes, in the records' bytes.
        ends: The offset of each cell's end.
    """

    first: Offsets
    cells: pa.Array
    begins: Offsets
    ends: Offsets


def slices(data: bytes, begins: Offsets, ends: Offsets) -> pa.Array:
    """Return ``data[begins[i]:ends[i]]`` for each i as large_binary. The slices must ascend and not overlap."""
    if not len(begins):
        return pa.array([], pa.large_binary())
    edges = np.empty(2 * len(begins), np.int64)
    edges[0::2], edges[1::2] = begins, ends
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(data)]
    every = pa.Array.from_buffers(pa.large_binary(), len(edges) - 1, buffers)
    return every.take(pa.array(np.arange(0, len(edges), 2)))


def split_cells(records: pa.Array, dialect: Dialect) -> SplitCells:
    """Split records, which ``slices`` returned, into cells. Each is well formed, without line ends and escapes."""
    edges = np.frombuffer(records.buffers()[1], np.int64)[: len(records) + 1]
    data = records.buffers()[2].to_pybytes() if records.buffers()[2] is not None else b""
    buffer = np.frombuffer(data, np.uint8)
    delimiters = np.flatnonzero(buffer == ord(dialect.delimiter))
    quote = dialect.quote.encode()
    quoted = bool(quote) and quote in data
    if quoted:
        # Each record has an even number of quotes, so the number of all quotes before an offset shows what is inside.
        quotes = np.flatnonzero(buffer == quote[0])
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    first = np.searchsorted(delimiters, edges) + np.arange(len(edges))
    begins = np.sort(np.concatenate((edges[:-1], delimiters + 1)))
    ends = np.sort(np.concatenate((edges[1:], delimiters)))
    if not quoted:
        return SplitCells(first, slices(data, begins, ends), begins, ends)
    filled = ends > begins
    inside = np.zeros(len(begins), np.int64)
    inside[filled] = buffer[begins[filled]] == quote[0]
    cells = slices(data, begins + inside, ends - inside)
    if quote in (cells.buffers()[2].to_pybytes() if cells.buffers()[2] is not None else b""):
        cells = pc.replace_substring(cells, quote * 2, quote)
    return SplitCells(first, cells, begins, ends)


def as_text(values: pa.Array) -> pa.Array:
    """Return UTF-8 bytes as text. Raises ``pa.ArrowInvalid`` if they are not UTF-8."""
    return values.cast(pa.string())
