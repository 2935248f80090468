"""Who works on an import: told by PostgreSQL, and not by what a dead process left behind.

A phase has a connection open from its beginning to its end, named after its import. PostgreSQL ends it with the
process, however that died and on whatever machine it ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg


def worker_name(import_id: str) -> str:
    """Name the connections that work on an import."""
    return f"imports-pipeline {import_id}"


def find_active(connection: psycopg.Connection[Any], import_ids: Sequence[str]) -> set[str]:
    """Return those of the imports that a process works on now."""
    rows = connection.execute(
        "SELECT import_id FROM unnest(%s::text[], %s::text[]) AS asked (import_id, name)"
        " WHERE EXISTS (SELECT FROM pg_stat_activity"
        "               WHERE application_name = asked.name AND datname = current_database())",
        (list(import_ids), [worker_name(import_id) for import_id in import_ids]),
    )
    return {import_id for (import_id,) in rows}


def interrupt(connection: psycopg.Connection[Any], import_id: str) -> None:
    """Stop the statements of all others who work on an import."""
    connection.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()",
        (worker_name(import_id),),
    )
