"""Removes expired files and histories, and tables and uploads that killed processes left behind.

Each kind is removed in small independent steps. If a call is interrupted, the next call continues.
"""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database import dagster_indexes
from imports_pipeline.filestore.stores import Store
from imports_pipeline.model import ids
from imports_pipeline.model.statuses import FINAL, Status
from imports_pipeline.registry import dropped_files, idempotency
from imports_pipeline.settings import Settings
from imports_pipeline.sources import dropped_file_options, upload_urls

Connection = psycopg.Connection[Any]

_FINAL: Final = [status.value for status in FINAL]
# A file that is still unfinished after a day has no living writer.
_UNFINISHED_SECONDS: Final = 24 * 3600
_STEP: Final = 500


@dataclass(frozen=True)
class Removed:
    """The counts of removed things."""

    #: imports whose files were removed
    imports_with_files: int = 0
    #: batches whose staging tables had been left behind
    staging_tables: int = 0
    #: pre-images, and records of dropped files that were moved away
    history_rows: int = 0
    upload_rows: int = 0
    #: files that a killed writer never finished
    unfinished_files: int = 0
    #: files that were put to an upload URL after its import had one, or had ended
    late_uploads: int = 0
    #: imports whose dropped files were removed from ``done/`` or ``failed/``
    imports_with_dropped_files: int = 0
    #: idempotency keys
    idempotency_keys: int = 0

    def sentence(self) -> str:
        """Return a sentence with the counts."""
        counts = {name: count for name, count in asdict(self).items() if count}
        if not counts:
            return "There was nothing to remove."
        shown = ", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items())
        return f"Removed {shown}."


def housekeep(connection: Connection, store: Store, settings: Settings) -> Removed:
    """Remove everything that has expired. Raises ``OSError`` if the file store denies access."""
    dagster_indexes.create_missing(connection)
    return Removed(
        imports_with_files=_files(connection, store, settings.files_days),
        staging_tables=_staging(connection),
        history_rows=pre_images.prune(connection, settings.history_days),
        upload_rows=dropped_files.prune(connection, settings.files_days),
        unfinished_files=store.sweep(time.time() - _UNFINISHED_SECONDS),
        late_uploads=upload_urls.sweep(connection, store, time.time() - _UNFINISHED_SECONDS),
        imports_with_dropped_files=_dropped(connection, store, settings.dropped_days),
        idempotency_keys=idempotency.prune(connection, settings.files_days),
    )


# The imports of dropped files that ended so many days ago, and whose folders have not been removed.
_WITH_DROPPED: Final = (
    "FROM imports WHERE source = 'bucket' AND dropped_removed_at IS NULL AND status = ANY(%s)"
    " AND updated_at < now() - make_interval(days => %s)"
)


def due_dropped(connection: Connection, settings: Settings) -> int:
    """Return the number of imports whose dropped files the next housekeeping removes."""
    if not settings.dropped_days:
        return 0
    row = connection.execute(f"SELECT count(*) {_WITH_DROPPED}", (_FINAL, settings.dropped_days)).fetchone()
    return int(row[0]) if row else 0


def _dropped(connection: Connection, store: Store, days: int) -> int:
    """Remove the files in ``done/`` and ``failed/`` of imports that ended at least ``days`` days ago."""
    count = 0
    while days:
        found = connection.execute(
            f"SELECT id, organization_id, resource, options->>'action', status {_WITH_DROPPED}"
            " ORDER BY updated_at LIMIT %s",
            (_FINAL, days, _STEP),
        ).fetchall()
        if not found:
            break
        for import_id, organization, resource, action, status in found:
            store.delete_folder(
                dropped_file_options.ended_folder_of(
                    organization, resource, action, import_id, completed=status == Status.COMPLETED
                )
            )
            connection.execute("UPDATE imports SET dropped_removed_at = now() WHERE id = %s", (import_id,))
            count += 1
    return count


def _files(connection: Connection, store: Store, days: int) -> int:
    """Remove the files of imports that ended at least ``days`` days ago, and keep their records."""
    count = 0
    while True:
        found = connection.execute(
            "SELECT id FROM imports WHERE files_removed_at IS NULL AND status = ANY(%s)"
            " AND updated_at < now() - make_interval(days => %s) ORDER BY updated_at LIMIT %s",
            (_FINAL, days, _STEP),
        ).fetchall()
        if not found:
            return count
        for (import_id,) in found:
            store.delete_folder(f"imports/{import_id}")
            connection.execute(
                "UPDATE imports SET files_removed_at = now(), has_upload_file = false, has_errors_file = false"
                " WHERE id = %s",
                (import_id,),
            )
            count += 1


def _staging(connection: Connection) -> int:
    """Drop the staging tables of batches that have ended or that have no record."""
    names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").fetchall()
    found = {
        f"{ids.BATCH}_{match[1]}" for (name,) in names if (match := re.search(r"_([0-9a-z]{26})$", name))
    }
    open_ = connection.execute(
        "SELECT id FROM batches WHERE id = ANY(%s) AND status <> ALL(%s)", (list(found), _FINAL)
    ).fetchall()
    left = sorted(found - {batch_id for (batch_id,) in open_})
    dropped = 0
    for batch_id in left:
        with connection.transaction():
            # A transaction that is not committed yet may be recording this batch. Its tables are locked then.
            connection.execute(sql.SQL("SET LOCAL lock_timeout = '1s'"))
            try:
                with connection.transaction():
                    Staging(batch_id).drop(connection)
                    dropped += 1
            except psycopg.errors.LockNotAvailable:
                continue
    return dropped
