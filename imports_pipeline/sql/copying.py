"""Arrow record batches into and out of PostgreSQL by COPY, without a Python object a row.

The format is CSV as PostgreSQL defines it: null is an empty cell, the empty text is ``""``. A client gets what
COPY gives out one row at a time, so the rows of a query come joined by PostgreSQL into blocks of thousands.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

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
    line = sql.SQL(" || ',' || ").join(_cell(name, schema.field(name).type) for name in schema.names)
    number = sql.SQL("row_number() OVER ()") if order_by is None else sql.Identifier("q", order_by)
    for block in _blocks(connection, query, parameters, schema.names, line, number, "\n"):
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


def copy_lines(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    file: BinaryIO,
    *,
    as_json: bool = False,
) -> None:
    """Write the texts of a query of (whole number, text), ordered by the number, to a file, one a line.

    ``as_json`` makes them the elements of a JSON array.
    """
    before, between, after = (b"[\n", ",\n", b"\n]\n") if as_json else (b"", "\n", b"\n")
    separator = before
    line, number = sql.Identifier("q", "line"), sql.Identifier("q", "number")
    for block in _blocks(connection, query, parameters, ["number", "line"], line, number, between):
        file.write(separator)
        file.write(block)
        separator = between.encode()
    if separator != before:
        file.write(after)
    elif as_json:
        file.write(b"[]\n")


def _blocks(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    columns: Sequence[str],
    line: sql.Composable,
    number: sql.Composable,
    separator: str,
) -> Iterator[bytes]:
    """Give the texts ``line`` of the rows ``q`` of a query in order of ``number``, thousands joined at a time."""
    bound = psycopg.ClientCursor(connection).mogrify(query.as_string(connection), parameters)
    statement = sql.SQL(
        "COPY (SELECT convert_to(string_agg(line, {separator} ORDER BY number), 'UTF8')"
        " FROM (SELECT {line} AS line, {number} AS number FROM ({query}) AS q ({columns})) AS numbered"
        " GROUP BY number / {rows} ORDER BY number / {rows}) TO STDOUT (FORMAT binary)"
    ).format(
        separator=sql.Literal(separator),
        line=line,
        number=number,
        # Complete as it is: its values are bound and quoted already.
        query=sql.SQL(bound),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        rows=sql.Literal(_BLOCK_ROWS),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["bytea"])
        for (block,) in copy.rows():
            yield block


def _cell(name: str, kind: pa.DataType) -> sql.Composable:
    """Spell a column of the rows ``q`` as a cell of CSV; what is no text needs no quotes."""
    value = sql.Identifier("q", name)
    if pa.types.is_string(kind):
        return sql.SQL("""coalesce('"' || replace({}, '"', '""') || '"', '')""").format(value)
    return sql.SQL("coalesce({}::text, '')").format(value)
