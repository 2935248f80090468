"""The write lock of an organization's resource, and the generations that tell whether a plan is still true.

The advisory lock is the guarantee that two writes never interleave; Dagster's queue limits are politeness on
top. A generation counts the committed writes of a resource: a plan made on an older one is made again.
"""

from __future__ import annotations

from typing import Any

import psycopg


def lock(connection: psycopg.Connection[Any], organization_id: str, resource: str) -> None:
    """Wait for the write lock; it is held until the transaction ends."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('imports/' || %s || '/' || %s, 0))",
        (organization_id, resource),
    )


def read(connection: psycopg.Connection[Any], organization_id: str) -> dict[str, int]:
    """Return the generation of each resource that was ever written."""
    rows = connection.execute(
        "SELECT resource, generation FROM generations WHERE organization_id = %s ORDER BY resource",
        (organization_id,),
    )
    return dict(rows.fetchall())


def bump(connection: psycopg.Connection[Any], organization_id: str, resource: str) -> None:
    """Count a write that is about to be committed."""
    connection.execute(
        """
        INSERT INTO generations (organization_id, resource, generation) VALUES (%s, %s, 1)
        ON CONFLICT (organization_id, resource) DO UPDATE SET generation = generations.generation + 1
        """,
        (organization_id, resource),
    )
