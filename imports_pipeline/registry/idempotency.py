"""Idempotency keys: a request with the same key and body returns the object that the first request created."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


class KeyReused(ValueError):
    """The key was already used with another request body."""


def once(
    connection: Connection, organization_id: str, key: str | None, fingerprint: bytes, make: Callable[[], str]
) -> tuple[str, bool]:
    """Return the id of the object that ``make`` has created for this key, and True if this call created it.

    The caller runs this in a transaction. If several callers have the same key, one of them creates the object, and
    the others wait until its transaction commits. Without a key the object is always created.

    Args:
        fingerprint: a hash of the request, to recognise another request with the same key.

    Raises:
        KeyReused: the key was used with another fingerprint.
    """
    if key is None:
        return make(), True
    # Insert the key first, so that another caller with the same key waits here before it creates anything.
    taken = connection.execute(
        "INSERT INTO idempotency_keys (organization_id, key, fingerprint, object_id) VALUES (%s, %s, %s, '')"
        " ON CONFLICT DO NOTHING",
        (organization_id, key, fingerprint),
    )
    if taken.rowcount == 1:
        made = make()
        connection.execute(
            "UPDATE idempotency_keys SET object_id = %s WHERE organization_id = %s AND key = %s",
            (made, organization_id, key),
        )
        return made, True
    row = connection.execute(
        "SELECT fingerprint, object_id FROM idempotency_keys WHERE organization_id = %s AND key = %s",
        (organization_id, key),
    ).fetchone()
    if row is None or row[0] != fingerprint:
        raise KeyReused(
            "This idempotency key was used with another request; use a new key for a new request."
        )
    return str(row[1]), False


def prune(connection: Connection, days: int) -> int:
    """Delete keys that are more than ``days`` days old and return their number."""
    return connection.execute(
        "DELETE FROM idempotency_keys WHERE created_at < now() - %s::interval", (timedelta(days=days),)
    ).rowcount
