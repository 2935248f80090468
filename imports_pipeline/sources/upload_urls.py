"""Uploads that imports wait for: a signed URL puts the file under ``incoming/``, from where its import takes it once.

An upload URL may be used until it expires, also after the import has begun. So what arrives is moved away under a
condition on the import's record: the first file is the import's, and whatever comes later changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import psycopg

from imports_pipeline.filestore.stores import Replaced, Store
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_records

Connection = psycopg.Connection[Any]

FOLDER: Final = "incoming"


class NotAwaited(Exception):
    """The import waits for no upload (any more); the message says why."""


def key_of(import_id: str) -> str:
    """Return the key that the import's upload URL puts the file to."""
    return f"{FOLDER}/{import_id}"


def take(
    connection: Connection, store: Store, import_: Import, key: str, checksum: str | None = None
) -> None:
    """Make what lies under ``key`` the import's upload; of several files one becomes it.

    Raises ``NotAwaited`` when the import has its file, has ended or has expired; ``PermanentFailure`` when the
    file is over the limit; ``FileNotFoundError`` and ``Replaced`` when it is not there, or another by now.
    """
    found = store.stat(key)
    if found is None:
        raise FileNotFoundError(f"There is no file at {key}")
    if import_.upload_limit is not None and found.size > import_.upload_limit:
        raise PermanentFailure(
            "file_too_large",
            f"The upload has {found.size:,} bytes, and at most {import_.upload_limit:,} were agreed; split the file.",
        )
    with connection.transaction():
        taken = connection.execute(
            "UPDATE imports SET has_upload_file = true, checksum = %s, updated_at = now()"
            " WHERE id = %s AND status = 'requested' AND NOT has_upload_file AND upload_expires_at IS NOT NULL",
            (checksum, import_.id),
        )
        if taken.rowcount != 1:
            raise NotAwaited(
                f"The import {import_.id} has its file already, or has ended; request a new import."
            )
        store.move(key, f"{import_.folder}/{UPLOAD}", version=found.version)


def take_arrived(connection: Connection, store: Store, limit: int) -> list[tuple[str, PermanentFailure]]:
    """Take what lies in ``incoming/`` for imports that wait for it; give those whose file is over the limit."""
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
        except (NotAwaited, FileNotFoundError, Replaced):
            # Another daemon was faster, or the file is just being replaced: the next look decides.
            continue
        seen += 1
        if seen == limit:
            break
    return refused


def waiting(connection: Connection, import_id: str) -> Import | None:
    """Return the import if it still waits for its upload."""
    try:
        import_ = import_records.get_import(connection, import_id)
    except import_records.NoSuchImport:
        return None
    return import_ if import_.awaits_upload else None


def recover(connection: Connection, store: Store, import_: Import) -> bool:
    """Look once more whether the import's upload has come, before it is called expired; tell whether it has.

    Nobody may have looked for an hour, or whoever moved it died before it could say so.
    """
    try:
        take(connection, store, import_, key_of(import_.id))
        return True
    except (NotAwaited, Replaced):
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
    """Return the ids of imports whose upload has come and that nothing has begun, oldest first, and note it.

    One is given again after a while: perhaps the daemon died before it launched the run.
    """
    rows = connection.execute(
        """
        UPDATE imports SET offered_at = clock_timestamp()
        WHERE id IN (
            SELECT id FROM imports
            WHERE status = 'requested' AND upload_expires_at IS NOT NULL AND has_upload_file AND phases = '[]'
              AND coalesce(offered_at <= clock_timestamp() - %s::interval, true)
            ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        (again_after, limit),
    ).fetchall()
    return sorted(import_id for (import_id,) in rows)


def sweep(connection: Connection, store: Store, before: float) -> int:
    """Remove files that came too late for their import, put before the epoch second ``before``; say how many."""
    swept = 0
    for file in list(store.list(FOLDER)):
        if file.modified < before and waiting(connection, file.key.removeprefix(f"{FOLDER}/")) is None:
            store.delete(file.key)
            swept += 1
    return swept
