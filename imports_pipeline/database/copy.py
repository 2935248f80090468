"""Copies Arrow record batches into and out of PostgreSQL by COPY, without a Python object for each row.

The format is PostgreSQL's CSV: null is an empty cell, and the empty text is ``""``. psycopg returns the output of COPY
row by row, so PostgreSQL joins the rows of a query into blocks of thousands.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.threads import mapped

_WRITE: Final = pa_csv.WriteOptions(include_header=False, batch_size=65_536)
_BLOCK_ROWS: Final = 8192


def copy_in(
    connection: psycopg.Connection[Any],
    table: sql.Composable,
    columns: Sequence[str],
    batches: Iterable[pa.RecordBatch],
    counted: Callable[[int], None] = lambda _: None,
) -> int:
    """Append record batches to a table and return the number of rows. ``columns`` are in the order of the batches.

    ``counted`` is called with the number of rows so far after each batch.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    # A batch is written as CSV while PostgreSQL reads the one before it.
    texts = mapped(_as_csv, batches, 1, "copying")
    with connection.cursor() as cursor, cursor.copy(statement) as copy, closing(texts):
        for rows, text in texts:
            if rows:
                copy.write(text)
                count += rows
                counted(count)
    return count


def _as_csv(batch: pa.RecordBatch) -> tuple[int, memoryview]:
    """Return the number of rows of a batch, and the rows as CSV."""
    buffer = io.BytesIO()
    pa_csv.write_csv(batch, buffer, _WRITE)
    return batch.num_rows, buffer.getbuffer()


def copy_out(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    schema: pa.Schema,
    *,
    order_by: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Run a query and yield its rows as record batches of this schema, as they arrive.

    The query's columns are in the order of the schema. The connection is busy until the iterator is exhausted.

    Args:
        order_by: a column of integers by which the rows are ordered; without it their order is undefined.
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
    """A file with the texts of a query's ``column``: one a line, or with ``as_json`` the elements of a JSON array."""

    column: str
    file: BinaryIO
    as_json: bool = False

    @property
    def separator(self) -> str:
        """The text between two elements."""
        return ",\n" if self.as_json else "\n"


def copy_lines(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    *outputs: Lines,
) -> None:
    """Write each text column of a query to its file, ordered by the query's column ``number``."""
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
    """Return a query with its values quoted in the text, because COPY takes no parameters."""
    return sql.SQL(psycopg.ClientCursor(connection).mogrify(query.as_string(connection), parameters))


def _blocks(
    connection: psycopg.Connection[Any], query: sql.Composable, separators: Mapping[str, str]
) -> Iterator[tuple[bytes, ...]]:
    """Yield the text columns of a query, ordered by ``number``. Each block joins the texts of thousands of numbers."""
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
    """Return the SQL expression of a CSV cell for a column of the rows ``q``. Only text needs quotes."""
    value = sql.Identifier("q", name)
    if pa.types.is_string(kind):
        return sql.SQL("""coalesce('"' || replace({}, '"', '""') || '"', '')""").format(value)
    return sql.SQL("coalesce({}::text, '')").format(value)
