"""SQL expressions of the values that a record has after an item is applied, and of the comparison with the old ones.

In the expressions ``i`` is the item in the staging table and ``t`` the stored record. A blank cell keeps the stored
value; under ``blank_cells: clear`` it clears the value. A column that the file does not have is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.model.option_choices import BlankCells
from imports_pipeline.schemas.catalog import JSON_COLUMNS, Field, Kind, Resource


@dataclass(frozen=True)
class Assignment:
    """The values of one stored column: in a new record, and in a record that exists."""

    column: str
    created: sql.Composable
    updated: sql.Composable


def assignments(resource: Resource, fields: Sequence[str], blank_cells: BlankCells) -> list[Assignment]:
    """Return the assignments of the columns that items of these fields write, in the order of the fields.

    Raises:
        ValueError: if the resource has no such field.
    """
    columns: dict[str, list[tuple[Field, sql.Composable]]] = {}
    for position, name in enumerate(fields):
        found = resource.find(name)
        if found is None:
            raise ValueError(f"{resource.name} has no field {name!r}")
        columns.setdefault(found.column, []).append((found, sql.Identifier("i", f"f{position}")))
    clear = blank_cells is BlankCells.CLEAR
    return [
        _object(column, given, clear)
        if column in JSON_COLUMNS
        # A required value cannot be cleared.
        else _plain(given[0][0], given[0][1], clear and given[0][0].name not in resource.required)
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
    pairs = sql.SQL(", ").join(sql.SQL("{} : {}").format(literal(field.key), value) for field, value in given)
    # This takes half as long as jsonb_strip_nulls(jsonb_build_object(…)), and any number of keys.
    built = sql.SQL("JSON_OBJECT({} ABSENT ON NULL RETURNING jsonb)").format(pairs)
    stored: sql.Composable = sql.Identifier("t", column)
    if clear:
        keys = sql.SQL(", ").join(literal(field.key) for field, _ in given)
        stored = sql.SQL("({} - ARRAY[{}]::text[])").format(stored, keys)
    return Assignment(column, built, sql.SQL("{} || {}").format(stored, built))


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
        if blank_cells is not BlankCells.CLEAR or name in resource.required:
            given = sql.SQL("coalesce({}, {})").format(given, stored)
        values.append((name, stored, given))
    return values


def changed(values: Sequence[tuple[str, sql.Composable, sql.Composable]]) -> sql.Composable:
    """Return the expression of the values that differ, as JSON text: ``{name: {"old": …, "new": …}}``.

    The names keep their order, which jsonb would change.

    Args:
        values: name, old value and new value of each field.
    """
    if not values:
        return sql.SQL("'{}'")
    members = (
        sql.SQL(
            "{name} : CASE WHEN {new} IS DISTINCT FROM {old} THEN JSON_OBJECT('old' : {old}, 'new' : {new}) END"
        ).format(name=literal(name), old=old, new=new)
        for name, old, new in values
    )
    return sql.SQL("JSON_OBJECT({} ABSENT ON NULL RETURNING text)").format(sql.SQL(", ").join(members))


def differs(values: Sequence[tuple[str, sql.Composable, sql.Composable]]) -> sql.Composable:
    """Return the condition that the old and the new value of any field differ."""
    # A JSON column is compared key by key, for the keys that the items have. Whole objects take twice as long.
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(sql.SQL("{} IS DISTINCT FROM {}").format(new, old) for _, old, new in values)
        if values
        else sql.SQL("false")
    )
