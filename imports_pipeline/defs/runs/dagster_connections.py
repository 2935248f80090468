"""Dagster's connections to PostgreSQL, kept open by a process that has one instance for as long as it lives.

Dagster opens one for each call of its storages, a run sixty to ninety: a third of its time, and of the server's more.
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

# Dagster's own value for its web server.
_RECYCLE_SECONDS: Final = 3600
#: What the loss of the database raises: in our statements, and in those of Dagster's storages.
LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, DBAPIError, DagsterPostgresException)


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Keep the instance's connections open; one that the server has dropped is replaced before its next use."""
    # Dagster's name for it.
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=_RECYCLE_SECONDS, max_overflow=20)
    if not event.contains(Pool, "checkout", _ask):
        event.listen(Pool, "checkout", _ask)


def close_connections(instance: dg.DagsterInstance) -> None:
    """Close what ``keep_connections`` kept: disposing of the instance leaves them to Python's collector."""
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        # Dagster's storages have no way of their own to let go of it.
        engine = getattr(storage, "_engine", None)
        if isinstance(engine, Engine):
            engine.dispose()


def is_process_of_a_run() -> bool:
    """Return whether this process does ``dagster api execute_run``: forked (``fork_server.py``), or as a pod."""
    return sys.argv[1:3] == ["api", "execute_run"]


def _ask(connection: Any, _record: object, _proxy: object) -> None:
    """Have the pool open another in place of a connection that is dead: the server may have restarted."""
    if not isinstance(connection, psycopg2.extensions.connection):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise DisconnectionError from error
