"""What rejected rows show of their identity, so that an overwrite never removes the record of a bad row.

``protected.parquet`` holds (field, value) pairs. A row that was read shows the values of its identity fields. A
record that could not be read shows nothing for certain, so each of its cells may be any identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.model.files import PROTECTED, REJECTED_ROWS, Files
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import Phase
from imports_pipeline.phases import rejections
from imports_pipeline.phases.rows import Layout, Rows
from imports_pipeline.schemas.catalog import RESOURCES

PROTECTED_SCHEMA: Final = pa.schema([("field", pa.string()), ("value", pa.string())])


def protection(import_: Import, files: Files) -> int:
    """Write ``protected.parquet`` from what phases 1 to 3 rejected; give the count of pairs."""
    fields = RESOURCES[import_.resource].protecting_fields(import_.options.match_on)
    count = 0
    with (
        files.open_write(PROTECTED) as file,
        pq.ParquetWriter(file, PROTECTED_SCHEMA, compression="lz4") as writer,
    ):
        for pairs in (*_of_unread_rows(files, fields), *_of_later_rows(files, fields)):
            count += pairs.num_rows
            writer.write_table(pairs)
    return count


def _pairs(field: str, values: pa.Array) -> pa.Table:
    values = values.drop_null()
    return pa.table([pa.array([field] * len(values), pa.string()), values], schema=PROTECTED_SCHEMA)


def _of_unread_rows(files: Files, fields: tuple[str, ...]) -> Iterator[pa.Table]:
    """Give what the rows show that prevalidation rejected; their cells are as written."""
    with files.open_read(REJECTED_ROWS) as file:
        parquet = pq.ParquetFile(file)
        layout = Layout.read(parquet.schema_arrow)
        for batch in parquet.iter_batches(columns=["malformed", "cells"]):
            malformed = batch.column("malformed")
            read = batch.column("cells").filter(pc.invert(malformed))
            anything = _trimmed(batch.column("cells").filter(malformed).flatten()).unique()
            for field in fields:
                yield _pairs(field, anything)
                if field not in layout.fields:
                    continue
                positions = layout.positions[layout.fields.index(field)]
                parts = [_trimmed(pc.list_element(read, p)) for p in positions] if len(read) else []
                if parts:
                    yield _pairs(field, pc.binary_join_element_wise(*parts, " ", null_handling="skip"))


def _of_later_rows(files: Files, fields: tuple[str, ...]) -> Iterator[pa.Table]:
    """Give what the rows show that preparsing and transforming rejected."""
    lines = rejections.lines(files, [Phase.PREPARSING, Phase.TRANSFORMING])
    if not len(lines):
        return
    rows = Rows(files)
    present = [field for field in fields if field in rows.layout.fields]
    for batch in rows.values(present):
        chosen = batch.filter(pc.is_in(batch.column("line"), value_set=lines))
        for field in present:
            yield _pairs(field, chosen.column(field))


def _trimmed(values: pa.Array) -> pa.Array:
    values = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
