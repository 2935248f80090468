"""The files that a batch takes its items from, which ``transforming`` writes.

``items.parquet``: ``line``, ``id``, ``is_new``, ``f0`` … the values of the item fields as canonical text, null = not
given. ``references.parquet``: one line a reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

REFERENCE_SCHEMA: Final = pa.schema(
    [
        ("line", pa.int64()),
        ("id", pa.string()),
        # the list it changes (`groups`), or empty for a field that is one reference
        ("relation", pa.string()),
        ("operation", pa.string()),
        ("field", pa.string()),
        ("reference", pa.string()),
        ("target_id", pa.string()),
        ("problem", pa.string()),
    ]
)

#: Stands in the metadata of an ``items.parquet`` of which that is known.
_DISTINCT: Final = {"records": "distinct"}


def item_schema(fields: Sequence[str]) -> pa.Schema:
    """Return the schema of ``items.parquet`` for these fields, which its metadata names."""
    columns = [("line", pa.int64()), ("id", pa.string()), ("is_new", pa.bool_())]
    values = [(f"f{k}", pa.string()) for k in range(len(fields))]
    return pa.schema([*columns, *values], metadata={"fields": json.dumps(list(fields))})


def item_fields(schema: pa.Schema) -> list[str]:
    """Return the fields of an ``items.parquet`` by its schema."""
    return list(json.loads(schema.metadata[b"fields"]))


def note_distinct(items: pq.ParquetWriter) -> None:
    """Note in an ``items.parquet`` that no two of its items stand for the same record."""
    items.add_key_value_metadata(_DISTINCT)


def are_distinct(file: pq.ParquetFile) -> bool:
    """Return whether that was noted."""
    noted = file.metadata.metadata or {}
    return all(noted.get(name.encode()) == value.encode() for name, value in _DISTINCT.items())
