"""Which Dagster runs have a living worker, told by PostgreSQL and not by what a dead process left behind.

The process of a run holds a session lock named after it. PostgreSQL drops the lock when the connection ends,
however the process died and on whatever machine it ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg

from imports_pipeline.storage.database import Database

#: Keeps these locks apart from all others of the database.
_SEED: Final = 7_305_808_869


class Worker:
    """Shows that this process works on a run, from ``start`` to ``stop``."""

    def __init__(self, database: Database, run_id: str) -> None:
        """Name the run; nothing is opened yet."""
        self._database, self._run_id = database, run_id
        self._connection: psycopg.Connection[Any] | None = None

    def start(self) -> None:
        """Take the lock, or take it again if the server has been restarted meanwhile.

        Raises ``psycopg.OperationalError`` when there is no server.
        """
        if self._connection is not None:
            with suppress(psycopg.OperationalError):
                self._connection.execute("SELECT")
                return
            self._connection.close()
        self._connection = self._database.open(f"imports-pipeline run {self._run_id}"[:63])
        # Shared: a retry in the same process, or a second look, must not wait for the first.
        self._connection.execute("SELECT pg_advisory_lock_shared(hashtextextended(%s, %s))", self._key)

    def stop(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _key(self) -> tuple[str, int]:
        return self._run_id, _SEED


def living(connection: psycopg.Connection[Any], run_ids: Sequence[str]) -> set[str]:
    """Give those of the runs that a process works on now."""
    rows = connection.execute(
        """
        SELECT run_id FROM unnest(%s::text[]) AS run_id
        WHERE EXISTS (
            SELECT FROM pg_locks l
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended(run_id, %s)
        )
        """,
        (list(run_ids), _SEED),
    )
    return {run_id for (run_id,) in rows}
