"""Connections to PostgreSQL, made the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

DEFAULT_ORGANIZATION = "default"

#: ... nor may a machine that is gone hold the write lock for so long, nor a statement whose process was killed: the
#: server would go on with it to its end.
_OPTIONS = (
    "-c client_connection_check_interval=2s -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10"
    " -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
)


class Database:
    """A PostgreSQL database by its URL. Each connection is opened where it is needed, or kept by ``kept``."""

    def __init__(self, url: str) -> None:
        """Keep the URL (``postgresql://…``); it carries the password and is never logged."""
        self.url = url

    @contextmanager
    def connect(
        self, name: str = "imports-pipeline", *, autocommit: bool = True
    ) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection for the block; ``name`` is how others find it in ``pg_stat_activity``.

        Raises ``psycopg.OperationalError`` when there is no server.
        """
        kept = _KEPT.get(self.url)
        if kept is not None and autocommit:
            with kept.connect(self, name) as connection:
                yield connection
            return
        with self._open(name, autocommit) as connection:
            yield connection

    def _open(self, name: str, autocommit: bool) -> psycopg.Connection[Any]:
        given = conninfo_to_dict(self.url).get("options") or ""
        return psycopg.connect(
            self.url,
            autocommit=autocommit,
            application_name=name,
            connect_timeout=10,
            # A dead server must not be waited for for the two hours of the system's default ...
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            options=f"{given} {_OPTIONS}".strip(),
        )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep this database's connections open between their blocks, in this process, until this one ends.

        Connecting costs more than most of what one import asks of the database. A connection that is used again is
        as a new one; one whose block raised is not used again.
        """
        with _LOCK:
            outer = self.url in _KEPT
            kept = _KEPT.setdefault(self.url, _Kept())
        try:
            yield
        finally:
            if not outer:
                with _LOCK:
                    del _KEPT[self.url]
                kept.close()


class _Kept:
    """The idle connections of one database."""

    def __init__(self) -> None:
        self._idle: list[psycopg.Connection[Any]] = []

    @contextmanager
    def connect(self, database: Database, name: str) -> Iterator[psycopg.Connection[Any]]:
        connection = self._take(name)
        if connection is None:
            connection = database._open(name, True)
            # The staging tables of the next import have other columns under the same statements.
            connection.prepare_threshold = None
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.close()
            return
        connection.execute("RESET ALL")
        connection.execute("DISCARD TEMP")
        self._idle.append(connection)

    def _take(self, name: str) -> psycopg.Connection[Any] | None:
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute("SELECT set_config('application_name', %s, false)", (name,))
                return connection
            except psycopg.OperationalError:
                # The server was restarted meanwhile.
                connection.close()
        return None

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


_LOCK = Lock()
_KEPT: dict[str, _Kept] = {}
