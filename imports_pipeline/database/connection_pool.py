"""A pool of idle connections: opening a connection takes longer than all statements of a small import.

Only ``Database.pooled`` uses it. A process that runs one import gains little from a pool, and a process that is idle
for hours should not hold connections of the server. ``docs/decisions/0015-connection-pooling.md`` says why
this is not ``psycopg_pool``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# Resets what a block may leave on its connection: settings such as the statement timeout and the application name
# (``active_imports.find_active`` treats a connection with an import's name as work in progress), temporary tables,
# notifications and session locks. DISCARD ALL would also discard the cached plans, which the next import uses again.
_RESET = "RESET ALL; DISCARD TEMP; UNLISTEN *; SELECT pg_advisory_unlock_all()"


class ConnectionPool:
    """The idle connections to one database. It is safe for use by several threads."""

    def __init__(self, open_: Callable[[], Connection]) -> None:
        """Create an empty pool; ``open_`` opens a connection in autocommit mode."""
        self._open = open_
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self, name: str, *, autocommit: bool) -> Iterator[Connection]:
        """Yield a connection without any state of earlier blocks, with the application name ``name``.

        The connection is closed if the block raises. Raises ``psycopg.OperationalError`` if there is no server.
        """
        connection = self._taken(name)
        try:
            connection.autocommit = autocommit
            yield connection
            connection.commit()
            connection.autocommit = True
            connection.execute(_RESET)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self, name: str) -> Connection:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            try:
                return _named(idle, name)
            except psycopg.OperationalError:
                # The server was restarted, or closed the connection, while it was idle.
                idle.close()
        opened = self._open()
        # Prepared statements would break: the temporary tables of the next import have the same names and other
        # columns.
        opened.prepare_threshold = None
        return _named(opened, name)


def _named(connection: Connection, name: str) -> Connection:
    connection.execute("SELECT set_config('application_name', %s, false)", (name,))
    return connection
