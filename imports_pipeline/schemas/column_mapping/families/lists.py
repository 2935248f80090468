"""Lists of groups: labels, tags and lists as other products write them, as a list of references of ours."""

from __future__ import annotations

import re

import pyarrow as pa

from imports_pipeline.schemas import references
from imports_pipeline.schemas.cells import by_distinct, joined, trimmed
from imports_pipeline.schemas.column_mapping.families.several_values import json_values
from imports_pipeline.schemas.column_mapping.plan import ListCell, Lists


def read(cells: pa.RecordBatch, lists: Lists) -> pa.Array:
    """Return one list of references a row, null where none is left."""
    columns = [_column(trimmed(cells.column(one.position)), one) for one in lists.cells]
    return columns[0] if len(columns) == 1 else joined(columns, ",")


def _column(texts: pa.Array, one: ListCell) -> pa.Array:
    dropped = [re.compile(pattern, re.IGNORECASE) for pattern in one.dropped]

    def references_of(text: str) -> tuple[str | None, str | None]:
        if not one.separators and references.parse(text) is None and json_values("list", text) is None:
            # No list of ours: the check says what is wrong with it.
            return text, None
        items = [
            item for item in _items(text, one) if not any(pattern.fullmatch(item) for pattern in dropped)
        ]
        return (references.join(items) if items else None), None

    return by_distinct(texts, references_of).values


def _items(text: str, one: ListCell) -> list[str]:
    if (values := json_values("list", text)) is not None:
        return [value for value, *_ in values]
    if one.separators:
        pattern = "|".join(re.escape(separator.strip() or separator) for separator in one.separators)
        return list(dict.fromkeys(item.strip() for item in re.split(pattern, text) if item.strip()))
    return references.parse(text) or [text]
