"""The table ``uploads``: which content of which dropped file became which import.

Only this table ensures that each content is imported once. ``register`` creates the import in one transaction and
locks the row, so a second caller finds it taken. Therefore neither a lost cursor, nor a daemon that dies, nor a second
daemon can import a content twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import StoredFile
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.printable import printable
from imports_pipeline.model.statuses import FINAL, Status
from imports_pipeline.registry import import_records, import_updates

Connection = psycopg.Connection[Any]

# While the row of a content has one of these states, the file under its key is not new.
_OPEN = "('seen', 'skipped', 'imported', 'left')"
# A file on which the work failed is retried after this time.
_RETRY_AFTER = timedelta(minutes=1)
_NOT_TRIED_NOW = "coalesce(tried_at < clock_timestamp() - %(retry)s::interval, true)"
_UPLOAD = "id, organization_id, key, version, size, modified, state, reason, import_id, options_version"


@dataclass(frozen=True)
class DroppedFile:
    """One content of a dropped file; ``version`` and ``modified`` (epoch seconds) are the file store's."""

    id: int
    organization_id: str | None
    key: str
    version: str
    size: int
    modified: float
    state: str
    reason: str | None
    import_id: str | None
    options_version: str | None


@dataclass(frozen=True)
class Request:
    """The import to create for a content. With a ``refusal`` the import is recorded as failed for that reason."""

    organization_id: str
    resource: str
    options: Options
    source_uri: str
    name: str | None
    options_version: str | None
    refusal: str | None = None


def known(connection: Connection, after: str, upto: str) -> dict[tuple[str, str], DroppedFile]:
    """Return the open rows with keys after ``after`` and up to ``upto``, by key and version."""
    cursor = connection.cursor(row_factory=class_row(DroppedFile))
    rows = cursor.execute(
        f"SELECT {_UPLOAD} FROM uploads WHERE state IN {_OPEN} AND key > %s AND key <= %s", (after, upto)
    )
    return {(row.key, row.version): row for row in rows}


def record_seen(connection: Connection, organization_id: str | None, file: StoredFile) -> None:
    """Record a new content. If the file has changed since it was last seen, its waiting time starts again."""
    values = {
        "organization": organization_id,
        "key": file.key,
        "version": file.version,
        "size": file.size,
        "modified": file.modified,
    }
    # Another daemon may be creating an import for this content at the same time.
    with suppress(psycopg.errors.UniqueViolation):
        connection.execute(
            "UPDATE uploads SET version = %(version)s, size = %(size)s, modified = %(modified)s,"
            " seen_at = clock_timestamp() WHERE key = %(key)s AND state = 'seen' AND version <> %(version)s",
            values,
        )
    connection.execute(
        "INSERT INTO uploads (organization_id, key, version, size, modified, state)"
        " VALUES (%(organization)s, %(key)s, %(version)s, %(size)s, %(modified)s, 'seen') ON CONFLICT DO NOTHING",
        values,
    )


def record_skipped(connection: Connection, file: StoredFile, reason: str) -> bool:
    """Record a content that is not imported, with the reason. Return True if it was not recorded before."""
    noted = connection.execute(
        f"""
        INSERT INTO uploads (key, version, size, modified, state, reason)
        VALUES (%s, %s, %s, %s, 'skipped', %s)
        ON CONFLICT (key, version) WHERE state IN {_OPEN} DO NOTHING
        """,
        (file.key, file.version, file.size, file.modified, reason),
    )
    return noted.rowcount == 1


def waiting(connection: Connection) -> dict[str, int]:
    """Return the number of dropped files for each organization whose import has not ended.

    A file on which the work fails does not count, so that it takes no place from another.
    """
    # One query for each partial index.
    found = connection.execute(
        "SELECT organization_id, count(*) FROM ("
        " SELECT organization_id FROM uploads WHERE state = 'seen' AND tried_at IS NULL UNION ALL"
        " SELECT organization_id FROM uploads WHERE state = 'imported' AND tried_at IS NULL) GROUP BY 1"
    )
    return {organization_id: count for organization_id, count in found if organization_id is not None}


def settled(connection: Connection, seconds: float, limit: int) -> list[DroppedFile]:
    """Return contents without an import that were first seen at least ``seconds`` ago.

    The organizations take turns, in random order because there may be more of them than ``limit``. The files of one
    come in the order in which they were seen.
    """
    return (
        connection.cursor(row_factory=class_row(DroppedFile))
        .execute(
            f"SELECT {_UPLOAD} FROM uploads WHERE state = 'seen'"
            " AND seen_at <= clock_timestamp() - %(seconds)s::interval"
            f" AND {_NOT_TRIED_NOW} ORDER BY tried_at NULLS FIRST,"
            " row_number() OVER (PARTITION BY organization_id ORDER BY id), random() LIMIT %(limit)s",
            {"seconds": timedelta(seconds=seconds), "retry": _RETRY_AFTER, "limit": limit},
        )
        .fetchall()
    )


def set_aside(connection: Connection, upload: DroppedFile, reason: str) -> None:
    """Record why the work on a dropped file failed. ``settled`` and ``ended`` leave it out for a minute."""
    connection.execute(
        "UPDATE uploads SET reason = %s, tried_at = clock_timestamp() WHERE id = %s AND version = %s AND state = %s",
        (reason, upload.id, upload.version, upload.state),
    )


def register(connection: Connection, upload: DroppedFile, request: Request) -> Import | None:
    """Create the import of a content in one transaction. Return None if another caller did, or if it has changed."""
    with connection.transaction():
        taken = connection.execute(
            "SELECT 1 FROM uploads WHERE id = %s AND version = %s AND state = 'seen' FOR UPDATE SKIP LOCKED",
            (upload.id, upload.version),
        )
        if taken.fetchone() is None:
            return None
        import_ = import_records.create_import(
            connection,
            organization_id=request.organization_id,
            resource=request.resource,
            options=request.options,
            source="bucket",
            source_uri=request.source_uri,
            name=request.name,
        )
        if request.refusal is not None:
            import_updates.transition(
                connection,
                import_.id,
                Status.FAILED,
                reason=request.refusal,
                code="invalid_option",
                stats={"rejected": 0},
            )
        connection.execute(
            "UPDATE uploads SET state = 'imported', import_id = %s, options_version = %s, reason = NULL,"
            " tried_at = NULL WHERE id = %s",
            (import_.id, request.options_version, upload.id),
        )
    return import_records.get_import(connection, import_.id)


def offer(connection: Connection, limit: int, again_after: timedelta) -> list[str]:
    """Return the ids of the imports to launch now, in order, and record that they were returned.

    The organizations take turns, in random order because there may be more of them than ``limit``. One organization has
    at most ``limit`` imports that wait for their runs, so that a thousand files of one do not fill Dagster's queue
    before those of another. An import that has not started after
    ``again_after`` is returned again, because the caller may have died. A content waits until the import of the
    content that it replaced has ended.
    """
    taken = connection.execute(
        """
        WITH waiting AS (
            SELECT u.id, u.offered_at, row_number() OVER (
                       PARTITION BY u.organization_id ORDER BY u.offered_at IS NULL, u.id) AS place
            FROM uploads u JOIN imports i ON i.id = u.import_id
            WHERE u.state = 'imported' AND i.status = 'requested'
              AND NOT EXISTS (
                  SELECT FROM uploads e WHERE e.key = u.key AND e.id < u.id AND e.state = 'imported')
        ),
        chosen AS (
            SELECT id, row_number() OVER (ORDER BY offered_at IS NOT NULL, place, random()) AS position
            FROM waiting
            WHERE place <= %(limit)s AND coalesce(offered_at <= clock_timestamp() - %(again)s::interval, true)
            ORDER BY position LIMIT %(limit)s
        )
        UPDATE uploads u SET offered_at = clock_timestamp()
        FROM (
            -- Another daemon may have taken one of them in the meantime.
            SELECT o.id, c.position FROM uploads o JOIN chosen c USING (id)
            WHERE coalesce(o.offered_at <= clock_timestamp() - %(again)s::interval, true)
            FOR UPDATE OF o SKIP LOCKED
        ) c
        WHERE u.id = c.id
        RETURNING c.position, u.import_id
        """,
        {"again": again_after, "limit": limit},
    ).fetchall()
    return [import_id for _, import_id in sorted(taken)]


def ended(connection: Connection, limit: int) -> list[DroppedFile]:
    """Return dropped files whose import has ended and that have not been moved yet, the oldest first.

    Files on which the work failed before come last.
    """
    columns = ", ".join(f"u.{name}" for name in _UPLOAD.split(", "))
    return (
        connection.cursor(row_factory=class_row(DroppedFile))
        .execute(
            f"SELECT {columns} FROM uploads u JOIN imports i ON i.id = u.import_id"
            f" WHERE u.state = 'imported' AND i.status = ANY(%(final)s) AND {_NOT_TRIED_NOW}"
            " ORDER BY u.tried_at NULLS FIRST, u.id LIMIT %(limit)s",
            {"final": [status.value for status in FINAL], "retry": _RETRY_AFTER, "limit": limit},
        )
        .fetchall()
    )


def end(connection: Connection, upload: DroppedFile, state: str, reason: str | None = None) -> None:
    """Record the final state of a dropped file: ``left``, ``moved``, ``superseded`` or ``gone``.

    Only the first of several callers changes the row. A reason that ``set_aside`` recorded is no longer true then.
    """
    connection.execute(
        "UPDATE uploads SET state = %s, reason = coalesce(%s, CASE WHEN tried_at IS NULL THEN reason END),"
        " ended_at = clock_timestamp() WHERE id = %s AND version = %s AND state = %s",
        (state, reason, upload.id, upload.version, upload.state),
    )


def size_of(connection: Connection, import_id: str) -> int | None:
    """Return the size in bytes of the dropped file of this import, or None if the import has none."""
    row = connection.execute("SELECT size FROM uploads WHERE import_id = %s", (import_id,)).fetchone()
    return None if row is None else int(row[0])


def unchanged(connection: Connection, store: Store, import_: Import) -> Callable[[], None]:
    """Return a function that checks that the import's dropped file still has the registered content.

    The function raises ``PermanentFailure`` if not. It does nothing for an import without a dropped file.
    """
    row = connection.execute(
        "SELECT key, version FROM uploads WHERE import_id = %s", (import_.id,)
    ).fetchone()
    if row is None:
        return lambda: None
    key, version = row

    def check() -> None:
        now = store.stat(key)
        if now is not None and now.version != version:
            raise PermanentFailure(
                "source_changed",
                f"{printable(key)} was replaced before it was read, so this content was not imported;"
                " the content that replaced it has an import of its own.",
            )

    return check


def find(
    connection: Connection, organization_id: str | None, states: Sequence[str], limit: int
) -> list[dict[str, Any]]:
    """Return the newest rows as plain values. Skipped files that belong to no organization are always included."""
    return (
        connection.cursor(row_factory=dict_row)
        .execute(
            "SELECT key, version, size, state, reason, import_id, extract(epoch FROM seen_at)::bigint AS seen_at"
            " FROM uploads WHERE (%(organization)s::text IS NULL OR coalesce(organization_id, %(organization)s)"
            " = %(organization)s) AND (cardinality(%(states)s::text[]) = 0 OR state = ANY(%(states)s))"
            " ORDER BY id DESC LIMIT %(limit)s",
            {"organization": organization_id, "states": list(states), "limit": limit},
        )
        .fetchall()
    )


def prune(connection: Connection, days: int) -> int:
    """Delete the rows of files that were moved, replaced or removed ``days`` days ago. Return the number of rows."""
    return connection.execute(
        "DELETE FROM uploads WHERE state IN ('moved', 'superseded', 'gone')"
        " AND ended_at < clock_timestamp() - %s::interval",
        (timedelta(days=days),),
    ).rowcount
