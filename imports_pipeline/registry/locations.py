"""Locations: reference data that imports refer to and never change."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from imports_pipeline.database import write_lock
from imports_pipeline.model import ids
from imports_pipeline.schemas.canonical import canonical_text


class InvalidLocation(ValueError):
    """A location cannot be added; the message says why."""


class LocationExists(InvalidLocation):
    """The organization already has a location with this name."""


def add(connection: psycopg.Connection[Any], organization_id: str, name: str) -> dict[str, Any]:
    """Add a location and return its ``id`` and ``name``. Raises ``InvalidLocation``."""
    name = canonical_text(name)
    if not 1 <= len(name) <= 255:
        raise InvalidLocation("a location's name takes 1 to 255 characters")
    with connection.transaction():
        added = connection.execute(
            "INSERT INTO locations (organization_id, id, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
            (organization_id, ids.new_id(ids.LOCATION), name),
        ).fetchone()
        if added is None:
            raise LocationExists(f"there is already a location called {name!r}")
        write_lock.bump(connection, organization_id, "location")
    return {"id": added[0], "name": name}


def list_locations(connection: psycopg.Connection[Any], organization_id: str) -> list[dict[str, Any]]:
    """Return the organization's locations, ordered by name."""
    return (
        connection.cursor(row_factory=dict_row)
        .execute(
            "SELECT id, name FROM locations WHERE organization_id = %s ORDER BY name", (organization_id,)
        )
        .fetchall()
    )
