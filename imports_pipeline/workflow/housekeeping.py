"""Removes expired files and histories, and tables and uploads that killed processes left behind.

Each kind is removed in small independent steps. If a call is interrupted or its time is used up, the next call
continues.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database import dagster_bloat, dagster_indexes
from imports_pipeline.database.edition_retention import remove_replaced
from imports_pipeline.filestore.stores import Store
from imports_pipeline.import_phases.memory import memories
from imports_pipeline.model import ids
from imports_pipeline.model.statuses import FINAL, Status
from imports_pipeline.registry import dropped_files, idempotency
from imports_pipeline.settings import Settings
from imports_pipeline.sources import dropped_file_options, upload_urls

Connection = psycopg.Connection[Any]

_FINAL: Final = [status.value for status in FINAL]
# A file that is still unfinished after a day has no living writer.
_UNFINISHED_SECONDS: Final = 24 * 3600
# Imports whose folders are removed before that is recorded.
_STEP: Final = 500
#: The note of a call that left something to the next one.
OUT_OF_TIME: Final = "The time for it is used up (IMPORTS_RETENTION_SECONDS); the next call continues."


@dataclass
class Removed:
    """The counts of removed things, and what to say about them."""

    #: imports whose files were removed
    imports_with_files: int = 0
    #: batches whose staging tables had been left behind
    staging_tables: int = 0
    #: tables of records that large writes replaced
    replaced_tables: int = 0
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
    #: memories of imports whose files were removed, or that a killed process never completed
    memories: int = 0
    #: what a person should know, such as what the next call continues
    notes: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "notes"}

    def sentence(self) -> str:
        """Return a sentence with the counts."""
        counts = {name: count for name, count in self.counts().items() if count}
        shown = ", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items())
        done = f"Removed {shown}." if counts else "There was nothing to remove."
        return " ".join([done, *self.notes])


def housekeep(
    connection: Connection, store: Store, settings: Settings, clock: Callable[[], float] = time.monotonic
) -> Removed:
    """Remove everything that has expired. Raises ``OSError`` if the file store denies access.

    The work on the file store takes up to ``IMPORTS_RETENTION_SECONDS``; the next call continues it.

    Args:
        connection: a connection in autocommit mode
        clock: returns monotonic seconds
    """
    dagster_indexes.create_missing(connection)
    dagster_bloat.vacuum_sooner(connection)
    removed = Removed(
        staging_tables=_staging(connection),
        replaced_tables=remove_replaced(connection, settings.history_days),
        history_rows=pre_images.prune(connection, settings.history_days),
        upload_rows=dropped_files.prune(connection, settings.files_days),
        late_uploads=upload_urls.sweep(connection, store, time.time() - _UNFINISHED_SECONDS),
        idempotency_keys=idempotency.prune(connection, settings.files_days),
    )

    begun = clock()

    def used_up(share: float) -> Callable[[], bool]:
        """Return a function that returns True when this share of the time has passed."""
        return lambda: clock() > begun + share * settings.retention_seconds

    # Each kind has at least a third of the time, and what those before it did not need.
    removed.unfinished_files, swept = _unfinished(connection, store, used_up(1 / 3))
    removed.imports_with_files, files_done = _files(connection, store, settings.files_days, used_up(2 / 3))
    removed.imports_with_dropped_files, dropped_done = _dropped(
        connection, store, settings.dropped_days, used_up(1)
    )
    removed.memories = memories.prune(connection, _FINAL)
    if not (files_done and dropped_done and swept):
        removed.notes.append(OUT_OF_TIME)
    return removed


def _unfinished(connection: Connection, store: Store, out_of_time: Callable[[], bool]) -> tuple[int, bool]:
    """Remove unfinished files, from where the last call stopped. Return their number, and False if files are left."""
    row = connection.execute(
        "SELECT place FROM retention_progress WHERE name = 'unfinished_files'"
    ).fetchone()
    swept = store.sweep(
        time.time() - _UNFINISHED_SECONDS, after=row[0] if row else "", out_of_time=out_of_time
    )
    connection.execute(
        "INSERT INTO retention_progress (name, place) VALUES ('unfinished_files', %s)"
        " ON CONFLICT (name) DO UPDATE SET place = excluded.place",
        (swept.stopped_at,),
    )
    return swept.files, not swept.stopped_at


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


def _dropped(
    connection: Connection, store: Store, days: int, out_of_time: Callable[[], bool]
) -> tuple[int, bool]:
    """Remove the files in ``done/`` and ``failed/`` of imports that ended at least ``days`` days ago.

    Return the number of these imports, and False if some are left because the time is used up.
    """
    if not days:
        return 0, True
    return _remove_folders(
        connection,
        f"SELECT id, organization_id, resource, options->>'action', status {_WITH_DROPPED}",
        days,
        lambda import_id, organization, resource, action, status: store.delete_folder(
            dropped_file_options.ended_folder_of(
                organization, resource, action, import_id, completed=status == Status.COMPLETED
            )
        ),
        "dropped_removed_at = now()",
        out_of_time,
    )


def _files(
    connection: Connection, store: Store, days: int, out_of_time: Callable[[], bool]
) -> tuple[int, bool]:
    """Remove the files of imports that ended at least ``days`` days ago, and keep their records.

    Return the number of these imports, and False if some are left because the time is used up.
    """
    return _remove_folders(
        connection,
        "SELECT id FROM imports WHERE files_removed_at IS NULL AND status = ANY(%s)"
        " AND updated_at < now() - make_interval(days => %s)",
        days,
        lambda import_id: store.delete_folder(f"imports/{import_id}"),
        "files_removed_at = now(), has_upload_file = false, has_errors_file = false",
        out_of_time,
    )


def _remove_folders(
    connection: Connection,
    due: str,
    days: int,
    remove: Callable[..., None],
    removed: str,
    out_of_time: Callable[[], bool],
) -> tuple[int, bool]:
    """Remove the folder of each due import, then record it. After a crash in between the folder is removed again.

    Args:
        due: the query for the imports, with the id first
        days: the age of the imports
        remove: called with the columns of ``due``
        removed: what to set in the records
        out_of_time: the removal stops when this function returns True
    """
    count, late = 0, False
    while not late:
        found = connection.execute(f"{due} ORDER BY updated_at LIMIT %s", (_FINAL, days, _STEP)).fetchall()
        if not found:
            break
        done = []
        for columns in found:
            remove(*columns)
            done.append(columns[0])
            if late := out_of_time():
                break
        connection.execute(f"UPDATE imports SET {removed} WHERE id = ANY(%s)", (done,))
        count += len(done)
    return count, not late


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
