"""The table of uploads: which content of which dropped file became which import.

That a content is imported once hangs on this table alone. A content becomes an import in one transaction
(``register``), on a row that only one caller can take; whoever comes second finds it taken. So neither a lost
cursor, nor a daemon that dies, nor a second daemon imports twice.
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

# While its row is in one of these, a content that lies under its key is known.
_OPEN = "('seen', 'skipped', 'imported', 'left')"
_UPLOAD = "id, organization_id, key, version, size, modified, state, reason, import_id, options_version"


@dataclass(frozen=True)
class DroppedFile:
    """One content of a dropped file; ``version`` and ``modified`` (epoch seconds) as the store gave them."""

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
    """The import that a content is to become; with a ``refusal`` it is recorded as failed for that reason."""

    organization_id: str
    resource: str
    options: Options
    source_uri: str
    name: str | None
    options_version: str | None
    refusal: str | None = None


def known(connection: Connection, after: str, upto: str) -> dict[tuple[str, str], DroppedFile]:
    """Return the open rows of the keys behind ``after`` up to ``upto``, by key and version."""
    cursor = connection.cursor(row_factory=class_row(DroppedFile))
    rows = cursor.execute(
        f"SELECT {_UPLOAD} FROM uploads WHERE state IN {_OPEN} AND key > %s AND key <= %s", (after, upto)
    )
    return {(row.key, row.version): row for row in rows}


def record_seen(connection: Connection, organization_id: str, file: StoredFile) -> None:
    """Note a new content; one that has changed since it was seen last begins anew."""
    values = {
        "organization": organization_id,
        "key": file.key,
        "version": file.version,
        "size": file.size,
        "modified": file.modified,
    }
    # Another daemon may have made an import of it at this moment.
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
    """Note a content that is not imported, and why; tell whether that is new."""
    noted = connection.execute(
        f"""
        INSERT INTO uploads (key, version, size, modified, state, reason)
        VALUES (%s, %s, %s, %s, 'skipped', %s)
        ON CONFLICT (key, version) WHERE state IN {_OPEN} DO NOTHING
        """,
        (file.key, file.version, file.size, file.modified, reason),
    )
    return noted.rowcount == 1


def settled(connection: Connection, seconds: float, limit: int) -> list[DroppedFile]:
    """Return what was seen at least so many seconds ago and is no import yet, in the order it was seen."""
    return (
        connection.cursor(row_factory=class_row(DroppedFile))
        .execute(
            f"SELECT {_UPLOAD} FROM uploads WHERE state = 'seen' AND seen_at <= clock_timestamp() - %s::interval"
            " ORDER BY id LIMIT %s",
            (timedelta(seconds=seconds), limit),
        )
        .fetchall()
    )


def register(connection: Connection, upload: DroppedFile, request: Request) -> Import | None:
    """Make a content an import, in one transaction; nothing when somebody else did or it has changed."""
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
            "UPDATE uploads SET state = 'imported', import_id = %s, options_version = %s WHERE id = %s",
            (import_.id, request.options_version, upload.id),
        )
    return import_records.get_import(connection, import_.id)


def offer(connection: Connection, limit: int, again_after: timedelta) -> list[str]:
    """Take the imports to launch now, every organization in turn; give their ids in order.

    One is taken again after a while for as long as it has not begun: whoever took it may have died. Of one
    organization no more than ``limit`` are under way to their runs at a time, so that a thousand files of one do
    not fill Dagster's queue before those of another. A content waits until the import of the one it replaced
    has ended.
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
            SELECT id, row_number() OVER (ORDER BY offered_at IS NOT NULL, place, id) AS position
            FROM waiting
            WHERE place <= %(limit)s AND coalesce(offered_at <= clock_timestamp() - %(again)s::interval, true)
            ORDER BY position LIMIT %(limit)s
        )
        UPDATE uploads u SET offered_at = clock_timestamp()
        FROM (
            -- Another daemon may have taken one of them since.
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
    """Return uploads whose import has ended and that still lie where they were dropped, the oldest first."""
    columns = ", ".join(f"u.{name}" for name in _UPLOAD.split(", "))
    return (
        connection.cursor(row_factory=class_row(DroppedFile))
        .execute(
            f"SELECT {columns} FROM uploads u JOIN imports i ON i.id = u.import_id"
            " WHERE u.state = 'imported' AND i.status = ANY(%s) ORDER BY u.id LIMIT %s",
            ([status.value for status in FINAL], limit),
        )
        .fetchall()
    )


def end(connection: Connection, upload: DroppedFile, state: str, reason: str | None = None) -> None:
    """Note what became of an upload: ``left``, ``moved``, ``superseded`` or ``gone``; of several callers one does."""
    connection.execute(
        "UPDATE uploads SET state = %s, reason = coalesce(%s, reason), ended_at = clock_timestamp()"
        " WHERE id = %s AND version = %s AND state = %s",
        (state, reason, upload.id, upload.version, upload.state),
    )


def size_of(connection: Connection, import_id: str) -> int | None:
    """Return the bytes of the dropped file that became this import; nothing when none did."""
    row = connection.execute("SELECT size FROM uploads WHERE import_id = %s", (import_id,)).fetchone()
    return None if row is None else int(row[0])


def unchanged(connection: Connection, store: Store, import_: Import) -> Callable[[], None]:
    """Return a check that the import's file is still the content it was registered for.

    The check raises ``PermanentFailure``; for an import that no upload became it does nothing.
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
    """Return the newest uploads as plain values; those without an organization, which were skipped, always."""
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
    """Forget uploads that ended so many days ago and no longer lie where they were dropped; give their number."""
    return connection.execute(
        "DELETE FROM uploads WHERE state IN ('moved', 'superseded', 'gone')"
        " AND ended_at < clock_timestamp() - %s::interval",
        (timedelta(days=days),),
    ).rowcount
