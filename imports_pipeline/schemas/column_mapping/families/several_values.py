"""Cells with several values: an email cell with two addresses, a list of JSON, a list with a separator.

A cell is split where a preset names the separator, or where it is JSON, or where it is an email cell of which every
piece is a valid address. Anything else stays whole, so that the checks name the cell as it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import has_byte, trimmed
from imports_pipeline.schemas.emails import read_emails

# What stands between several email addresses of a cell.
_BETWEEN_EMAILS: Final = r"\s+(?::::|/|\|)\s+|[;,\r\n]+"
# A cell that may be several addresses: two ``@`` with a separator between them.
_MAYBE_SEVERAL: Final = r"(?s)@.*(?: (?::::|/|\|) |[;,\r\n]).*@"
_JSON: Final = r"(?s)^\s*(?:\[.*\]|\{.*\})\s*$"
# More values than that of one cell find no field; the last piece keeps what is left.
_MOST: Final = 16
_NOTHING: Final = pa.scalar(None, pa.string())
# By kind, the keys of JSON objects that hold a value; then those that hold its label.
_VALUE_KEYS: Final = {
    "email": ("value", "emailaddress", "email", "address"),
    "phone": ("value", "number", "phonenumber", "phone", "mobile"),
    "list": ("name", "label", "title", "value"),
}
_LABEL_KEYS: Final = ("type", "label", "kind")


@dataclass(frozen=True)
class Values:
    """One value a row at most, null where there is none; ``label`` is the text that names its slot."""

    texts: pa.Array
    label: pa.Array | None = None
    country: pa.Array | None = None
    calling_code: pa.Array | None = None


def split(kind: str, cells: pa.Array, separators: Sequence[str]) -> list[Values]:
    """Split trimmed cells (null where blank): first the first value of every row, then the second, and so on."""
    if has_byte(cells, b"[{") and _flags(pc.match_substring_regex(cells, _JSON)).any():
        return _of_json(kind, cells)
    if separators:
        pattern = r"\s*(?:" + "|".join(re.escape(text.strip() or text) for text in separators) + r")\s*"
        several = _flags(pc.match_substring_regex(cells, pattern))
        return _pieces(cells, several, pattern) if several.any() else [Values(cells)]
    if kind == "email":
        return _emails(cells)
    return [Values(cells)]


def several_emails(cells: pa.Array) -> np.ndarray:
    """Return which cells hold several email addresses, all of them valid."""
    if not has_byte(cells, b":;,/|\r\n"):
        return np.zeros(len(cells), bool)
    maybe = _flags(pc.match_substring_regex(cells, _MAYBE_SEVERAL))
    if not maybe.any():
        return maybe
    lists = pc.split_pattern_regex(cells.filter(pa.array(maybe)), _BETWEEN_EMAILS)
    pieces = trimmed(pc.list_flatten(lists))
    parents = pc.list_parent_indices(lists).to_numpy()
    read = read_emails(pieces)
    bad = np.zeros(len(pieces), bool) if read.reasons is None else np.asarray(read.reasons.is_valid())
    broken = np.bincount(parents[bad], minlength=len(lists)) > 0
    filled = np.bincount(parents[np.asarray(pieces.is_valid())], minlength=len(lists))
    maybe[maybe] = ~broken & (filled > 1)
    return maybe


def _emails(cells: pa.Array) -> list[Values]:
    several = several_emails(cells)
    return _pieces(cells, several, _BETWEEN_EMAILS) if several.any() else [Values(cells)]


def _pieces(cells: pa.Array, several: np.ndarray, pattern: str) -> list[Values]:
    """Split the cells ``several`` by a pattern; blank pieces are passed over."""
    lists = pc.split_pattern_regex(cells.filter(pa.array(several)), pattern, max_splits=_MOST - 1)
    texts = trimmed(pc.list_flatten(lists))
    rows = np.flatnonzero(several)[pc.list_parent_indices(lists).to_numpy()]
    return _spread(len(cells), pc.if_else(pa.array(several), _NOTHING, cells), rows, texts)


def _spread(count: int, whole: pa.Array, rows: np.ndarray, texts: pa.Array) -> list[Values]:
    """Put the texts of each row, in order, into columns of ``count`` rows; the first column has ``whole`` as well."""
    filled = np.asarray(texts.is_valid())
    rows, texts = rows[filled], texts.filter(pa.array(filled))
    first = np.searchsorted(rows, rows)
    nth = np.arange(len(rows)) - first
    columns = []
    for number in range(int(nth.max()) + 1 if len(nth) else 0):
        some = np.zeros(count, bool)
        some[rows[nth == number]] = True
        base = whole if number == 0 else pa.nulls(count, pa.string())
        columns.append(
            Values(pc.replace_with_mask(base, pa.array(some), texts.filter(pa.array(nth == number))))
        )
    return columns or [Values(whole)]


def _of_json(kind: str, cells: pa.Array) -> list[Values]:
    """Read the cells that are JSON; one that is not after all stays whole."""
    encoded = cells.dictionary_encode()
    read = [json_values(kind, text) for text in encoded.dictionary.to_pylist()]
    most = max((len(values) for values in read if values is not None), default=0)
    columns = []
    for number in range(max(most, 1)):
        some = [values[number] if values is not None and number < len(values) else None for values in read]
        written = encoded.dictionary.to_pylist()
        texts = [
            one[0] if one else written[at] if values is None and number == 0 else None
            for at, (one, values) in enumerate(zip(some, read, strict=True))
        ]
        extra = [[one[n] if one else None for one in some] for n in (1, 2, 3)]
        label, country, code = (
            pa.array(column, pa.string()).take(encoded.indices) if any(column) else None for column in extra
        )
        columns.append(Values(pa.array(texts, pa.string()).take(encoded.indices), label, country, code))
    return columns


def json_values(kind: str, text: str) -> list[tuple[str, str | None, str | None, str | None]] | None:
    """Return value, label, country and calling code of each item of a JSON cell; nothing if it is no JSON."""
    if text[:1] not in "[{":
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    items = list(found.values()) if isinstance(found, dict) and not _is_item(kind, found) else found
    values = [_item(kind, item) for item in (items if isinstance(items, list) else [items])][:_MOST]
    return [value for value in values if value is not None]


def _is_item(kind: str, found: dict[str, Any]) -> bool:
    return any(_plain(key) in _VALUE_KEYS[kind] for key in found)


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _item(kind: str, item: Any) -> tuple[str, str | None, str | None, str | None] | None:
    if isinstance(item, dict):
        by_key = {_plain(key): str(value) for key, value in item.items() if isinstance(value, str | int)}
        value = next((by_key[key] for key in _VALUE_KEYS[kind] if by_key.get(key, "").strip()), None)
        if value is None:
            return None
        label = next((by_key[key] for key in _LABEL_KEYS if key in by_key and by_key[key] != value), None)
        if item.get("primary") is True:
            label = f"* {label or ''}"
        return (
            value.strip(),
            label,
            by_key.get("countrycode") or by_key.get("country"),
            by_key.get("callingcode"),
        )
    text = str(item).strip() if isinstance(item, str | int) else ""
    return (text, None, None, None) if text else None


def _flags(matches: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(matches, False).to_numpy(zero_copy_only=False)
    return flags.copy()
