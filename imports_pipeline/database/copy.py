"""Arrow record batches into and out of PostgreSQL by COPY, without a Python object a row.

The format is CSV as PostgreSQL defines it: null is an empty cell, the empty text is ``""``. A client gets what
COPY gives out one row at a time, so the rows of a query come joined by PostgreSQL into blocks of thousands.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

from imports_pipeline.database.literals import literal

_WRITE: Final = pa_csv.WriteOptions(include_header=False, batch_size=65_536)
_BLOCK_ROWS: Final = 8192


def copy_in(
    connection: psycopg.Connection[Any],
    table: sql.Composable,
    columns: Sequence[str],
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Append record batches, whose columns stand in this order, to a table; give the count of rows."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in batches:
            if batch.num_rows:
                buffer = io.BytesIO()
                pa_csv.write_csv(batch, buffer, _WRITE)
                copy.write(buffer.getbuffer())
                count += batch.num_rows
    return count


def copy_out(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    schema: pa.Schema,
    *,
    order_by: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Run a query and give its rows as record batches of this schema, as they arrive.

    The query's columns stand as the schema's do. ``order_by`` names a column of whole numbers that the rows come
    in order of; without it their order is any. The connection is busy until the iterator is exhausted.
    """
    cells = sql.SQL(" || ',' || ").join(_cell(name, schema.field(name).type) for name in schema.names)
    number = sql.SQL("row_number() OVER ()") if order_by is None else sql.Identifier("q", order_by)
    numbered = sql.SQL("SELECT {} AS number, {} AS text FROM ({}) AS q ({})").format(
        number,
        cells,
        _bound(connection, query, parameters),
        sql.SQL(", ").join(map(sql.Identifier, schema.names)),
    )
    for (block,) in _blocks(connection, numbered, {"text": "\n"}):
        yield from pa_csv.open_csv(
            pa.BufferReader(block),
            read_options=pa_csv.ReadOptions(
                column_names=schema.names, block_size=len(block) + 1, use_threads=False
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["true"],
                false_values=["false"],
            ),
        )


@dataclass(frozen=True)
class Lines:
    """A file of lines: the texts of a query's ``column``, or, as JSON, an array whose elements they are."""

    column: str
    file: BinaryIO
    as_json: bool = False

    @property
    def separator(self) -> str:
        """What stands between two of the texts."""
        return ",\n" if self.as_json else "\n"


def copy_lines(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    *outputs: Lines,
) -> None:
    """Write the texts of a query of (``number``, text columns), ordered by the number, each to its file."""
    is_empty = True
    separators = {output.column: output.separator for output in outputs}
    for blocks in _blocks(connection, _bound(connection, query, parameters), separators):
        for output, block in zip(outputs, blocks, strict=True):
            if not is_empty:
                output.file.write(output.separator.encode())
            elif output.as_json:
                output.file.write(b"[\n")
            output.file.write(block)
        is_empty = False
    for output in outputs:
        if output.as_json:
            output.file.write(b"[]\n" if is_empty else b"\n]\n")
        elif not is_empty:
            output.file.write(b"\n")


def _bound(
    connection: psycopg.Connection[Any], query: sql.Composable, parameters: Mapping[str, Any]
) -> sql.SQL:
    """Return a query with its values bound and quoted; COPY takes no parameters."""
    return sql.SQL(psycopg.ClientCursor(connection).mogrify(query.as_string(connection), parameters))


def _blocks(
    connection: psycopg.Connection[Any], query: sql.Composable, separators: Mapping[str, str]
) -> Iterator[tuple[bytes, ...]]:
    """Yield the text columns of a query in order of its ``number``, those of thousands of numbers joined at a time."""
    joined = sql.SQL(", ").join(
        sql.SQL("convert_to(string_agg({}, {} ORDER BY number), 'UTF8')").format(
            sql.Identifier(column), literal(separator)
        )
        for column, separator in separators.items()
    )
    statement = sql.SQL(
        "COPY (SELECT {joined} FROM ({query}) AS numbered GROUP BY number / {rows} ORDER BY number / {rows})"
        " TO STDOUT (FORMAT binary)"
    ).format(joined=joined, query=query, rows=literal(_BLOCK_ROWS))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["bytea"] * len(separators))
        yield from copy.rows()


def _cell(name: str, kind: pa.DataType) -> sql.Composable:
    """Spell a column of the rows ``q`` as a cell of CSV; what is no text needs no quotes."""
    value = sql.Identifier("q", name)
    if pa.types.is_string(kind):
        return sql.SQL("""coalesce('"' || replace({}, '"', '""') || '"', '')""").format(value)
    return sql.SQL("coalesce({}::text, '')").format(value)
