"""Uploads through signed URLs: a client puts the file under ``incoming/``, and the import takes it from there once.

An upload URL is valid until it expires, even after the import has begun. A file that arrives is therefore moved under
a condition on the import's record: the first file becomes the import's upload, and later files change nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import psycopg

from imports_pipeline.filestore.stores import FileReplaced, Store
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_records

Connection = psycopg.Connection[Any]

FOLDER: Final = "incoming"


class NotAwaited(Exception):
    """The import does not wait for an upload, or no longer; the message says why."""


def key_of(import_id: str) -> str:
    """Return the key of the file that a client puts through the import's upload URL."""
    return f"{FOLDER}/{import_id}"


def take(
    connection: Connection, store: Store, import_: Import, key: str, checksum: str | None = None
) -> None:
    """Move the file under ``key`` to the import's folder as its upload. Only one of several files is taken.

    Raises:
        NotAwaited: the import already has its file, or has ended.
        PermanentFailure: the file is larger than the limit of the upload URL.
        FileNotFoundError: there is no file.
        FileReplaced: the file was replaced during the move.
    """
    found = store.stat(key)
    if found is None:
        raise FileNotFoundError(f"There is no file at {key}")
    if import_.upload_limit is not None and found.size > import_.upload_limit:
        raise PermanentFailure(
            "file_too_large",
            f"The upload has {found.size:,} bytes, and its upload URL allows at most {import_.upload_limit:,};"
            " split the file.",
        )
    with connection.transaction():
        taken = connection.execute(
            "UPDATE imports SET has_upload_file = true, checksum = %s, updated_at = now()"
            " WHERE id = %s AND status = 'requested' AND NOT has_upload_file AND upload_expires_at IS NOT NULL",
            (checksum, import_.id),
        )
        if taken.rowcount != 1:
            raise NotAwaited(
                f"The import {import_.id} already has its file, or has ended; request a new import."
            )
        store.move(key, f"{import_.folder}/{UPLOAD}", version=found.version)


def take_arrived(connection: Connection, store: Store, limit: int) -> list[tuple[str, PermanentFailure]]:
    """Take the files in ``incoming/`` for the imports that wait for them, at most ``limit``.

    Returns the ids of imports whose file is larger than the limit of their upload URL, with the failure.
    """
    refused = []
    seen = 0
    for file in store.list(FOLDER):
        import_id = file.key.removeprefix(f"{FOLDER}/")
        import_ = waiting(connection, import_id)
        if import_ is None:
            continue
        try:
            take(connection, store, import_, file.key)
        except PermanentFailure as failure:
            refused.append((import_id, failure))
        except (NotAwaited, FileNotFoundError, FileReplaced):
            # Another daemon was faster, or the file is being replaced. The next tick tries again.
            continue
        seen += 1
        if seen == limit:
            break
    return refused


def waiting(connection: Connection, import_id: str) -> Import | None:
    """Return the import if it still waits for its upload, or None."""
    try:
        import_ = import_records.get_import(connection, import_id)
    except import_records.NoSuchImport:
        return None
    return import_ if import_.awaits_upload else None


def recover(connection: Connection, store: Store, import_: Import) -> bool:
    """Look for the import's upload before the import expires; return True if there is one.

    The sensor may not have run for an hour, or a process may have died between moving the file and recording that.
    """
    try:
        take(connection, store, import_, key_of(import_.id))
        return True
    except (NotAwaited, FileReplaced):
        return True
    except FileNotFoundError:
        if not store.exists(f"{import_.folder}/{UPLOAD}"):
            return False
    connection.execute(
        "UPDATE imports SET has_upload_file = true, updated_at = now() WHERE id = %s AND status = 'requested'",
        (import_.id,),
    )
    return True


def offer(connection: Connection, limit: int, again_after: timedelta) -> list[str]:
    """Return the ids of imports with an upload and without a run, oldest first, and record that they were returned.

    These are imports whose upload has arrived, and approvals that a person gave in Dagster.

    An import is returned again after ``again_after``, because the daemon may have died before it launched the run.
    """
    rows = connection.execute(
        """
        UPDATE imports SET offered_at = clock_timestamp()
        WHERE id IN (
            SELECT id FROM imports
            WHERE status = 'requested' AND has_upload_file AND phases = '[]'
              AND (upload_expires_at IS NOT NULL OR approves IS NOT NULL AND source = 'ui')
              AND coalesce(offered_at <= clock_timestamp() - %s::interval, true)
            ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        (again_after, limit),
    ).fetchall()
    return sorted(import_id for (import_id,) in rows)


def sweep(connection: Connection, store: Store, before: float) -> int:
    """Delete files older than the epoch second ``before`` for which no import waits; return the number of files."""
    swept = 0
    for file in list(store.list(FOLDER)):
        if file.modified < before and waiting(connection, file.key.removeprefix(f"{FOLDER}/")) is None:
            store.delete(file.key)
            swept += 1
    return swept
