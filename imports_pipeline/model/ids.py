"""Ids: TypeIDs (``prefix_`` and 26 characters of a UUIDv7), created one at a time or as a column.

Sources: the TypeID specification 0.3 (Crockford base 32, lower case) and RFC 9562 §5.7 (UUID version 7).
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Final

# NumPy and pyarrow take long to import, and only the creation of ids needs them.
if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
#: A TypeID's suffix: 130 bits for a 128-bit value, so the first character is at most 7.
SUFFIX_PATTERN: Final = "[0-7][0-9a-hjkmnp-tv-z]{25}"

CONTACT: Final = "ctct"
GROUP: Final = "grp"
LOCATION: Final = "loc"
IMPORT: Final = "imp"
BATCH: Final = "btch"


def new_id(prefix: str) -> str:
    """Return a new id. It sorts after the ids of earlier milliseconds.

    Example:
        >>> new_id(CONTACT)  # doctest: +SKIP
        'ctct_01j5x3m9k2f8vbq7r4w6y1n0za'
    """
    return str(new_ids(prefix, 1)[0].as_py())


def new_ids(prefix: str, count: int) -> pa.Array:
    """Return ``count`` new ids as an Arrow string array, in ascending order.

    All have the same millisecond. The twelve bits after it (``rand_a``) and the top of ``rand_b`` hold a
    counter above a random start (RFC 9562 §6.2, method 1), so that a batch is in order and an index on ids
    grows at its right edge.
    """
    import numpy as np
    import pyarrow as pa

    if count == 0:
        return pa.array([], pa.string())
    milliseconds = time.time_ns() // 1_000_000
    random = np.frombuffer(os.urandom(8 * count), dtype="<u8").astype(np.uint64)
    start = int.from_bytes(os.urandom(5), "big") >> 2  # 38 random bits below a 44-bit counter
    counter = np.arange(count, dtype=np.uint64) + np.uint64(start)
    high = (
        np.uint64(milliseconds << 16) | np.uint64(0x7000) | ((counter >> np.uint64(32)) & np.uint64(0x0FFF))
    )
    low = (
        np.uint64(0x8000_0000_0000_0000)
        | ((counter & np.uint64(0xFFFF_FFFF)) << np.uint64(30))
        | (random & np.uint64(0x3FFF_FFFF))
    )
    return _encode(prefix, high, low)


def _encode(prefix: str, high: np.ndarray, low: np.ndarray) -> pa.Array:
    """Return 128-bit values, in two columns of 64 bits, as TypeIDs."""
    import numpy as np
    import pyarrow as pa

    count = len(low)
    head = f"{prefix}_".encode()
    width = len(head) + 26
    text = np.empty((count, width), dtype=np.uint8)
    text[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
    mask = np.uint64(31)
    for position in range(26):
        shift = 5 * (25 - position)
        if shift >= 64:
            digit = high >> np.uint64(shift - 64)
        elif shift > 59:
            digit = (low >> np.uint64(shift)) | (high << np.uint64(64 - shift))
        else:
            digit = low >> np.uint64(shift)
        text[:, len(head) + position] = letters[(digit & mask).astype(np.intp)]
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text.reshape(-1)))


def lowest_suffix(milliseconds: int) -> str:
    """Return the lowest suffix of an id that is made at this time (epoch milliseconds).

    Example:
        >>> f"imp_{lowest_suffix(1_700_000_000_000)}"
        'imp_01hf7yat000000000000000000'
    """
    value = milliseconds << 80
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def pattern(prefix: str) -> str:
    """Return the regular expression (for RE2 and Python) of a whole id with this prefix."""
    return f"^{re.escape(prefix)}_{SUFFIX_PATTERN}$"


def is_id(prefix: str, text: str) -> bool:
    """Return True if ``text`` is a well-formed id with this prefix."""
    return re.fullmatch(pattern(prefix)[1:-1], text) is not None
