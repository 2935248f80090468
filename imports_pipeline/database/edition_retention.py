"""Removes tables that large writes replaced, when the previous values in them are no longer kept.

Nothing here waits long for others: what is in use is removed by the next call.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.database import write_lock
from imports_pipeline.database.editions import PREFIX, SHARED, drop_unused
from imports_pipeline.model import ids

Connection = psycopg.Connection[Any]

# Records of the shared table that are deleted in one transaction, which holds the organization's write lock.
_STEP: Final = 10_000
# A table is created just before the transaction that fills it. That transaction locks it, however long it takes.
_UNUSED_SECONDS: Final = 24 * 3600


def remove_replaced(connection: Connection, days: int) -> int:
    """Remove what was replaced more than ``days`` days ago; return the number of tables that it is removed from.

    Args:
        connection: a connection in autocommit mode.
        days: how long previous values are kept.
    """
    count = drop_unused(connection, _left_behind(connection)) + _drop_replaced(connection, days)
    expired = (
        "organization_id = %(organization)s AND resource = %(resource)s AND relation = %(relation)s::regclass"
    )
    for organization, resource, table in connection.execute(_LEFT_IN_SHARED, {"days": days}).fetchall():
        values = {"organization": organization, "resource": resource, "relation": f"{SHARED}.{table}"}
        if _empty_shared(connection, organization, resource, table):
            connection.execute(f"DELETE FROM records.editions WHERE {expired}", values)
            count += 1
    # A revert has gone back to these tables.
    connection.execute(_FORGOTTEN, {"days": days})
    return count


def _left_behind(connection: Connection) -> list[str]:
    """Return the schemas of editions that are so old that no living process still wants to use them."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^edition_[0-9a-z]{26}$'"
    ).fetchall()
    latest = (time.time() - _UNUSED_SECONDS) * 1000
    return [schema for (schema,) in rows if _milliseconds(schema.removeprefix(PREFIX)) < latest]


def _milliseconds(suffix: str) -> int:
    """Return the time in an id, in milliseconds since the epoch: the first 48 bits of its UUIDv7."""
    value = 0
    for character in suffix[:10]:
        value = value * 32 + ids.ALPHABET.index(character)
    return value


def _drop_replaced(connection: Connection, days: int) -> int:
    count = 0
    for (schema,) in connection.execute(_REPLACED, {"days": days}).fetchall():
        with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
            # Readers of the view wait behind this for as long as it waits for a reader.
            connection.execute("SET LOCAL lock_timeout = '100ms'")
            connection.execute(
                "DELETE FROM records.editions e USING pg_class c, pg_namespace n"
                " WHERE c.oid = e.relation AND n.oid = c.relnamespace AND n.nspname = %s",
                (schema,),
            )
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            count += 1
    return count


def _empty_shared(connection: Connection, organization: str, resource: str, table: str) -> bool:
    """Delete the organization's records from the shared table, which nobody reads; return False if it is locked."""
    shared = sql.Identifier(SHARED, table)
    last = ""
    while True:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '1s'")
                write_lock.lock(connection, organization, resource)
                row = connection.execute(
                    sql.SQL(
                        "WITH step AS (SELECT id FROM {shared} WHERE organization_id = %(organization)s"
                        "              AND id > %(last)s ORDER BY id LIMIT %(step)s),"
                        " gone AS (DELETE FROM {shared} t USING step"
                        "          WHERE t.organization_id = %(organization)s AND t.id = step.id"
                        "          AND EXISTS (SELECT FROM records.editions e"
                        "                      WHERE e.organization_id = %(organization)s AND e.resource = %(resource)s"
                        "                      AND e.retired_at IS NULL AND e.relation <> %(relation)s::regclass))"
                        " SELECT max(id) FROM step"
                    ).format(shared=shared),
                    {
                        "organization": organization,
                        "resource": resource,
                        "relation": f"{SHARED}.{table}",
                        "last": last,
                        "step": _STEP,
                    },
                ).fetchone()
        except psycopg.errors.LockNotAvailable:
            return False
        if row is None or row[0] is None:
            return True
        last = row[0]


# Schemas whose table is not current, and was replaced for the last time so many days ago.
_REPLACED: Final = """
    SELECT n.nspname FROM records.editions e
    JOIN pg_class c ON c.oid = e.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname <> 'records'
    GROUP BY n.nspname
    HAVING bool_and(e.retired_at IS NOT NULL) AND max(e.retired_at) < now() - make_interval(days => %(days)s)
"""

# Organizations whose records in the shared table were replaced for the last time so many days ago.
_LEFT_IN_SHARED: Final = """
    SELECT e.organization_id, e.resource, c.relname FROM records.editions e
    JOIN pg_class c ON c.oid = e.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'records'
    GROUP BY e.organization_id, e.resource, c.relname
    HAVING bool_and(e.retired_at IS NOT NULL) AND max(e.retired_at) < now() - make_interval(days => %(days)s)
"""

_FORGOTTEN: Final = """
    DELETE FROM records.editions e
    WHERE e.retired_at < now() - make_interval(days => %(days)s)
      AND EXISTS (SELECT FROM records.editions c WHERE c.organization_id = e.organization_id
                  AND c.relation = e.relation AND c.retired_at IS NULL)
"""
