"""The stored records as a semantic CSV, or as JSON lines: importing the CSV again changes nothing.

Written by PostgreSQL and passed on in pieces. Keys of JSON columns become dotted columns, as many as are in
use. A reference is a name where the name can mean nothing else, and an id where it could.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.schemas.catalog import JSON_COLUMNS, Kind, Relation, Resource
from imports_pipeline.sql.literals import literal

#: Names that a list cell would have to quote or trim, or that could be read as an id, an email or another key.
_EDGE: Final = r"[\s\u00a0\u200b\u2060\ufeff]"
_UNCLEAR: Final = rf"""[,":@]|^{_EDGE}|{_EDGE}$|^[A-Za-z]+_[0-9A-Za-z]{{26}}$"""


def export(
    connection: psycopg.Connection[Any], resource: Resource, organization_id: str, format: str
) -> Iterator[bytes]:
    """Give the records of an organization in order of id, as ``csv`` with a header or as ``jsonl``."""
    columns = dict(_columns(connection, resource, organization_id))
    query = sql.SQL("SELECT {} FROM {} t WHERE t.organization_id = {} ORDER BY t.id").format(
        sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(value, sql.Identifier(f"c{position}"))
            for position, value in enumerate(columns.values())
        ),
        sql.Identifier(resource.table),
        literal(organization_id),
    )
    if format == "csv":
        # PostgreSQL cuts names that are longer than an identifier, so the header is written here.
        yield _header(list(columns))
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
    else:
        pairs = sql.SQL(" || ").join(
            sql.SQL("jsonb_build_object({}, r.{})").format(literal(name), sql.Identifier(f"c{position}"))
            for position, name in enumerate(columns)
        )
        # As CSV with marks that JSON never holds, so that the text comes out as it is.
        statement = sql.SQL(
            "COPY (SELECT jsonb_strip_nulls({}) FROM ({}) AS r)"
            " TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
        ).format(pairs, query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in copy:
            yield bytes(chunk)


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
    for column in sorted(JSON_COLUMNS & _stored(resource)):
        for key in _keys(connection, resource, organization_id, column):
            yield f"{column}.{key}", sql.SQL("t.{} ->> {}").format(sql.Identifier(column), literal(key))


def _stored(resource: Resource) -> set[str]:
    return {*resource.value_columns(), "metadata"}


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
    """Give the list cell of a relation: names of groups and locations, ids of contacts, in order of id."""
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
