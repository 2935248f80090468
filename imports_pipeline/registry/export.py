"""Exports the stored records as a semantic CSV, as rows of texts, or as JSON lines.

Importing the CSV again, or a workbook made of the rows, changes nothing.

PostgreSQL formats each line. Keys of JSON columns become dotted columns, one for each key that is in use. There may be
thousands of ``metadata`` keys, and PostgreSQL allows at most 1,664 columns, so the query joins those to one text. A
reference is exported as a name if the name is unambiguous, and as an id otherwise.

Cells that a spreadsheet would execute are neutralised, as in an errors file. The column ``_export`` marks such a file,
and an import that finds the column restores the cells (``import_phases/files/formulas.py``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.import_phases.files import formulas
from imports_pipeline.schemas.catalog import JSON_COLUMNS, Kind, Relation, Resource

# Matches names that would need quotes in a list cell, would be trimmed, or look like an id, an email or another key.
_EDGE: Final = r"[\s\u00a0\u200b\u2060\ufeff]"
_UNCLEAR: Final = rf"""[,":@]|^{_EDGE}|{_EDGE}$|^[A-Za-z]+_[0-9A-Za-z]{{26}}$"""
# The number of lines in each chunk of the output.
_LINES: Final = 1000
# Python's reader of CSV files refuses longer cells than its limit, which is 131,072 characters without this.
_LONGEST_CELL: Final = 1 << 30


def export(
    connection: psycopg.Connection[Any],
    resource: Resource,
    organization_id: str,
    format: str,
    *,
    raw: bool = False,
) -> Generator[bytes, None, None]:
    """Yield the records of an organization in order of id, as ``csv`` with a header or as ``jsonl``.

    With ``raw`` the cells of the CSV are not neutralised. Use it for programs, not for spreadsheets.
    """
    columns = dict(_columns(connection, resource, organization_id))
    keys = _keys(connection, resource, organization_id, "metadata")
    # OFFSET 0 prevents PostgreSQL from inlining the subquery, so each value is computed once per record.
    query = sql.SQL("SELECT {}, t.id, t.metadata FROM {} t WHERE t.organization_id = {} OFFSET 0").format(
        sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(value, sql.Identifier(f"c{position}"))
            for position, value in enumerate(columns.values())
        ),
        sql.Identifier(resource.table),
        literal(organization_id),
    )
    if format == "csv":
        names = [*columns, *(f"metadata.{key}" for key in keys), *(() if raw else (formulas.EXPORT_COLUMN,))]
        yield _header(names)
        line = _csv_line(len(columns), keys, raw=raw)
    else:
        line = _json_line(columns)
    statement = sql.SQL(
        "COPY (SELECT convert_to({}, 'UTF8') FROM ({}) AS r ORDER BY r.id) TO STDOUT (FORMAT binary)"
    )
    with connection.cursor() as cursor, cursor.copy(statement.format(line, query)) as copy:
        copy.set_types(["bytea"])
        for lines in _chunks(copy.rows()):
            yield b"\n".join([*lines, b""])


def export_rows(
    connection: psycopg.Connection[Any], resource: Resource, organization_id: str, *, raw: bool = False
) -> Generator[list[str], None, None]:
    """Yield the header and the cells of each record, as ``export`` writes them to a CSV file.

    Close the generator before the connection if it is not read to its end: until then the connection is busy.
    """
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        with closing(export(connection, resource, organization_id, "csv", raw=raw)) as chunks:
            for chunk in chunks:
                # A chunk is some whole records. `newline=""` keeps the line ends inside of cells.
                yield from csv.reader(io.StringIO(chunk.decode(), newline=""))
    finally:
        csv.field_size_limit(limit)


def _chunks(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[bytes]]:
    """Yield the values of one-column rows in lists of up to ``_LINES``."""
    lines: list[bytes] = []
    for (value,) in rows:
        lines.append(value)
        if len(lines) == _LINES:
            yield lines
            lines = []
    if lines:
        yield lines


def _csv_line(columns: int, keys: list[str], *, raw: bool) -> sql.Composable:
    """Return the SQL expression of a record's CSV line: the cells of its columns, then those of its metadata."""
    cells = [_cell(sql.SQL("{}::text").format(sql.Identifier("r", f"c{n}")), raw=raw) for n in range(columns)]
    line = sql.SQL(" || ',' || ").join(cells)
    if keys:
        line = sql.SQL(
            "{} || ',' || (SELECT string_agg({}, ',' ORDER BY k.place) FROM unnest(ARRAY[{}]) WITH ORDINALITY"
            " AS k (key, place) LEFT JOIN jsonb_each_text(r.metadata) AS v USING (key))"
        ).format(line, _cell(sql.Identifier("v", "value"), raw=raw), sql.SQL(", ").join(map(literal, keys)))
    return line if raw else sql.SQL("{} || ','").format(line)


def _cell(value: sql.Composable, *, raw: bool) -> sql.Composable:
    """Return the SQL expression of a CSV cell: empty for null, ``""`` for the empty text, with quotes if needed."""
    special = sql.SQL("""'[,"\\r\\n]'""")
    quoted = sql.SQL(
        """CASE WHEN {v} IS NULL THEN '' WHEN {v} = '' OR {v} ~ {special}
           THEN '"' || replace({v}, '"', '""') || '"' ELSE {v} END"""
    ).format(v=value, special=special)
    if raw:
        return sql.SQL("({})").format(quoted)
    return sql.SQL(
        """(CASE WHEN {v} ~ {suspect} AND {v} !~ {plain}
            THEN CASE WHEN {v} ~ {special} THEN '"' || chr(39) || replace({v}, '"', '""') || '"'
                      ELSE chr(39) || {v} END
            ELSE {quoted} END)"""
    ).format(
        v=value,
        special=special,
        quoted=quoted,
        suspect=literal(f"^{formulas.SUSPECT}"),
        plain=literal(f"^{formulas.PLAIN_SIGNED}$"),
    )


def _json_line(columns: Iterable[str]) -> sql.Composable:
    """Return the SQL expression of a record as a JSON object without null values."""
    pairs = sql.SQL(" || ").join(
        sql.SQL("jsonb_build_object({}, {})").format(literal(name), sql.Identifier("r", f"c{position}"))
        for position, name in enumerate(columns)
    )
    return sql.SQL(
        "jsonb_strip_nulls({} || coalesce((SELECT jsonb_object_agg('metadata.' || key, value)"
        " FROM jsonb_each(r.metadata)), '{{}}'))::text"
    ).format(pairs)


def _header(names: list[str]) -> bytes:
    quoted = (
        '"' + name.replace('"', '""') + '"' if any(c in name for c in ',"\r\n') else name for name in names
    )
    return (",".join(quoted) + "\n").encode()


def _columns(
    connection: psycopg.Connection[Any], resource: Resource, organization_id: str
) -> Iterator[tuple[str, sql.Composable]]:
    relations = {relation.name: relation for relation in resource.relations}
    for field in resource.fields:
        if field.kind is Kind.REFERENCES:
            if field.operation == "set":
                yield field.column, _list(relations[field.column])
        elif field.kind is Kind.REFERENCE or field.column not in JSON_COLUMNS:
            yield field.name, sql.Identifier("t", field.column)
    for column in sorted(JSON_COLUMNS & set(resource.value_columns()) - {"metadata"}):
        for key in _keys(connection, resource, organization_id, column):
            yield f"{column}.{key}", sql.SQL("t.{} ->> {}").format(sql.Identifier(column), literal(key))


def _keys(
    connection: psycopg.Connection[Any], resource: Resource, organization_id: str, column: str
) -> list[str]:
    rows = connection.execute(
        sql.SQL(
            "SELECT DISTINCT key FROM {}, jsonb_object_keys({}) AS key WHERE organization_id = %s ORDER BY key"
        ).format(sql.Identifier(resource.table), sql.Identifier(column)),
        (organization_id,),
    )
    return [key for (key,) in rows]


def _list(relation: Relation) -> sql.Composable:
    """Return the SQL of a relation's list cell: names of groups and locations, ids of contacts, ordered by id."""
    sources = []
    for table in relation.others:
        name = (
            sql.SQL("o.id")
            if table == "contacts"
            else sql.SQL("CASE WHEN o.name ~ {} THEN o.id ELSE o.name END").format(literal(_UNCLEAR))
        )
        sources.append(
            sql.SQL(
                "SELECT o.id, {name} AS shown FROM {table} m JOIN {others} o ON o.organization_id = m.organization_id"
                " AND o.id = m.{other} WHERE m.organization_id = t.organization_id AND m.{own} = t.id"
            ).format(
                name=name,
                table=sql.Identifier(relation.table),
                others=sql.Identifier(table),
                other=sql.Identifier(relation.other),
                own=sql.Identifier(relation.own),
            )
        )
    return sql.SQL("(SELECT string_agg(shown, ',' ORDER BY id) FROM ({}) AS members)").format(
        sql.SQL(" UNION ALL ").join(sources)
    )
