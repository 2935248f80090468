"""Finds fingerprints among those of millions of rows, with 12.5 bytes a row in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from imports_pipeline.import_phases.memory.fingerprints import Halves

# A row's place takes the lowest bits of a number of 64, and the first bits of its fingerprint the others. The numbers
# are sorted where they are; no second array gives their order.
_PLACE_BITS: Final = 24
_PLACES: Final = np.uint64(2**_PLACE_BITS - 1)
_SHIFT: Final = np.uint64(_PLACE_BITS)
# Fingerprints are spread evenly, so a table of where numbers with the same first bits begin replaces most steps of a
# search. It has an entry for about this many rows.
_ROWS_PER_ENTRY: Final = 8
# Numbers that are compared at once.
_STEP: Final = 2**20
#: The largest number of rows.
MOST_ROWS: Final = 2**_PLACE_BITS


class FingerprintIndex:
    """An index of fingerprints by 72 of their bits. Whoever needs the others compares them too."""

    def __init__(self, fingerprints: Iterable[Halves], most: int) -> None:
        """Take the fingerprints in the order of their rows, and a number that is not less than that of the rows.

        Raises:
            ValueError: there may be more than ``MOST_ROWS``.
        """
        if most > MOST_ROWS:
            raise ValueError(f"{most:,} rows are more than {MOST_ROWS:,}")
        numbers, rest, rows = np.empty(most, np.uint64), np.empty(most, np.uint32), 0
        for some in fingerprints:
            end = rows + len(some)
            numbers[rows:end] = (some[:, 0] & ~_PLACES) | np.arange(rows, end, dtype=np.uint64)
            rest[rows:end] = _rest_of(some)
            rows = end
        self._numbers, self._rest = numbers[:rows], rest[:rows]
        self._numbers.sort()
        bits = (rows // _ROWS_PER_ENTRY).bit_length()
        self._entry_shift = np.uint64(64 - bits)
        least = np.arange(2**bits, dtype=np.uint64) << self._entry_shift
        self._begins = np.searchsorted(self._numbers, least).astype(np.uint32)

    def __len__(self) -> int:
        """Return the number of fingerprints."""
        return len(self._numbers)

    def find(self, wanted: Halves) -> np.ndarray:
        """Return the place of each fingerprint, or -1."""
        found = np.full(len(wanted), -1)
        at = self._begins[(wanted[:, 0] >> self._entry_shift).astype(np.intp)].astype(np.intp)
        row = np.flatnonzero(at < len(self))
        at, first, rest = at[row], wanted[row, 0] >> _SHIFT, _rest_of(wanted[row])
        # Each round looks at the next number of every row that is not decided; few rows need more than some rounds.
        while len(row):
            numbers = self._numbers[at]
            begin = numbers >> _SHIFT
            undecided = begin <= first
            alike = np.flatnonzero(begin == first)
            places = (numbers[alike] & _PLACES).astype(np.intp)
            same = self._rest[places] == rest[alike]
            found[row[alike[same]]] = places[same]
            undecided[alike[same]] = False
            at += 1
            undecided &= at < len(self)
            row, first, rest, at = row[undecided], first[undecided], rest[undecided], at[undecided]
        return found

    def has_doubles(self) -> bool:
        """Return True if two rows may have the same fingerprint. With 128 bits that does not happen."""
        found = [np.zeros(0, np.intp)]
        for begin in range(0, len(self), _STEP):
            first = self._numbers[begin : begin + _STEP + 1] >> _SHIFT
            alike = begin + np.flatnonzero(first[1:] == first[:-1])
            found += [alike, alike + 1]
        numbers = self._numbers[np.unique(np.concatenate(found))]
        pairs = np.stack((numbers >> _SHIFT, self._rest[(numbers & _PLACES).astype(np.intp)]), 1)
        return len(np.unique(pairs, axis=0)) < len(pairs)


def _rest_of(fingerprints: Halves) -> np.ndarray:
    """Return 32 bits of each fingerprint: those that its number has no room for, and eight of its second half."""
    own = (fingerprints[:, 0] & _PLACES) << np.uint64(8)
    return (own | (fingerprints[:, 1] & np.uint64(0xFF))).astype(np.uint32)
