"""Keeps Dagster's connections to PostgreSQL open in a process that has one Dagster instance during its whole life.

By default Dagster opens a connection for each call of its storages. A run makes 60 to 90 of these calls, which take a
third of its time, and an even larger share of the server's time.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import dagster as dg
import psycopg
import psycopg2.extensions
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import Pool

# The value that Dagster's web server uses.
_RECYCLE_SECONDS: Final = 3600
#: The exceptions that a lost database connection raises in our statements and in those of Dagster's storages.
LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, DBAPIError, DagsterPostgresException)


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Keep the instance's connections open, and replace a connection that the server has closed before its next use."""
    # Dagster names this option after its web server, but it only configures SQLAlchemy's pool.
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=_RECYCLE_SECONDS, max_overflow=20)
    if not event.contains(Pool, "checkout", _ask):
        event.listen(Pool, "checkout", _ask)


def close_connections(instance: dg.DagsterInstance) -> None:
    """Close the kept connections. Disposing of the instance would leave them to Python's garbage collector."""
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        # Dagster's storages have no public method that closes their engine. If a new version renames the attribute,
        # the connections stay open until the process ends.
        engine = getattr(storage, "_engine", None)
        if isinstance(engine, Engine):
            engine.dispose()


def is_process_of_a_run() -> bool:
    """Return True if this process executes ``dagster api execute_run``: as a fork (``fork_server.py``) or a pod."""
    return sys.argv[1:3] == ["api", "execute_run"]


def _ask(connection: Any, _record: object, _proxy: object) -> None:
    """Raise ``DisconnectionError`` for a dead connection, so that the pool opens another one."""
    if not isinstance(connection, psycopg2.extensions.connection):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise DisconnectionError from error
