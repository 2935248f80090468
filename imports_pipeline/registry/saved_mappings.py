"""The saved mappings of an organization: columns of a file that imports refer to by a name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.schemas.column_mapping.saved_mapping import ANY, SavedMapping, SavedMappings

Connection = psycopg.Connection[Any]

_COLUMNS: Final = "name, resource, header, column_mapping, known_file"
# The largest number of saved mappings that a command lists, and that are compared with a header.
_LISTED: Final = 1000


class NoSuchMapping(ValueError):
    """The organization has no saved mapping of this name; the message says what to do."""


def save(connection: Connection, organization_id: str, mapping: SavedMapping) -> bool:
    """Save a mapping. Return True if it replaced one of the same name."""
    row = connection.execute(
        """
        INSERT INTO saved_mappings (organization_id, name, resource, header, column_mapping, known_file)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (organization_id, name) DO UPDATE SET
            resource = excluded.resource, header = excluded.header, column_mapping = excluded.column_mapping,
            known_file = excluded.known_file, updated_at = now()
        RETURNING created_at <> updated_at
        """,
        (
            organization_id,
            mapping.name,
            mapping.resource,
            Jsonb(list(mapping.header)),
            Jsonb(dict(mapping.column_mapping)),
            mapping.known_file,
        ),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def find(connection: Connection, organization_id: str, name: str) -> SavedMapping:
    """Return the saved mapping of this name. Raises ``NoSuchMapping``."""
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"SELECT {_COLUMNS} FROM saved_mappings WHERE organization_id = %s AND name = %s",
            (organization_id, name),
        )
        .fetchone()
    )
    if row is None:
        names = [one.name for one in list_mappings(connection, organization_id)]
        close = difflib.get_close_matches(name, names, n=1)
        hint = (
            f"perhaps {close[0]} is meant"
            if close
            else "`imports-pipeline mappings list` shows those there are"
        )
        raise NoSuchMapping(f"there is no saved mapping {name!r}; {hint}")
    return _mapping(row)


def list_mappings(connection: Connection, organization_id: str) -> list[SavedMapping]:
    """Return the saved mappings of an organization by name; at most the first thousand."""
    rows = connection.cursor(row_factory=dict_row).execute(
        f"SELECT {_COLUMNS} FROM saved_mappings WHERE organization_id = %s ORDER BY name LIMIT {_LISTED}",
        (organization_id,),
    )
    return [_mapping(row) for row in rows.fetchall()]


def newest(connection: Connection, organization_id: str, resource: str) -> SavedMappings:
    """Return the saved mappings of a resource, the newest first; at most a thousand."""
    rows = connection.cursor(row_factory=dict_row).execute(
        f"SELECT {_COLUMNS} FROM saved_mappings WHERE organization_id = %s AND resource = %s"
        f" ORDER BY updated_at DESC, name LIMIT {_LISTED}",
        (organization_id, resource),
    )
    return SavedMappings(tuple(map(_mapping, rows.fetchall())))


def remove(connection: Connection, organization_id: str, name: str) -> None:
    """Remove a saved mapping. Raises ``NoSuchMapping``."""
    find(connection, organization_id, name)
    connection.execute(
        "DELETE FROM saved_mappings WHERE organization_id = %s AND name = %s", (organization_id, name)
    )


def mapping_of(connection: Connection, import_: Import) -> SavedMapping | SavedMappings | None:
    """Return the saved mapping that an import's options name, those they leave the choice of, or None.

    Raises ``PermanentFailure`` with the code ``unknown_saved_mapping``.
    """
    name = import_.options.saved_mapping
    if name is None or import_.is_batch:
        return None
    if name == ANY:
        return newest(connection, import_.organization_id, import_.resource)
    try:
        return find(connection, import_.organization_id, name)
    except NoSuchMapping as error:
        raise PermanentFailure(
            "unknown_saved_mapping",
            f"For the organization {import_.organization_id}, {error}.",
        ) from None


def _mapping(row: Mapping[str, Any]) -> SavedMapping:
    return SavedMapping(**{**row, "header": tuple(row["header"])})
