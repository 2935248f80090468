"""Connections to PostgreSQL, made the same way everywhere, and the lock and generations of a write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from imports_pipeline.database.connection_pool import ConnectionPool

DEFAULT_ORGANIZATION = "default"

# ... nor may a machine that is gone hold the write lock for so long, nor a statement whose process was killed: the
# server would go on with it to its end.
_SERVER_OPTIONS = (
    "-c client_connection_check_interval=2s -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10"
    " -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
)


class Database:
    """A PostgreSQL database by its URL. Each connection is opened where it is needed, except ``keeping`` them."""

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
        kept = _POOLS.get(self.url)
        if kept is not None:
            with kept.connection(name, autocommit=autocommit) as connection:
                yield connection
            return
        with self._open(name, autocommit=autocommit) as connection:
            yield connection

    @contextmanager
    def pooled(self) -> Iterator[None]:
        """Keep connections open between their uses, by whatever part of this process, for the block."""
        if self.url in _POOLS:
            yield
            return
        _POOLS[self.url] = kept = ConnectionPool(lambda: self._open("imports-pipeline", autocommit=True))
        try:
            yield
        finally:
            del _POOLS[self.url]
            kept.close()

    def _open(self, name: str, *, autocommit: bool) -> psycopg.Connection[Any]:
        given = conninfo_to_dict(self.url).get("options") or ""
        return psycopg.connect(
            self.url,
            autocommit=autocommit,
            application_name=name,
            connect_timeout=10,
            # A server that is gone must not be waited for for the two hours of the system's default ...
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            options=f"{given} {_SERVER_OPTIONS}".strip(),
        )


# by URL, because every op of a run makes its own ``Database``
_POOLS: dict[str, ConnectionPool] = {}
