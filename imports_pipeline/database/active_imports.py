"""Finds out which imports a process is working on, by the names of the connections that PostgreSQL has open.

A process keeps a connection open during a phase, and names it after the import. PostgreSQL closes the connection when
the process ends, on whatever machine and for whatever reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg


def worker_name(import_id: str) -> str:
    """Return the application name of connections that work on an import."""
    return f"imports-pipeline {import_id}"


def find_active(connection: psycopg.Connection[Any], import_ids: Sequence[str]) -> set[str]:
    """Return the ids of those imports that some process is working on now."""
    rows = connection.execute(
        "SELECT import_id FROM unnest(%s::text[], %s::text[]) AS wanted (import_id, name)"
        " WHERE EXISTS (SELECT FROM pg_stat_activity"
        "               WHERE application_name = wanted.name AND datname = current_database())",
        (list(import_ids), [worker_name(import_id) for import_id in import_ids]),
    )
    return {import_id for (import_id,) in rows}


def interrupt(connection: psycopg.Connection[Any], import_id: str) -> None:
    """Cancel the statements of all other connections that work on an import."""
    connection.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()",
        (worker_name(import_id),),
    )
