"""Fingerprints of records: keyed hashes of their bytes, which nobody without the key can make alike."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np

#: The size in bytes of a key, of which each kind of file has its own.
KEY_BYTES: Final = 32
#: The size in bytes of a fingerprint. Tests set fewer bits, so that fingerprints collide.
BYTES: Final = 16

Halves = np.ndarray[Any, np.dtype[np.uint64]]


class Fingerprints:
    """Makes fingerprints with one key: BLAKE2b of 128 bits (RFC 7693), the keyed hash of Python's ``hashlib``."""

    def __init__(self, key: bytes, bits: int = 8 * BYTES) -> None:
        """Make fingerprints with a key; with less than 128 ``bits`` the others are zero."""
        # The key takes a block, which is hashed once: each record continues with a copy of the state.
        self._begun = hashlib.blake2b(digest_size=BYTES, key=key)
        self._key, self._bits = key, bits

    def __reduce__(self) -> tuple[type[Fingerprints], tuple[bytes, int]]:
        """Return what another process makes the same fingerprints from."""
        return Fingerprints, (self._key, self._bits)

    def of(self, data: bytes, starts: np.ndarray, ends: np.ndarray) -> Halves:
        """Return the fingerprints of the records ``data[start:end]`` as an array of shape (records, 2)."""
        begun, digests = self._begun.copy, []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            state = begun()
            state.update(data[start:end])
            digests.append(state.digest())
        found = np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)
        if self._bits < 8 * BYTES:
            found = np.stack((found[:, 0] >> np.uint64(64 - self._bits), np.zeros(len(found), np.uint64)), 1)
        return found
