"""The accepted rows of a file as Parquet: each cell as written, and its canonical text where that differs.

The columns are ``line`` and ``byte_offset`` (int64), the original cells by position (``c0`` …), and the values of the
mapped fields (``v0`` …). A value is null where the canonical text is the cell itself, and "" where it is blank. So the
text of a clean file is stored once, and an errors file can show every cell as it was written.

If an upload was read in parts, each part has a file of its own. The first is ``rows.parquet``, and its metadata has the
number of files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imports_pipeline.import_phases.freed_memory import releasing_memory
from imports_pipeline.model.files import ROWS, Files, part
from imports_pipeline.schemas.catalog import Resource
from imports_pipeline.schemas.column_mapping.plan import Cell, ColumnMap
from imports_pipeline.schemas.column_mapping.plan_json import from_json, to_json

_PARTS = b"parts"
# The most headers that an error names for a field that is read from several columns.
_SHOWN = 4
_PLACE = (pa.field("line", pa.int64()), pa.field("byte_offset", pa.int64()))


def part_names(count: int) -> list[str]:
    """Return the names of the files of accepted rows, in order, for a number of parts."""
    return [ROWS, *(part(ROWS, number) for number in range(1, count))]


@dataclass(frozen=True)
class Layout:
    """Which field is read from which columns of the file: its header, and the plan of its columns."""

    header: tuple[str, ...]
    plan: ColumnMap

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields, in the order of the columns ``v0`` …."""
        return tuple(column.field for column in self.plan.columns)

    @cached_property
    def positions(self) -> tuple[tuple[int, ...], ...]:
        """The columns that each field is read from."""
        return tuple(column.positions for column in self.plan.columns)

    @cached_property
    def cell(self) -> tuple[int | None, ...]:
        """The column of each field, in order; ``None`` for a field that is made of several cells."""
        sources = [column.source for column in self.plan.columns]
        return tuple(source.position if isinstance(source, Cell) else None for source in sources)

    def headers(self, column: str) -> str:
        """Return the headers of a field in the file, joined by `` + ``, so that a person finds the columns.

        ``column`` is a field, or several fields joined by ``+``. A field that the file lacks keeps its name.
        """
        places = dict(zip(self.fields, self.positions, strict=True))
        if column in places:
            shown = " + ".join(self.header[p] for p in places[column][:_SHOWN])
            return f"{shown} + …" if len(places[column]) > _SHOWN else shown
        if "+" not in column:
            return column
        return " + ".join(self.headers(field) for field in column.split("+"))

    def headers_of(self, columns: pa.Array) -> pa.Array:
        """Return the headers of each field in a column, as ``headers`` does for one."""
        encoded = columns.dictionary_encode()
        names = [self.headers(column) for column in encoded.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(encoded.indices)

    def fields_of_headers(self, resource: Resource) -> dict[str, str]:
        """Return header, or several of them as an error names them → field; a field without a column has its name."""
        found: dict[str, str] = {}
        for field, positions in zip(self.fields, self.positions, strict=True):
            found.setdefault(self.headers(field), field)
            for at in positions:
                found.setdefault(self.header[at], field)
        return {**{name: name for name in resource.by_name}, **found}

    def schema(self) -> pa.Schema:
        """Return the Parquet schema, whose metadata holds the layout."""
        layout = json.dumps({"header": self.header, "plan": to_json(self.plan)})
        cells = [pa.field(f"c{i}", pa.string()) for i in range(len(self.header))]
        values = [pa.field(f"v{k}", pa.string()) for k in range(len(self.fields))]
        return pa.schema([*_PLACE, *cells, *values], metadata={"layout": layout})

    def rows(
        self, line: pa.Array, byte_offset: pa.Array, cells: pa.RecordBatch, values: pa.RecordBatch
    ) -> pa.Table:
        """Return rows as they are stored: the ``cells`` as written (c0 …), and ``values`` by field (null = blank)."""
        columns = [line, byte_offset, *cells.columns]
        for field, cell in zip(self.fields, self.cell, strict=True):
            value = pc.fill_null(values.column(field), "")
            if cell is not None:
                same = pc.equal(value, cells.column(cell))
                value = pc.if_else(same, pa.scalar(None, pa.string()), value)
            columns.append(value)
        return pa.table(columns, schema=self.schema())

    @classmethod
    def read(cls, schema: pa.Schema) -> Layout:
        """Read the layout from the schema of a file."""
        layout = json.loads(schema.metadata[b"layout"])
        return cls(tuple(layout["header"]), from_json(layout["plan"]))


class RowsWriter:
    """Writes accepted rows, batch by batch."""

    def __init__(self, file: BinaryIO, layout: Layout, parts: int = 1) -> None:
        """Write to ``file``, one of ``parts`` files; close the writer before the file."""
        self.layout = layout
        schema = layout.schema()
        self._schema = schema.with_metadata({**schema.metadata, _PARTS: str(parts).encode()})
        self._writer = pq.ParquetWriter(file, self._schema, compression="lz4", use_dictionary=False)

    def write(self, rows: pa.Table) -> None:
        """Add rows, which ``Layout.rows`` has made. They become a row group."""
        # By default the writer would keep a million rows in memory first.
        self._writer.write_table(rows)

    def __enter__(self) -> RowsWriter:
        """Return the writer; the ``with`` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the footer, also after an error: a writer that is left open fails when its file is closed."""
        self._writer.close()


class Rows:
    """A reader of the accepted rows of one import; use it in a ``with`` block, which closes the files."""

    def __init__(self, files: Files) -> None:
        """Open ``rows.parquet`` of the import, and its other parts if it has any."""
        with ExitStack() as opened:
            first = _opened(files, ROWS, opened)
            self.layout = Layout.read(first.schema_arrow)
            count = int(first.schema_arrow.metadata.get(_PARTS, b"1"))
            self._files = [first, *(_opened(files, name, opened) for name in part_names(count)[1:])]
            self._opened = opened.pop_all()
        self.count = sum(file.metadata.num_rows for file in self._files)

    def __enter__(self) -> Rows:
        """Return the reader; the ``with`` block closes the files."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._opened.close()

    def values(self, fields: Sequence[str], *, batch_rows: int = 50_000) -> Iterator[pa.RecordBatch]:
        """Yield ``line`` and the canonical text of some fields (null = blank), in file order."""
        columns = ["line"]
        for field in fields:
            k = self.layout.fields.index(field)
            cell = self.layout.cell[k]
            columns += [f"v{k}"] if cell is None else [f"v{k}", f"c{cell}"]
        for batch in releasing_memory(self._batches(batch_rows, columns)):
            yield pa.record_batch(
                [batch.column("line"), *(self._value(batch, field) for field in fields)],
                names=["line", *fields],
            )

    def head(self, count: int) -> Iterator[tuple[pa.Array, pa.RecordBatch, pa.RecordBatch]]:
        """Yield the first rows in batches: ``line``, the original cells, and the canonical texts by field."""
        header = [f"c{at}" for at in range(len(self.layout.header))]
        values = [f"v{at}" for at in range(len(self.layout.fields))]
        fields = list(self.layout.fields)
        left = count
        for whole in self._batches(count, ["line", *header, *values]):
            batch = whole.slice(0, left)
            left -= batch.num_rows
            texts = pa.record_batch([self._value(batch, field) for field in fields], names=fields)
            yield batch.column("line"), batch.select(header), texts
            if not left:
                return

    def _batches(self, batch_rows: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for file in self._files:
            yield from file.iter_batches(batch_size=batch_rows, columns=columns)

    def _groups(self) -> Iterator[tuple[pq.ParquetFile, int]]:
        for file in self._files:
            for group in range(file.num_row_groups):
                yield file, group

    def _value(self, batch: pa.RecordBatch, field: str) -> pa.Array:
        k = self.layout.fields.index(field)
        value = batch.column(f"v{k}")
        if (cell := self.layout.cell[k]) is not None:
            value = pc.coalesce(value, batch.column(f"c{cell}"))
        return pc.if_else(pc.equal(value, ""), pa.scalar(None, pa.string()), value)

    def cells(self, lines: np.ndarray) -> Iterator[pa.RecordBatch]:
        """Yield ``line``, ``byte_offset`` and the original cells (``c0`` …) of some lines, in file order.

        ``lines`` must be ascending. Only row groups that contain one of them are read.
        """
        columns = ["byte_offset", *(f"c{i}" for i in range(len(self.layout.header)))]
        for file, group in self._groups():
            line = file.read_row_group(group, columns=["line"])["line"].to_numpy()
            at = np.searchsorted(lines, line)
            chosen = np.flatnonzero((at < len(lines)) & (lines[np.minimum(at, len(lines) - 1)] == line))
            if len(chosen):
                cells = file.read_row_group(group, columns=columns)
                if len(chosen) < len(line):
                    cells = cells.take(pa.array(chosen))
                names = ["line", *cells.column_names]
                texts = [one.combine_chunks() for one in cells.columns]
                yield pa.record_batch([pa.array(line[chosen]), *texts], names=names)


def _opened(files: Files, name: str, opened: ExitStack) -> pq.ParquetFile:
    return pq.ParquetFile(opened.enter_context(files.open_read(name)), pre_buffer=False)


def as_lists(cells: pa.RecordBatch) -> pa.Array:
    """Return n rows of m string columns as an array of n lists of m texts."""
    count, width = cells.num_rows, cells.num_columns
    flat = pa.concat_arrays(cells.columns) if width else pa.array([], pa.string())
    order = (np.arange(width)[None, :] * count + np.arange(count)[:, None]).reshape(-1)
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * width, pa.int32())
    return pa.ListArray.from_arrays(offsets, flat.take(pa.array(order)))
