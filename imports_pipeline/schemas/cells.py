"""Columns of cells: trimming, messages, and the result type of the readers.

Every reader (``emails``, ``phones``, ``values``) takes a column of trimmed cells, null where blank. It returns the
canonical text of each cell, and a reason for each cell that it refuses. Readers work on whole columns; only distinct
values that no vectorised rule decides are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Zero-width characters that copying from a web page or a spreadsheet leaves around a value.
_INVISIBLE: Final = ("\u200b", "\u2060", "\ufeff")
_INVISIBLE_BYTES: Final = tuple(character.encode() for character in _INVISIBLE)
_LOWEST_LEAD: Final = min(character[0] for character in _INVISIBLE_BYTES)
#: The number of characters of a value that a message shows.
SHOWN: Final = 60
# The number of the letters A to Z.
_LETTERS: Final = 26
# The letters of Chinese, Japanese and Korean: first and last of each block.
_WITHOUT_SPACES: Final = (("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\uac00", "\ud7af"))
_SPACE: Final = re.compile("[\t\n\f\r ]+")


@dataclass(frozen=True)
class Read:
    """The result of reading a column, as long as the column.

    Attributes:
        values: the canonical texts, null where the cell is blank or refused.
        reasons: the messages of refused cells, null elsewhere; ``None`` if no cell is refused.
    """

    values: pa.Array
    reasons: pa.Array | None = None


def trimmed(cells: pa.Array) -> pa.Array:
    """Return cells without the Unicode white space around them; a blank cell becomes null.

    Zero-width spaces and byte-order marks around a value are removed too, since the author could not see them.
    """
    texts = cells if cells.type == pa.string() else cells.cast(pa.string())
    texts = pc.utf8_trim_whitespace(texts)
    if _has_invisible(texts):
        texts = pc.utf8_trim(texts, characters=_nothing_seen())
    blank = pc.equal(texts, "")
    return pc.if_else(blank, pa.scalar(None, pa.string()), texts) if pc.any(blank).as_py() else texts


@cache
def _nothing_seen() -> str:
    """Return the invisible characters and all white space, which may be mixed with them."""
    return "".join((*_INVISIBLE, *(chr(code) for code in range(0x10000) if chr(code).isspace())))


def _has_invisible(texts: pa.Array) -> bool:
    """Return True if the column may contain zero-width characters.

    One search in the bytes of the column costs far less than trimming every cell twice.
    """
    data = texts.buffers()[2]
    # Most columns have no byte that can begin one of these characters.
    if data is None or len(data) == 0 or np.frombuffer(data, dtype=np.uint8).max() < _LOWEST_LEAD:
        return False
    view = data.to_pybytes()
    return any(character in view for character in _INVISIBLE_BYTES)


def first_bytes(texts: pa.Array) -> np.ndarray:
    """Return the first byte of each text, 0 for null and for "". This is about 20 times as fast as a search in each."""
    edges, body = text_bytes(texts)
    if len(body) == 0:
        return np.zeros(len(texts), np.uint8)
    first = body[np.minimum(edges[:-1], len(body) - 1)]
    first[edges[1:] == edges[:-1]] = 0
    if texts.null_count:
        first[np.asarray(texts.is_null())] = 0
    return first


def text_bytes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets of the texts of a string array, including the end of the last, and the bytes they index."""
    _, offsets, data = texts.buffers()
    if data is None or offsets is None:
        return np.zeros(len(texts) + 1, np.int32), np.zeros(0, np.uint8)
    edges = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return edges, np.frombuffer(data, np.uint8)


def has_byte(texts: pa.Array, bytes_: bytes) -> bool:
    """Return True if any text holds one of these bytes. This is many times as fast as a search in each text."""
    edges, body = text_bytes(texts)
    part = body[edges[0] : edges[-1]]
    return any(bool((part == one).any()) for one in bytes_)


def is_without_spaces(text: str) -> bool:
    """Return True if a text has a letter of Chinese, Japanese or Korean, which write words without spaces."""
    return any(first <= letter <= last for letter in text for first, last in _WITHOUT_SPACES)


def has_capitals(texts: pa.Array) -> bool:
    """Return True if any text holds one of the letters A to Z."""
    edges, body = text_bytes(texts)
    part = body[edges[0] : edges[-1]]
    # Bytes below A wrap around and become large.
    return len(part) > 0 and bool((part - np.uint8(ord("A")) < _LETTERS).any())


def is_ascii(texts: pa.Array) -> bool:
    """Return True if all texts are ASCII."""
    edges, body = text_bytes(texts)
    part = body[edges[0] : edges[-1]]
    return len(part) == 0 or int(part.max()) < 0x80


def joined(columns: Sequence[pa.Array], separator: str) -> pa.Array:
    """Join the texts of each row by a separator, without the nulls among them; null where all are.

    Arrow's ``null_handling="skip"`` is not used: in Arrow 26 it leaves out the rows in which all are null.
    """
    filled = [column for column in columns if column.null_count < len(column)]
    return reduce(
        lambda left, right: pc.coalesce(pc.binary_join_element_wise(left, right, separator), left, right),
        filled or columns[:1],
    )


def shown(values: pa.Array) -> pa.Array:
    """Return values as a message shows them: cut to ``SHOWN`` characters, with line breaks as spaces."""
    texts = values
    if pc.any(pc.greater(pc.utf8_length(texts), SHOWN)).as_py():
        cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 0, SHOWN - 1), "…", "")
        texts = pc.if_else(pc.greater(pc.utf8_length(texts), SHOWN), cut, texts)
    return pc.replace_substring_regex(texts, _SPACE.pattern, " ")


def message(values: pa.Array, before: str, reasons: pa.Array | str, after: str) -> pa.Array:
    """Return the message `` `value` before reason after`` for each value."""
    return pc.binary_join_element_wise("`", shown(values), "` " + before, reasons, after, "")


def message_of(value: str, before: str, reason: str, after: str) -> str:
    """Return the message of one value, as ``message`` does for a column.

    >>> message_of("ann@", "is no email address: ", "there is nothing after the @", "; correct it")
    '`ann@` is no email address: there is nothing after the @; correct it'
    """
    cut = value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"
    return f"`{_SPACE.sub(' ', cut)}` {before}{reason}{after}"


def by_distinct(values: pa.Array, decide: Callable[[str], tuple[str | None, str | None]]) -> Read:
    """Read a column by calling a function once for each distinct value.

    Args:
        values: the column.
        decide: takes a text, and returns its canonical text or ``None``, and the reason to refuse it or ``None``.
    """
    encoded = values.dictionary_encode()
    verdicts = [decide(text) for text in encoded.dictionary.to_pylist()]
    canonical = pa.array([verdict[0] for verdict in verdicts], pa.string()).take(encoded.indices)
    reasons = pa.array([verdict[1] for verdict in verdicts], pa.string()).take(encoded.indices)
    return Read(canonical, reasons)
