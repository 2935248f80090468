"""What rejected rows show of their identity, so that an overwrite never removes the record of a bad row.

``protected.parquet`` holds values of identity fields by line. A row that was read shows those it fills in, as
they are written and as they would be stored. A record that could not be read shows nothing for certain, so each
of its cells, and each piece of its text between delimiters, quotes and line ends, may be any identity.
"""

from __future__ import annotations

import re
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
from imports_pipeline.phases.texts import spaced
from imports_pipeline.schemas import values
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.schemas.cells import trimmed

#: ``certain`` is false for a cell of a record that could not be read, and for a row that shows nothing.
PROTECTED_SCHEMA: Final = pa.schema(
    [("line", pa.int64()), ("field", pa.string()), ("value", pa.string()), ("certain", pa.bool_())]
)


#: What stands between the pieces of a record that could not be read.
_BETWEEN: Final = re.compile(r"""[,;\t|^"'\r\n]+""")


def protection(import_: Import, files: Files) -> None:
    """Write ``protected.parquet`` from what phases 1 to 3 rejected: each row has at least one line in it."""
    fields = RESOURCES[import_.resource].protecting_fields(import_.options.match_on)
    with (
        files.open_write(PROTECTED) as file,
        pq.ParquetWriter(file, PROTECTED_SCHEMA, compression="lz4") as writer,
    ):
        for shown in (*_of_unread_rows(import_, files, fields), *_of_later_rows(files, fields)):
            writer.write_table(shown)


def _shown(line: pa.Array, field: str, shown: pa.Array, *, certain: bool) -> pa.Table:
    filled = pc.is_valid(shown)
    line, shown = line.filter(filled), shown.filter(filled)
    columns = [
        line,
        pa.array([field] * len(line), pa.string()),
        shown,
        pa.array([certain] * len(line), pa.bool_()),
    ]
    return pa.table(columns, schema=PROTECTED_SCHEMA)


def _nothing(line: pa.Array) -> pa.Table:
    """Give the lines of rows that show nothing, so that they are counted."""
    return _shown(line, "", pa.array([""] * len(line), pa.string()), certain=False)


def _of_unread_rows(import_: Import, files: Files, fields: tuple[str, ...]) -> Iterator[pa.Table]:
    """Give what the rows show that prevalidation rejected; their cells are as written."""
    with files.open_read(REJECTED_ROWS) as file:
        parquet = pq.ParquetFile(file)
        layout = Layout.read(parquet.schema_arrow)
        for batch in parquet.iter_batches(columns=["line", "malformed", "raw", "cells"]):
            malformed = batch.column("malformed")
            yield from _of_malformed(batch.filter(malformed), fields)
            read = batch.filter(pc.invert(malformed))
            # Rows of blanks alone stand for nobody; any other row stands for somebody.
            read = read.filter(pc.is_in(read.column("line"), value_set=_lines_with_text(read)))
            shown = {}
            for field in fields:
                if field in layout.fields and read.num_rows:
                    written = _field(read.column("cells"), layout, field)
                    shown[field] = [written, _as_stored(import_, field, written)]
            yield from _of_values(read.column("line"), shown)


def _of_malformed(batch: pa.RecordBatch, fields: tuple[str, ...]) -> Iterator[pa.Table]:
    line, cells = batch.column("line"), batch.column("cells")
    yield _nothing(line)
    pieces = pa.array(
        [_BETWEEN.split(raw or "") for raw in batch.column("raw").to_pylist()], pa.list_(pa.string())
    )
    for lists in (cells, pieces):
        lines, anything = line.take(pc.list_parent_indices(lists)), trimmed(pc.list_flatten(lists))
        for field in fields:
            yield _shown(lines, field, anything, certain=False)


def _of_values(line: pa.Array, shown: dict[str, list[pa.Array]]) -> Iterator[pa.Table]:
    """Give the filled-in values of rows, and a line that says nothing for rows without any."""
    identified = pa.array([], pa.int64())
    for field, spellings in shown.items():
        for spelling in spellings:
            found = _shown(line, field, spelling, certain=True)
            identified = pa.concat_arrays([identified, found["line"].combine_chunks()])
            yield found
    yield _nothing(line.filter(pc.invert(pc.is_in(line, value_set=identified))))


def _field(cells: pa.Array, layout: Layout, field: str) -> pa.Array:
    """Give a field's text from lists of cells, null where it is blank."""
    parts = [trimmed(pc.list_element(cells, p)) for p in layout.positions[layout.fields.index(field)]]
    joined = spaced(parts)
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _as_stored(import_: Import, field: str, written: pa.Array) -> pa.Array:
    """Give the canonical text of values, null where they have none."""
    resource = RESOURCES[import_.resource]
    region = import_.options.default_region
    return values.read(resource.by_name[field], resource, written, default_region=region).values


def _lines_with_text(batch: pa.RecordBatch) -> pa.Array:
    cells = batch.column("cells")
    filled = pc.is_valid(trimmed(pc.list_flatten(cells)))
    return batch.column("line").take(pc.list_parent_indices(cells)).filter(filled).unique()


def _of_later_rows(files: Files, fields: tuple[str, ...]) -> Iterator[pa.Table]:
    """Give what the rows show that preparsing and transforming rejected."""
    lines = rejections.lines(files, [Phase.PREPARSING, Phase.TRANSFORMING])
    if not len(lines):
        return
    with Rows(files) as rows:
        present = [field for field in fields if field in rows.layout.fields]
        for batch in rows.values(present):
            chosen = batch.filter(pc.is_in(batch.column("line"), value_set=lines))
            yield from _of_values(chosen.column("line"), {field: [chosen.column(field)] for field in present})
