"""Hashes of texts, by which equal values of many rows are found in little memory."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# The bits of a word of which a text has the first 0 to 8 bytes.
_MASKS: Final = np.array([2 ** (8 * count) - 1 for count in range(9)], np.uint64)


def hash_values(values: pa.Array) -> np.ndarray:
    """Return a hash of 64 bits of each text, which is never 0. It takes eight bytes at a time."""
    count = len(values)
    values = pc.cast(values, pa.large_string())
    if not count or not values.buffers()[2]:
        return np.ones(count, np.uint64)
    edges = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + count + 1]
    body = np.zeros(edges[-1] - edges[0] + 8, np.uint8)
    body[:-8] = np.frombuffer(values.buffers()[2], np.uint8)[edges[0] : edges[-1]]
    words = np.lib.stride_tricks.as_strided(body[:8].view(np.uint64), (len(body) - 7,), (1,))
    starts, left = edges[:-1] - edges[0], np.diff(edges)
    hashes = left.astype(np.uint64) + np.uint64(1)
    shortest = int(left.min())
    with np.errstate(over="ignore"):
        for begin in range(0, int(left.max()), 8):
            if begin + 8 <= shortest:
                hashes = _mixed(hashes, words[starts + begin])
                continue
            rows = np.flatnonzero(left > begin)
            word = words[starts[rows] + begin] & _MASKS[np.minimum(left[rows] - begin, 8)]
            hashes[rows] = _mixed(hashes[rows], word)
    return np.maximum(hashes, np.uint64(1))


def _mixed(hashes: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the hashes of texts with their next words."""
    words ^= hashes
    words *= np.uint64(0x9E3779B97F4A7C15)
    words ^= words >> np.uint64(29)
    return words
