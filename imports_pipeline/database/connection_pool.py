"""Connections that a process keeps for their next use: opening one costs more than the statements of a small import.

Only where it is asked for (``Database.keeping``): a process that lives for one import has little to gain, and one
that is idle for hours should not hold connections of the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# What a block may leave on its connection: settings, such as the statements' timeout and the name of the worker
# (``workers.worked_on`` takes a connection of that name for work under way), and keys in temporary tables.
_RESET = "RESET ALL; DISCARD TEMP; UNLISTEN *; SELECT pg_advisory_unlock_all()"


class ConnectionPool:
    """The idle connections to one database. Several threads may take and give back at the same time."""

    def __init__(self, open_: Callable[[], Connection]) -> None:
        """Begin with none; ``open_`` gives another one, in autocommit mode."""
        self._open = open_
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self, name: str, *, autocommit: bool) -> Iterator[Connection]:
        """Yield a connection as new for the block, called ``name``. Raises as opening one does.

        A block that raises has its connection closed, whatever state it left that in.
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
        """Close what is idle."""
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
                # The server was started anew, or ended the connection, while nobody used it.
                idle.close()
        opened = self._open()
        # Temporary tables of the next import have other columns under the same statements.
        opened.prepare_threshold = None
        return _named(opened, name)


def _named(connection: Connection, name: str) -> Connection:
    connection.execute("SELECT set_config('application_name', %s, false)", (name,))
    return connection
