"""Indexes on Dagster's tables, which are in a schema of our database.

Without them two of Dagster's statements read a whole table: the newest ticks of a sensor or schedule, and the newest
result of an asset check. The migrations create them in an existing installation. In a new one Dagster creates its
tables after the migrations, so ``imports-pipeline migrate`` and the nightly housekeeping create what is missing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

#: The schema of Dagster's tables.
DAGSTER_SCHEMA: Final = "dagster"
# The names of the indexes, with their tables and columns. The prefix tells them from those of Dagster.
_INDEXES: Final = (
    ("imports_asset_check_executions_by_check", "asset_check_executions", ("asset_key", "check_name", "id")),
    ("imports_job_ticks_by_time", "job_ticks", ("timestamp",)),
)
# `CREATE INDEX CONCURRENTLY` waits for all older transactions, and the write of a large import may take an hour.
_LOCK_SECONDS: Final = 60


def create_missing(connection: Connection) -> list[str]:
    """Create the missing indexes on the tables that exist, without blocking writes. Return the names of those created.

    An index is left out if older transactions do not end within a minute; the next call creates it.

    Args:
        connection: a connection in autocommit mode
    """
    return [
        name
        for name, table, columns in _INDEXES
        if _lacks(connection, name, table) and _create(connection, name, table, columns)
    ]


def drop(connection: Connection) -> None:
    """Drop the indexes. The connection must be in autocommit mode."""
    for name, _, _ in _INDEXES:
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(_named(name)))


def _lacks(connection: Connection, name: str, table: str) -> bool:
    """Return True if the table exists and has no such index, or one whose creation was interrupted."""
    row = connection.execute(
        "SELECT to_regclass(%(table)s) IS NOT NULL AND NOT coalesce("
        " (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%(index)s)), false)",
        {"table": f"{DAGSTER_SCHEMA}.{table}", "index": f"{DAGSTER_SCHEMA}.{name}"},
    ).fetchone()
    return row is not None and bool(row[0])


def _create(connection: Connection, name: str, table: str, columns: tuple[str, ...]) -> bool:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{_LOCK_SECONDS}s",))
    try:
        # An interrupted creation leaves an invalid index behind.
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(_named(name)))
        connection.execute(
            sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} ({})").format(
                sql.Identifier(name),
                _named(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
            )
        )
    except psycopg.errors.LockNotAvailable:
        return False
    finally:
        with suppress(psycopg.OperationalError):
            connection.execute("RESET lock_timeout")
    return True


def _named(name: str) -> sql.Identifier:
    return sql.Identifier(DAGSTER_SCHEMA, name)
