"""What an item makes of a record, column by column, as SQL: its new values, and whether they differ.

``i`` is the item in the staging table, ``t`` the stored record. A blank cell keeps the stored value, or clears
it under ``blank_cells: clear``; a column that the file does not have is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.model.options import BlankCells
from imports_pipeline.schemas.catalog import JSON_COLUMNS, Field, Kind, Resource


@dataclass(frozen=True)
class Assignment:
    """One stored column: its value in a new record, and in a record that is there already."""

    column: str
    created: sql.Composable
    updated: sql.Composable


def assignments(resource: Resource, fields: Sequence[str], blank_cells: BlankCells) -> list[Assignment]:
    """Return the assignments of the columns that items of these fields write, in the fields' order."""
    columns: dict[str, list[tuple[Field, sql.Composable]]] = {}
    for position, name in enumerate(fields):
        found = resource.find(name)
        if found is None:
            raise ValueError(f"{resource.name} has no field {name!r}")
        columns.setdefault(found.column, []).append((found, sql.Identifier("i", f"f{position}")))
    clear = blank_cells is BlankCells.CLEAR
    return [
        _object(column, given, clear) if column in JSON_COLUMNS else _plain(given[0][0], given[0][1], clear)
        for column, given in columns.items()
    ]


def _plain(field: Field, value: sql.Composable, clear: bool) -> Assignment:
    if field.kind is Kind.BOOLEAN:
        value = sql.SQL("{}::boolean").format(value)
    stored = sql.Identifier("t", field.column)
    return Assignment(
        field.column, value, value if clear else sql.SQL("coalesce({}, {})").format(value, stored)
    )


def _object(column: str, given: list[tuple[Field, sql.Composable]], clear: bool) -> Assignment:
    pairs = sql.SQL(", ").join(sql.SQL("{}, {}").format(literal(field.key), value) for field, value in given)
    built = sql.SQL("jsonb_strip_nulls(jsonb_build_object({}))").format(pairs)
    if len(given) > _KEYS_A_CALL:
        parts = [
            _object(column, given[at : at + _KEYS_A_CALL], clear).created
            for at in range(0, len(given), _KEYS_A_CALL)
        ]
        built = sql.SQL("({})").format(sql.SQL(" || ").join(parts))
    stored: sql.Composable = sql.Identifier("t", column)
    if clear:
        keys = sql.SQL(", ").join(literal(field.key) for field, _ in given)
        stored = sql.SQL("({} - ARRAY[{}]::text[])").format(stored, keys)
    return Assignment(column, built, sql.SQL("{} || {}").format(stored, built))


#: jsonb_build_object takes at most 100 arguments.
_KEYS_A_CALL = 50


def compared(
    resource: Resource, fields: Sequence[str], blank_cells: BlankCells
) -> list[tuple[str, sql.Composable, sql.Composable]]:
    """Return the name, the stored value and the new value of each field of the items."""
    values = []
    for position, name in enumerate(fields):
        field = resource.find(name)
        if field is None:
            raise ValueError(f"{resource.name} has no field {name!r}")
        given: sql.Composable = sql.Identifier("i", f"f{position}")
        stored: sql.Composable = sql.Identifier("t", field.column)
        if field.kind is Kind.BOOLEAN:
            given = sql.SQL("{}::boolean").format(given)
        if field.column in JSON_COLUMNS:
            stored = sql.SQL("({} ->> {})").format(stored, literal(field.key))
        if blank_cells is not BlankCells.CLEAR:
            given = sql.SQL("coalesce({}, {})").format(given, stored)
        values.append((name, stored, given))
    return values


def changed(values: Sequence[tuple[str, sql.Composable, sql.Composable]]) -> sql.Composable:
    """Give, as JSON text, those of (name, old, new) that differ: ``{name: {"old": …, "new": …}}``.

    As text and not as jsonb: a plan has a line for each record, and nothing reads the values in between.
    """
    if not values:
        return sql.SQL("'{}'")
    parts = [
        sql.SQL(
            "CASE WHEN {new} IS DISTINCT FROM {old} THEN {name} || coalesce(to_json({old})::text, 'null')"
            " || ',\"new\":' || coalesce(to_json({new})::text, 'null') || '}}' END"
        ).format(new=new, old=old, name=literal(json.dumps(name, ensure_ascii=False) + ':{"old":'))
        for name, old, new in values
    ]
    # A call takes at most a hundred arguments.
    lists = [parts[at : at + _KEYS_A_CALL] for at in range(0, len(parts), _KEYS_A_CALL)]
    joined = (sql.SQL("nullif(concat_ws(',', {}), '')").format(sql.SQL(", ").join(some)) for some in lists)
    return sql.SQL("('{{' || concat_ws(',', {}) || '}}')").format(sql.SQL(", ").join(joined))


def differs(values: Sequence[tuple[str, sql.Composable, sql.Composable]]) -> sql.Composable:
    """Return the condition that one of (name, old, new) differs."""
    # Of an object only the keys that the items have: to build and compare whole ones takes twice as long.
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(sql.SQL("{} IS DISTINCT FROM {}").format(new, old) for _, old, new in values)
        if values
        else sql.SQL("false")
    )
