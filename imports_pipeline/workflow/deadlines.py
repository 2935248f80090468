"""The moment at which an import has used up its ``timeout``, whether it is working or waiting at that time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from imports_pipeline.database.connections import Database
from imports_pipeline.model.failures import TimedOut
from imports_pipeline.model.imports import Import
from imports_pipeline.workflow.finalization import timed_out

# PostgreSQL and this process measure the same wait by their own clocks. The results may differ by this many seconds.
_TOLERANCE = 0.1


@dataclass(frozen=True)
class Deadline:
    """When the ``timeout`` of an import is used up, in epoch seconds of ``clock``."""

    import_: Import
    at: float
    clock: Callable[[], float]

    @classmethod
    def of(cls, import_: Import, clock: Callable[[], float]) -> Deadline:
        """Return the deadline of an import whose work starts now.

        The timeout covers the phases that are done and the attempts that failed. It does not cover the time in the
        queue.
        """
        spent = sum(report["ended_at"] - report["started_at"] for report in import_.phases)
        return cls(import_, clock() + import_.options.timeout - spent - import_.waited_seconds, clock)

    def remaining(self) -> float:
        """Return the seconds until the deadline. The number is negative after the deadline."""
        return self.at - self.clock()

    @property
    def has_passed(self) -> bool:
        """True if a wait that this deadline limited has ended because of it."""
        return self.remaining() < _TOLERANCE

    def check(self) -> None:
        """Raise ``TimedOut`` after the deadline."""
        if self.remaining() < 0:
            raise TimedOut(timed_out(self.import_))

    @contextmanager
    def connect(self, database: Database) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection for the block whose statements end at this deadline."""
        with database.connect() as connection:
            self.limit_statements(connection)
            yield connection

    def limit_statements(self, connection: psycopg.Connection[Any], other: Deadline | None = None) -> None:
        """Set the connection's statement timeout to the time until this deadline, or ``other`` if it is earlier."""
        remaining = min(one.remaining() for one in (self, other) if one is not None)
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false)", (str(max(1, int(remaining * 1000))),)
        )
