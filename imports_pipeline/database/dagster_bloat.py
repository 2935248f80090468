"""Keeps Dagster's tables, their indexes and our ``imports`` small although their rows are deleted or updated all day.

PostgreSQL uses the room of deleted rows again, but only after a vacuum. Pages of an index in which a few entries are
left, such as those of the materializations of a day, are not used again at all until the index is rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.database.dagster_indexes import DAGSTER_SCHEMA

Connection = psycopg.Connection[Any]

# Tables from which rows are deleted every day, and `imports`, whose rows are updated 16 times each. PostgreSQL would
# vacuum them only after a fifth of their rows.
_VACUUMED_SOONER: Final = (
    (DAGSTER_SCHEMA, "event_logs"),
    (DAGSTER_SCHEMA, "run_tags"),
    (DAGSTER_SCHEMA, "asset_event_tags"),
    (DAGSTER_SCHEMA, "job_ticks"),
    ("public", "imports"),
)
_VACUUM_AFTER: Final = 0.02
# The option may be that of a person, whatever its value.
_OPTION: Final = "autovacuum_vacuum_scale_factor"
# Seconds to wait for a table whose option is set.
_OPTION_SECONDS: Final = 5.0
# `REINDEX … CONCURRENTLY` waits for all older transactions, and the write of a large import may take an hour.
_LOCK_SECONDS: Final = 60
# Only one process rebuilds indexes, because each removes what an interrupted one has left behind.
_ONE_AT_A_TIME: Final = 7_305_808_869_236_207_982
# The names that PostgreSQL gives to indexes under construction, which stay if it is interrupted.
_UNFINISHED: Final = r"_cc(new|old)\d*$"


def vacuum_sooner(connection: Connection) -> None:
    """Let PostgreSQL vacuum large tables after 2 % of their rows were deleted or updated, unless a person set that."""
    for table in _VACUUMED_SOONER:
        lacks = connection.execute(
            "SELECT FROM pg_class WHERE oid = to_regclass(%s)"
            " AND NOT coalesce(array_to_string(reloptions, ',') LIKE '%%' || %s || '%%', false)",
            (".".join(table), _OPTION),
        )
        if lacks.rowcount:
            # A vacuum that a person runs may hold the table for long. The next call sets the option then.
            with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
                connection.execute(
                    "SELECT set_config('lock_timeout', %s, true)", (f"{_OPTION_SECONDS * 1000:.0f}ms",)
                )
                connection.execute(
                    sql.SQL("ALTER TABLE {} SET ({} = {})").format(
                        sql.Identifier(*table), sql.SQL(_OPTION), _VACUUM_AFTER
                    )
                )


def rows(connection: Connection, table: str) -> int:
    """Return the approximate number of rows of one of Dagster's tables, as of its last vacuum."""
    row = connection.execute(
        "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass",
        (f"{DAGSTER_SCHEMA}.{table}",),
    ).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def rebuilding(connection: Connection, tables: Sequence[str]) -> Iterator[list[str]]:
    """Yield the names of the indexes of some of Dagster's tables, sorted, to call ``rebuild`` with each.

    Yield none if another process rebuilds them, or if what an interrupted rebuild has left behind cannot be removed
    now. The connection must be in autocommit mode.
    """
    if connection.execute("SELECT pg_try_advisory_lock(%s)", (_ONE_AT_A_TIME,)).fetchone() != (True,):
        yield []
        return
    try:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{_LOCK_SECONDS}s",))
        names = []
        with suppress(psycopg.errors.LockNotAvailable):
            for table in tables:
                _drop_unfinished(connection, table)
            names = sorted(name for table in tables for name in _indexes(connection, table, "indisvalid"))
        yield names
    finally:
        with suppress(psycopg.OperationalError):
            connection.execute("RESET lock_timeout")
            connection.execute("SELECT pg_advisory_unlock(%s)", (_ONE_AT_A_TIME,))


def rebuild(connection: Connection, index: str) -> bool:
    """Build an index again, in a block of ``rebuilding``, without blocking writes.

    Return False if a transaction is under way for more than a minute. The next ``rebuilding`` removes what is left.
    """
    try:
        connection.execute(
            sql.SQL("REINDEX INDEX CONCURRENTLY {}").format(sql.Identifier(DAGSTER_SCHEMA, index))
        )
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _drop_unfinished(connection: Connection, table: str) -> None:
    for name in _indexes(connection, table, "NOT indisvalid AND c.relname ~ %s", _UNFINISHED):
        connection.execute(
            sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(DAGSTER_SCHEMA, name))
        )


def _indexes(connection: Connection, table: str, condition: str, *parameters: str) -> list[str]:
    found = connection.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        f" WHERE i.indrelid = %s::regclass AND {condition} ORDER BY 1",
        (f"{DAGSTER_SCHEMA}.{table}", *parameters),
    )
    return [name for (name,) in found]
