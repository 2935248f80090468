"""The files of a batch's items, which ``transforming`` writes and ``parsing`` reads.

``items.parquet`` has ``line``, ``id``, ``is_new`` and the values of the item fields as canonical text (``f0`` …), null
where no value is given. ``references.parquet`` has one row for each reference. ``new_groups.parquet``
has the groups that references name and that the import creates, each with its new id.
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
        # The list that the reference changes (`groups`); empty for a field that holds one reference.
        ("relation", pa.string()),
        ("operation", pa.string()),
        ("field", pa.string()),
        ("reference", pa.string()),
        ("target_id", pa.string()),
        ("problem", pa.string()),
    ]
)

NEW_GROUP_SCHEMA: Final = pa.schema([("id", pa.string()), ("name", pa.string())])

# The metadata of an ``items.parquet`` whose items are known to stand for different records.
_DISTINCT: Final = {"records": "distinct"}
_TOKEN: Final = "staged"


def item_schema(fields: Sequence[str]) -> pa.Schema:
    """Return the schema of ``items.parquet`` for these fields; its metadata has their names."""
    columns = [("line", pa.int64()), ("id", pa.string()), ("is_new", pa.bool_())]
    values = [(f"f{k}", pa.string()) for k in range(len(fields))]
    return pa.schema([*columns, *values], metadata={"fields": json.dumps(list(fields))})


def item_fields(schema: pa.Schema) -> list[str]:
    """Return the names of the fields in the schema of an ``items.parquet``."""
    return list(json.loads(schema.metadata[b"fields"]))


def note_distinct(items: pq.ParquetWriter) -> None:
    """Write to the metadata of an ``items.parquet`` that no two of its items stand for the same record."""
    items.add_key_value_metadata(_DISTINCT)


def note_token(items: pq.ParquetWriter, token: str) -> None:
    """Write the token of the staging table that has the same items to the metadata of an ``items.parquet``."""
    items.add_key_value_metadata({_TOKEN: token})


def token_of(file: pq.ParquetFile) -> str | None:
    """Return the token of the staging table that has the items of this ``items.parquet``, if there is one."""
    token: bytes | None = (file.metadata.metadata or {}).get(_TOKEN.encode())
    return token.decode() if token else None


def are_distinct(file: pq.ParquetFile) -> bool:
    """Return True if ``note_distinct`` was called for this ``items.parquet``."""
    noted = file.metadata.metadata or {}
    return all(noted.get(name.encode()) == value.encode() for name, value in _DISTINCT.items())
