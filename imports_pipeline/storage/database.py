"""Connections to PostgreSQL, made the same way everywhere, and the lock and generations of a write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

DEFAULT_ORGANIZATION = "default"


class Database:
    """A PostgreSQL database by its URL. Holds no connection: each is opened where it is needed."""

    def __init__(self, url: str) -> None:
        """Keep the URL (``postgresql://…``); it carries the password and is never logged."""
        self.url = url

    @contextmanager
    def connect(self, *, autocommit: bool = True) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection for the block. Raises ``psycopg.OperationalError`` when there is no server."""
        with psycopg.connect(
            self.url,
            autocommit=autocommit,
            application_name="imports-pipeline",
            connect_timeout=10,
            # A dead peer must not hold the write lock for the two hours of the system's default.
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        ) as connection:
            yield connection
