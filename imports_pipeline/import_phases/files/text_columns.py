"""Texts by the column: cells of a CSV file, strings of a JSON file, joined to lines without a loop over them.

What is written is what the standard library's ``csv`` (minimal quoting, lines that end with CRLF) and ``json``
(no ASCII escapes for other letters) write; a test holds the two equal.
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
#: What JSON writes for a character, the backslash first: the others bring some.
_ESCAPES: Final = {
    mark: json.dumps(mark)[1:-1] for mark in ("\\", '"', *(chr(number) for number in range(32)))
}


def as_csv(values: pa.Array) -> pa.Array:
    """Write cells as CSV does; a string array without nulls, the same out."""
    some = contains_any(values, _QUOTED)
    if not some.any():
        return values
    chosen = pa.array(some)
    quoted = pc.replace_substring(values.filter(chosen), '"', '""')
    return pc.replace_with_mask(values, chosen, pc.binary_join_element_wise('"', quoted, '"', ""))


def as_json(values: pa.Array) -> pa.Array:
    """Write what stands between the quotes of JSON's strings; a string array without nulls, the same out."""
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
    """Join ``values[offsets[i]:offsets[i + 1]]`` to one text for each i."""
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    return pc.binary_join(lists, separator)


def concatenated(*parts: pa.Array | str) -> pa.Array:
    """Put the parts of each line together; a single text stands in all of them."""
    return pc.binary_join_element_wise(*parts, "")


def as_utf8(values: pa.Array) -> memoryview:
    """Return all texts of a string array, one right after the other, as UTF-8."""
    body, _ = _body(values)
    return memoryview(cast(Any, body))


def contains_any(values: pa.Array, bytes_: Flags) -> Flags:
    """Return of each text whether it holds one of the bytes that are set in the table ``bytes_``."""
    body, offsets = _body(values)
    some = np.zeros(len(values), np.bool_)
    places = np.flatnonzero(bytes_[body])
    if len(places):
        some[np.searchsorted(offsets, places, "right") - 1] = True
    return some


def _body(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of a string array without nulls, and where each text begins in them, and the end."""
    edges, data = text_bytes(values)
    return data[edges[0] : edges[-1]], edges - edges[0]
