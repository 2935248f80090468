"""The write lock of an organization's resource, and its data version, which shows if a plan is outdated.

The advisory lock guarantees that two writes never interleave. Dagster's queue limits only avoid waiting at the lock.
The data version (column ``generation``) counts the committed writes of a resource. A plan that was made on an older
version is made again.
"""

from __future__ import annotations

from typing import Any

import psycopg


def lock(connection: psycopg.Connection[Any], organization_id: str, *resources: str) -> None:
    """Take the write lock of each resource, waiting if necessary. The locks are released when the transaction ends."""
    # Always in the same order, so that no two transactions wait for each other.
    for resource in sorted(resources):
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('imports/' || %s || '/' || %s, 0))",
            (organization_id, resource),
        )


def read(connection: psycopg.Connection[Any], organization_id: str) -> dict[str, int]:
    """Return the data version of each resource of the organization that was ever written."""
    rows = connection.execute(
        "SELECT resource, generation FROM generations WHERE organization_id = %s ORDER BY resource",
        (organization_id,),
    )
    return dict(rows.fetchall())


def bump(connection: psycopg.Connection[Any], organization_id: str, resource: str) -> None:
    """Increase the data version for a write that is about to be committed."""
    connection.execute(
        """
        INSERT INTO generations (organization_id, resource, generation) VALUES (%s, %s, 1)
        ON CONFLICT (organization_id, resource) DO UPDATE SET generation = generations.generation + 1
        """,
        (organization_id, resource),
    )
