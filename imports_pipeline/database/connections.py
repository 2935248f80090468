"""Opens connections to PostgreSQL with the same settings everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from imports_pipeline.database.connection_pool import ConnectionPool

DEFAULT_ORGANIZATION = "default"

# These settings make the server detect a client that has gone. Otherwise a lost machine would hold the write lock for
# the operating system's default of two hours, and the server would finish the statement of a killed process.
_SERVER_OPTIONS = (
    "-c client_connection_check_interval=2s -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10"
    " -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
)


class Database:
    """A PostgreSQL database. Each ``connect`` opens a new connection, except in a ``pooled`` block."""

    def __init__(self, url: str) -> None:
        """Store the URL (``postgresql://…``). It contains the password and is never logged."""
        self.url = url

    @contextmanager
    def connect(
        self, name: str = "imports-pipeline", *, autocommit: bool = True
    ) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection for the block; ``name`` is its application name in ``pg_stat_activity``.

        Raises ``psycopg.OperationalError`` if the server cannot be reached.
        """
        pool = _POOLS.get(self.url)
        if pool is not None:
            with pool.connection(name, autocommit=autocommit) as connection:
                yield connection
            return
        with self.open_unpooled(name, autocommit=autocommit) as connection:
            yield connection

    @contextmanager
    def pooled(self) -> Iterator[None]:
        """Keep connections open between their uses during the block, in all parts of this process."""
        if self.url in _POOLS:
            yield
            return
        _POOLS[self.url] = pool = ConnectionPool(lambda: self.open_unpooled("imports-pipeline"))
        try:
            yield
        finally:
            del _POOLS[self.url]
            pool.close()

    def open_unpooled(self, name: str, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Open a connection that the caller closes; ``name`` is its application name.

        Raises ``psycopg.OperationalError`` if the server cannot be reached.
        """
        given = conninfo_to_dict(self.url).get("options") or ""
        return psycopg.connect(
            self.url,
            autocommit=autocommit,
            application_name=name,
            connect_timeout=10,
            # Detect a server that has gone after about a minute; the operating system's default is two hours.
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            options=f"{given} {_SERVER_OPTIONS}".strip(),
        )


# The pools by database URL, because every op of a run creates its own ``Database``.
_POOLS: dict[str, ConnectionPool] = {}
