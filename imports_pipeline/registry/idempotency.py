"""Idempotency keys: the same key and body give the object that the first request made, once and for all callers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


class KeyReused(ValueError):
    """The key was used with another body."""


def once(
    connection: Connection, organization_id: str, key: str | None, fingerprint: bytes, make: Callable[[], str]
) -> tuple[str, bool]:
    """Return the id of the object that ``make`` made for this key, and whether it was made now.

    ``fingerprint`` stands for the request. Of several callers at once one makes it, and the others wait until that
    is committed; must run in a transaction. Without a key it is always made. Raises ``KeyReused``.
    """
    if key is None:
        return make(), True
    # Taken first: whoever else has the same key waits here, and not at what it would make.
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
    """Forget keys that are so many days old; give their number."""
    return connection.execute(
        "DELETE FROM idempotency_keys WHERE created_at < now() - %s::interval", (timedelta(days=days),)
    ).rowcount
