"""Cells as columns: trimming, and what a reader of one kind of value gives back.

Every reader (``emails``, ``phones``, ``values``) takes one column of trimmed cells, null where blank, and
gives the canonical text of each plus the reason of each that it refuses. All work is by the column; only
distinct values that no vectorised rule decides are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: zero-width characters that a copy from a web page or a spreadsheet leaves around a value (UTF-8).
_INVISIBLE: Final = ("\u200b", "\u2060", "\ufeff")
_INVISIBLE_BYTES: Final = tuple(character.encode() for character in _INVISIBLE)
#: these and all white space, which may stand between them.
_NOTHING_SEEN: Final = "".join((*_INVISIBLE, *(chr(code) for code in range(0x10000) if chr(code).isspace())))
_LOWEST_LEAD: Final = min(character[0] for character in _INVISIBLE_BYTES)
#: how much of a value a message shows.
SHOWN: Final = 60
_SPACE: Final = re.compile("[\t\n\f\r ]+")


@dataclass(frozen=True)
class Read:
    """A column that was read: as long as the cells it was read from.

    ``values`` is the canonical text, null where the cell is blank or refused. ``reasons`` is the message of
    every refused cell, null elsewhere; it is ``None`` when none is refused.
    """

    values: pa.Array
    reasons: pa.Array | None = None


def trimmed(cells: pa.Array) -> pa.Array:
    """Strip the white space (any of Unicode's, so NBSP too) around each cell; a blank cell becomes null.

    Zero-width spaces and byte-order marks around a value go as well: nobody sees them, so nobody meant them.
    """
    texts = cells if cells.type == pa.string() else cells.cast(pa.string())
    texts = pc.utf8_trim_whitespace(texts)
    if _has_invisible(texts):
        texts = pc.utf8_trim(texts, characters=_NOTHING_SEEN)
    blank = pc.equal(texts, "")
    return pc.if_else(blank, pa.scalar(None, pa.string()), texts) if pc.any(blank).as_py() else texts


def _has_invisible(texts: pa.Array) -> bool:
    """Search the column's bytes at once, which costs far less than to trim every cell twice."""
    data = texts.buffers()[2]
    # Most columns have no byte that a character of these begins with.
    if data is None or len(data) == 0 or np.frombuffer(data, dtype=np.uint8).max() < _LOWEST_LEAD:
        return False
    view = data.to_pybytes()
    return any(character in view for character in _INVISIBLE_BYTES)


def first_bytes(texts: pa.Array) -> np.ndarray:
    """Return the first byte of each text, 0 for a null or an empty one; some 20 times as fast as a search in each."""
    edges, body = text_bytes(texts)
    if len(body) == 0:
        return np.zeros(len(texts), np.uint8)
    first = body[np.minimum(edges[:-1], len(body) - 1)]
    first[edges[1:] == edges[:-1]] = 0
    if texts.null_count:
        first[np.asarray(texts.is_null())] = 0
    return first


def text_bytes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return where each text of a string array begins, with the last one's end, and the bytes in which that counts."""
    _, offsets, data = texts.buffers()
    if data is None or offsets is None:
        return np.zeros(len(texts) + 1, np.int32), np.zeros(0, np.uint8)
    edges = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return edges, np.frombuffer(data, np.uint8)


def joined(columns: Sequence[pa.Array], separator: str) -> pa.Array:
    """Join the texts of each row by a separator, without the nulls among them; null where all are.

    Arrow's ``null_handling="skip"`` is not used: in Arrow 26 it leaves out the rows in which all are null.
    """
    return reduce(
        lambda left, right: pc.coalesce(pc.binary_join_element_wise(left, right, separator), left, right),
        columns,
    )


def shown(values: pa.Array) -> pa.Array:
    """Return values as a message shows them: cut to a readable length, line breaks as spaces."""
    texts = values
    if pc.any(pc.greater(pc.utf8_length(texts), SHOWN)).as_py():
        cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 0, SHOWN - 1), "…", "")
        texts = pc.if_else(pc.greater(pc.utf8_length(texts), SHOWN), cut, texts)
    return pc.replace_substring_regex(texts, _SPACE.pattern, " ")


def message(values: pa.Array, before: str, reasons: pa.Array | str, after: str) -> pa.Array:
    """Write `` `value` before reason after`` for each value."""
    return pc.binary_join_element_wise("`", shown(values), "` " + before, reasons, after, "")


def message_of(value: str, before: str, reason: str, after: str) -> str:
    """Write the message of one value, as ``message`` does for a column."""
    cut = value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"
    return f"`{_SPACE.sub(' ', cut)}` {before}{reason}{after}"


def by_distinct(values: pa.Array, decide: Callable[[str], tuple[str | None, str | None]]) -> Read:
    """Ask ``decide`` (text → canonical text or ``None``, reason or ``None``) once for each distinct value."""
    encoded = values.dictionary_encode()
    verdicts = [decide(text) for text in encoded.dictionary.to_pylist()]
    canonical = pa.array([verdict[0] for verdict in verdicts], pa.string()).take(encoded.indices)
    reasons = pa.array([verdict[1] for verdict in verdicts], pa.string()).take(encoded.indices)
    return Read(canonical, reasons)
