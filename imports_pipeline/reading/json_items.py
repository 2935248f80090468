"""Reads JSON items as rows: nested fields are dotted, lists are comma-separated, null is a blank cell.

The source is one JSON object: ``items``, an array of objects, and ``properties``, defaults for the fields that an
item does not name. A row's ``line`` is the item's number, from 1, and its ``byte_offset`` is one less.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import pyarrow as pa

from imports_pipeline.reading.options import Detected, NotATable
from imports_pipeline.reading.records import MalformedRecord, MalformedRecords, RowBatch

#: The largest number of columns: more than any resource has, and a bound for items with ever new fields.
MOST_FIELDS: Final = 1_000
# The deepest nesting of an item. No field of a resource is deeper than two.
_DEEPEST: Final = 16
_ROWS: Final = 10_000
_RAW: Final = 2_000


class InvalidItem(ValueError):
    """An item is not valid. The message says why, and ``field`` names the place."""

    def __init__(self, message: str, field: str = "") -> None:
        """Keep the sentence and the field."""
        super().__init__(message)
        self.field = field


def cells_of(item: Any) -> dict[str, str]:
    """Return the cells of an item by field. Raises ``InvalidItem``."""
    if not isinstance(item, dict):
        raise InvalidItem("an item is an object of fields")
    cells: dict[str, str] = {}
    for name, text in _cells(item, ""):
        if name in cells:
            raise InvalidItem(f"the field {name[:100]!r} stands in it twice", name)
        cells[name] = text
    return cells


def readable(item: Any) -> dict[str, str] | None:
    """Return the cells of an item, or ``None`` if the item is not valid."""
    try:
        return cells_of(item)
    except InvalidItem:
        return None


def fields_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the fields of all rows in order of appearance. Raises ``InvalidItem`` if there are too many."""
    fields: dict[str, None] = {}
    for row in rows:
        fields.update(dict.fromkeys(row))
        if len(fields) > MOST_FIELDS:
            raise InvalidItem(f"the items have more than {MOST_FIELDS:,} different fields")
    return list(fields)


def _cells(item: Mapping[str, Any], prefix: str, depth: int = 1) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        raise InvalidItem(f"it nests deeper than {_DEEPEST} levels")
    for key, value in item.items():
        name = prefix + key
        if not key.strip() or "\0" in key:
            raise InvalidItem("it has a field without a name")
        if isinstance(value, dict):
            yield from _cells(value, f"{name}.", depth + 1)
        elif isinstance(value, list):
            yield name, _list(value, name)
        else:
            yield name, _text(value, name)


def _list(values: Sequence[Any], name: str) -> str:
    if any(isinstance(one, (dict, list)) or one is None for one in values):
        raise InvalidItem(f"the list {name[:100]!r} takes texts only", name)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="").writerow([_text(one, name) for one in values])
    return out.getvalue()


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if "\0" in value:
            # PostgreSQL's text cannot contain NUL. A file's record with a NUL is rejected too.
            raise InvalidItem(f"the field {name[:100]!r} holds a NUL character", name)
        return value
    if isinstance(value, float) and not math.isfinite(value):
        # Python parses 1e400 as infinity, and accepts NaN, which JSON does not have.
        raise InvalidItem(f"the field {name[:100]!r} holds a number that is out of range", name)
    return json.dumps(value)


def object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, for ``object_pairs_hook``. Raises ``ValueError`` if it has a name twice.

    Python keeps the last value and other parsers the first, so the meaning is ambiguous.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice[:100]!r} twice; remove one")
    return made


class ItemsReader:
    """Items as a table, with the interface of ``reading.table.TableReader``."""

    def __init__(self, source: BinaryIO) -> None:
        """Read the whole source. Raises ``NotATable`` if its items name no field."""
        try:
            given = json.load(source)
            defaults = cells_of(given.get("properties") or {})
        except RecursionError:
            raise NotATable("not_a_table", "The batch cannot be read: its items nest too deep.") from None
        except InvalidItem as error:
            raise NotATable("not_a_table", f"The batch cannot be read: in its properties, {error}.") from None
        self._rows: list[dict[str, str]] = []
        self._lines: list[int] = []
        self._malformed: list[MalformedRecord] = []
        for line, item in enumerate(given["items"], 1):
            try:
                self._rows.append({**defaults, **cells_of(item)})
                self._lines.append(line)
            except InvalidItem as error:
                self._malformed.append(_malformed(line, item, error))
        try:
            self.header = tuple(fields_of(self._rows))
        except InvalidItem as error:
            raise NotATable("not_a_table", f"The batch cannot be read: {error}.") from None
        if not self.header:
            raise NotATable(
                "no_header", "No item of the batch names a field; give items as objects of fields."
            )
        self.header_line = 0
        self.detected = Detected("utf-8", "", "", header_line=0, line_end="")

    def batches(self) -> Iterator[RowBatch]:
        """Yield all items, in their order."""
        malformed = list(self._malformed)
        for begin in range(0, max(1, len(self._rows)), _ROWS):
            rows, lines = self._rows[begin : begin + _ROWS], self._lines[begin : begin + _ROWS]
            last = begin + _ROWS >= len(self._rows)
            here = [bad for bad in malformed if last or bad.line < lines[-1]]
            malformed = malformed[len(here) :]
            columns = [pa.array([row.get(name, "") for row in rows], pa.string()) for name in self.header]
            yield RowBatch(
                pa.RecordBatch.from_arrays(columns, names=[f"c{at}" for at in range(len(self.header))]),
                pa.array(lines, pa.int64()),
                pa.array([line - 1 for line in lines], pa.int64()),
                MalformedRecords.of(here),
            )


def _malformed(line: int, item: Any, error: InvalidItem) -> MalformedRecord:
    message = f"Item {line:,} cannot be read: {error}."
    raw = json.dumps(item, ensure_ascii=False)[:_RAW]
    return MalformedRecord(line, line - 1, "invalid_item", message, raw, value=error.field)
