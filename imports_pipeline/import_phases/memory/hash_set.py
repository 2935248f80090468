"""A set of hashes in which millions of others are looked up, of which few are in it."""

from __future__ import annotations

from typing import Final

import numpy as np

from imports_pipeline.import_phases.memory.memory_files import Flags

# The first bits of a hash that have a place each in a table. Most hashes that are not in the set find an empty place.
_TABLE_BITS: Final = 22
_SHIFT: Final = np.uint64(64 - _TABLE_BITS)


class HashSet:
    """Hashes of 64 bits, in four megabytes and eight bytes for each."""

    def __init__(self, hashes: np.ndarray) -> None:
        """Take the hashes, in any order."""
        self._sorted = np.unique(hashes)
        self._table: Flags = np.zeros(2**_TABLE_BITS, np.bool_)
        self._table[(self._sorted >> _SHIFT).astype(np.intp)] = True

    def has(self, hashes: np.ndarray) -> Flags:
        """Return which of the hashes are in the set."""
        found = self._table[(hashes >> _SHIFT).astype(np.intp)]
        maybe = np.flatnonzero(found)
        if len(maybe):
            at = np.searchsorted(self._sorted, hashes[maybe]).clip(max=len(self._sorted) - 1)
            found[maybe] = self._sorted[at] == hashes[maybe]
        return found
