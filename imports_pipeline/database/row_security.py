"""Connections that see only one organization, as a second protection behind the conditions of the HTTP API's queries.

A block runs as the role ``imports_api`` under row-level security (migration 0005), in one transaction, on a pooled
connection. If the migration could not create the role, ``check`` says what an administrator has to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from imports_pipeline.database.editions import SEARCH_PATH

Connection = psycopg.Connection[Any]

ROLE: Final = "imports_api"
_CONNECTIONS: Final = 12
# Seconds to wait for a connection before ``DatabaseUnavailable`` is raised.
_POOL_TIMEOUT: Final = 15.0


class DatabaseUnavailable(Exception):
    """The database does not respond, or is not set up for the API; the message says what to do."""


class Access:
    """A pool of connections to one database. Its owner opens and closes it."""

    def __init__(self, database_url: str) -> None:
        """Create a pool of at most twelve connections. ``open`` connects."""
        self._pool = ConnectionPool(
            database_url,
            min_size=1,
            max_size=_CONNECTIONS,
            open=False,
            timeout=_POOL_TIMEOUT,
            kwargs={"autocommit": True, "application_name": "imports-pipeline api"},
            # Replace a connection that the server has closed (for example by a restart) before a caller gets it.
            check=ConnectionPool.check_connection,
        )

    def open(self) -> None:
        """Open the pool and begin to connect."""
        self._pool.open()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def trusted(self) -> Iterator[Connection]:
        """Yield a connection that sees all organizations. It is used to find an API key before the caller is known.

        Raises ``DatabaseUnavailable``.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise DatabaseUnavailable("The database does not respond; try again in some seconds.") from error

    @contextmanager
    def of(self, organization_id: str) -> Iterator[Connection]:
        """Yield a connection in a transaction that sees and writes only the rows of one organization.

        Raises ``DatabaseUnavailable``.
        """
        with self.trusted() as connection, connection.transaction():
            # Before the role is set: it may not read which tables other organizations have.
            connection.execute(
                "SELECT set_config('imports.organization', %(organization)s, true),"
                f" set_config('search_path', ({SEARCH_PATH}), true)",
                {"organization": organization_id},
            )
            connection.execute(f"SET LOCAL ROLE {ROLE}")
            yield connection

    def check(self) -> None:
        """Raise ``DatabaseUnavailable`` if the database user cannot act as the role that ``of`` needs."""
        with self.trusted() as connection:
            may = connection.execute(
                "SELECT pg_has_role(oid, 'SET') FROM pg_roles WHERE rolname = %s", (ROLE,)
            ).fetchone()
        if may is None or not may[0]:
            raise DatabaseUnavailable(
                f"The role {ROLE} is missing, or this database user may not act as it. As an administrator run"
                " the statements in docs/reference/api.md (Keys and who sees what)."
            )
