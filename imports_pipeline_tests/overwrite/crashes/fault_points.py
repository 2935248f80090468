"""Fault points: every statement that goes to PostgreSQL is one, before it is sent, and so is the end of a commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from imports_pipeline.database.connections import Database


class Crash(Exception):
    """The fault that a test injects into the process."""


def crash(connection: psycopg.Connection[Any]) -> None:
    """Break off, as a fault in the process does."""
    raise Crash


def terminate(connection: psycopg.Connection[Any]) -> None:
    """End the connection's backend from outside and wait until it is gone."""
    pid = connection.info.backend_pid
    with psycopg.connect(connection.info.dsn, password=connection.info.password, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))


@dataclass(frozen=True)
class Place:
    """A statement of a transaction: its number after the BEGIN, and its text without what differs from try to try."""

    number: int
    text: str

    @classmethod
    def of(cls, number: int, statement: str) -> Place:
        """Return the place of a statement, whose words with digits (ids of batches and organizations) do not count."""
        return cls(number, re.sub(r"\w*\d\w*", "", statement))


@dataclass
class Tap:
    """Counts the statements that pass, and acts once: at the ``at``-th of them, or at a place in a transaction."""

    at: int | Place | None = None
    act: Callable[[psycopg.Connection[Any]], None] = crash
    seen: list[str] = field(default_factory=list)
    #: false while statements of the test itself pass
    counts: bool = True
    _begun: int = 0

    def arm(self, at: int | Place | None, act: Callable[[psycopg.Connection[Any]], None] = crash) -> None:
        """Begin to count anew and act at this statement; never when it is ``None``."""
        self.at, self.act, self.seen, self._begun = at, act, [], 0

    def passes(self, connection: psycopg.Connection[Any], statement: str) -> None:
        """Count a statement that is about to be sent."""
        if not self.counts:
            return
        self.seen.append(statement)
        number = len(self.seen)
        if statement == "BEGIN":
            self._begun = number
        if self.at is not None and self.at in (number, Place.of(number - self._begun, statement)):
            self.at = None
            self.act(connection)


class _Connection(psycopg.Connection[Any]):
    tap: Tap | None = None

    def _exec_command(self, command: Any, *arguments: Any, **options: Any) -> Any:
        text = command.decode() if isinstance(command, bytes) else str(command)
        self.passes(text)
        result = yield from super()._exec_command(command, *arguments, **options)
        if text == "COMMIT":
            self.passes("COMMIT is done")
        return result

    def passes(self, statement: str) -> None:
        if self.tap is not None:
            self.tap.passes(self, statement)


class _Cursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        self._passes(query)
        return super().execute(query, *arguments, **options)

    @contextmanager
    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        self._passes(statement)
        with super().copy(statement, *arguments, **options) as copy:
            yield copy

    def _passes(self, query: Any) -> None:
        connection = self.connection
        assert isinstance(connection, _Connection)
        text = query if isinstance(query, str) else query.as_string(connection)
        connection.passes(" ".join(text.split()))


class TappedDatabase(Database):
    """The database with a tap on its connections. They are kept for the next use: to connect costs 5 ms."""

    def __init__(self, url: str, tap: Tap) -> None:
        super().__init__(url)
        self.tap = tap
        #: what every connection is told first
        self.session: str | None = None
        self._idle: list[_Connection] = []

    @contextmanager
    def connect(
        self, name: str = "imports-pipeline", *, autocommit: bool = True
    ) -> Iterator[psycopg.Connection[Any]]:
        """Yield a connection that is as new, and close it for good when the block fails; the name is not used."""
        connection = self._idle.pop() if self._idle else self._open()
        connection.autocommit = autocommit
        try:
            if self.session is not None:
                self.tap.counts = False
                connection.execute(self.session)
                self.tap.counts = True
            yield connection
            self.tap.counts = False
            connection.execute("DISCARD ALL")
        except BaseException:
            connection.close()
            raise
        finally:
            self.tap.counts = True
        self._idle.append(connection)

    def _open(self) -> _Connection:
        connection = _Connection.connect(
            self.url, autocommit=True, cursor_factory=_Cursor, prepare_threshold=None
        )
        connection.tap = self.tap
        return connection

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()
