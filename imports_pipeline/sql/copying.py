"""Arrow record batches into and out of PostgreSQL by COPY, without a Python object a row.

The format is CSV as PostgreSQL defines it: null is an empty cell, the empty text is ``""``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

_WRITE = pa_csv.WriteOptions(include_header=False, batch_size=65_536)


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
) -> Iterator[pa.RecordBatch]:
    """Run a query and give its rows as record batches of this schema, as they arrive, in the query's order.

    The connection is busy until the iterator is exhausted or closed.
    """
    with connection.cursor() as cursor:
        bound = psycopg.ClientCursor(connection).mogrify(query.as_string(connection), parameters)
        with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(_as_is(bound))) as copy:
            stream = _Stream(copy)
            if not stream.peek():
                return
            yield from pa_csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=pa_csv.ReadOptions(
                    column_names=schema.names, block_size=4 << 20, use_threads=False
                ),
                parse_options=pa_csv.ParseOptions(newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(
                    column_types=schema,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["t"],
                    false_values=["f"],
                ),
            )


def copy_text(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    parameters: Mapping[str, Any],
    file: BinaryIO,
    *,
    as_json: bool = False,
) -> None:
    """Write the rows of a query to a file as PostgreSQL spells them.

    As CSV without a header; or, of a query of one column of JSON, as a JSON array.
    """
    bound = _as_is(psycopg.ClientCursor(connection).mogrify(query.as_string(connection), parameters))
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(bound)
    if as_json:
        # CSV with marks that JSON never holds, so that each line is one object as it is.
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')").format(
            bound
        )
    before, between, after = (b"[\n", b",\n", b"\n]\n") if as_json else (b"", b"\n", b"\n")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        separator = before
        # Each piece is one row with its line end.
        for row in copy:
            file.write(separator + bytes(row)[:-1])
            separator = between
    if separator is between:
        file.write(after)
    elif as_json:
        file.write(b"[]\n")


def _as_is(statement: str) -> sql.Composable:
    """Put a statement that is complete into another one; its values are bound and quoted already."""
    return sql.SQL(statement)


class _Stream(io.RawIOBase):
    """The bytes of a COPY as a file that can only be read."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._chunks = iter(copy)
        self._rest = b""

    def peek(self) -> bool:
        """Tell whether there is anything to read."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = bytes(chunk)
        return True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, missing = [self._rest], size - len(self._rest)
        while size < 0 or missing > 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(bytes(chunk))
            missing -= len(chunk)
        whole = b"".join(parts)
        if size < 0:
            self._rest = b""
            return whole
        self._rest = whole[size:]
        return whole[:size]
