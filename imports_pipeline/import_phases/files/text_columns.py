"""Format columns of texts as CSV cells and JSON strings, without a Python loop over the rows.

The output equals that of the standard library's ``csv`` (minimal quoting, lines that end with CRLF) and ``json``
(``ensure_ascii=False``); a test compares them.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import text_bytes

Flags = np.ndarray
_QUOTED: Final = np.zeros(256, np.bool_)
_QUOTED[list(b',"\r\n')] = True
_ESCAPED: Final = np.zeros(256, np.bool_)
_ESCAPED[[*range(32), *b'"\\']] = True
# The JSON escape of each character. The backslash is replaced first, since the other escapes contain one.
_ESCAPES: Final = {
    mark: json.dumps(mark)[1:-1] for mark in ("\\", '"', *(chr(number) for number in range(32)))
}


def as_csv(values: pa.Array) -> pa.Array:
    """Return cells as CSV writes them: a string array without nulls in and out."""
    some = contains_any(values, _QUOTED)
    if not some.any():
        return values
    chosen = pa.array(some)
    quoted = pc.replace_substring(values.filter(chosen), '"', '""')
    return pc.replace_with_mask(values, chosen, pc.binary_join_element_wise('"', quoted, '"', ""))


def as_json(values: pa.Array) -> pa.Array:
    """Return texts as JSON writes them between the quotes of a string: a string array without nulls in and out."""
    some = contains_any(values, _ESCAPED)
    if not some.any():
        return values
    chosen = pa.array(some)
    escaped = values.filter(chosen)
    present = set(np.flatnonzero(np.bincount(_body(escaped)[0], minlength=256)[:128]).tolist())
    for mark, written in _ESCAPES.items():
        if ord(mark) in present:
            escaped = pc.replace_substring(escaped, mark, written)
    return pc.replace_with_mask(values, chosen, escaped)


def joined(values: pa.Array, offsets: np.ndarray, separator: str) -> pa.Array:
    """Return for each i the texts ``values[offsets[i]:offsets[i + 1]]`` joined by a separator."""
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    return pc.binary_join(lists, separator)


def concatenated(*parts: pa.Array | str) -> pa.Array:
    """Return the parts of each row, concatenated; a part that is a single text is the same in every row."""
    return pc.binary_join_element_wise(*parts, "")


def as_utf8(values: pa.Array) -> memoryview:
    """Return all texts of a string array, concatenated, as UTF-8."""
    body, _ = _body(values)
    return memoryview(cast(Any, body))


def contains_any(values: pa.Array, bytes_: Flags) -> Flags:
    """Return for each text whether it contains a byte that is set in the table ``bytes_`` (256 flags)."""
    body, offsets = _body(values)
    some = np.zeros(len(values), np.bool_)
    places = np.flatnonzero(bytes_[body])
    if len(places):
        some[np.searchsorted(offsets, places, "right") - 1] = True
    return some


def _body(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of a string array without nulls, and the offset of each text in them, and of the end."""
    edges, data = text_bytes(values)
    return data[edges[0] : edges[-1]], edges - edges[0]
