"""The records of imports and batches in PostgreSQL: creating, finding and listing them.

These records are the only truth about the status of an import. ``import_updates.py`` writes to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from imports_pipeline.model import ids
from imports_pipeline.model.imports import Batch, Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.schemas.catalog import RESOURCES

Connection = psycopg.Connection[Any]

# An estimate of more records than this is not replaced by their exact number.
_COUNTED: Final = 100_000

_IMPORT = (
    "id, organization_id, resource, options, status, source, created_at, updated_at, name, source_uri, reason,"
    " code, detected, phases, notices, stats, plan, checksum, batch_id, run_id, has_upload_file, has_errors_file,"
    " created_by, reverts, approves, approved_by, written_at, upload_expires_at, upload_limit, via, waited_seconds,"
    " plan_checksum, expected_plan_checksum, corrects, commits, rejected_by, rejection_reason,"
    # The first revert that was written: later ones find the records restored. A dry run writes nothing.
    " (SELECT r.id FROM imports r WHERE r.organization_id = imports.organization_id AND r.reverts = imports.id"
    " AND r.written_at IS NOT NULL ORDER BY r.written_at LIMIT 1) AS reverted_by,"
    # The index imports_approves allows one that has not failed. One whose plan had changed waits for its own approval.
    " (SELECT a.id FROM imports a WHERE a.organization_id = imports.organization_id AND a.approves = imports.id"
    " AND (a.status NOT IN ('failed', 'timed_out', 'expired')"
    "      OR a.code = 'plan_changed' AND a.plan_checksum IS NOT NULL)"
    " ORDER BY a.created_at DESC LIMIT 1) AS approval,"
    # The index imports_commits allows one.
    " (SELECT c.id FROM imports c WHERE c.organization_id = imports.organization_id AND c.commits = imports.id"
    " AND (c.status NOT IN ('failed', 'timed_out', 'expired')"
    "      OR c.code IN ('too_many_deletions', 'unidentified_rows'))) AS commit"
)


class NoSuchImport(LookupError):
    """The organization has no import with this id."""


def create_import(
    connection: Connection,
    *,
    organization_id: str,
    resource: str,
    options: Options,
    source: str,
    source_uri: str | None = None,
    name: str | None = None,
    run_id: str | None = None,
    created_by: str | None = None,
    reverts: str | None = None,
    approves: str | None = None,
    approved_by: str | None = None,
    corrects: str | None = None,
    commits: str | None = None,
    expected_plan_checksum: str | None = None,
    upload_expires_at: datetime | None = None,
    upload_limit: int | None = None,
    via: str = "file",
) -> Import:
    """Record a new import with status ``requested``.

    An import without a source waits for an upload of at most ``upload_limit`` bytes until ``upload_expires_at``. With
    ``via`` "api" the record is a batch of items without an import; its batch record is created at once, with the same
    id.
    """
    import_id = ids.new_id(ids.IMPORT if via == "file" else ids.BATCH)
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"""
            INSERT INTO imports (id, organization_id, name, resource, action, mode, status, location_id, options,
                                 source, source_uri, run_id, created_by, reverts, approves, approved_by,
                                 corrects, commits, expected_plan_checksum, upload_expires_at, upload_limit, via)
            VALUES (%(id)s, %(organization_id)s, %(name)s, %(resource)s, %(action)s, %(mode)s, 'requested',
                    %(location_id)s, %(options)s, %(source)s, %(source_uri)s, %(run_id)s, %(created_by)s, %(reverts)s,
                    %(approves)s, %(approved_by)s, %(corrects)s, %(commits)s, %(expected_plan_checksum)s,
                    %(upload_expires_at)s, %(upload_limit)s, %(via)s)
            RETURNING {_IMPORT}
            """,
            {
                "id": import_id,
                "organization_id": organization_id,
                "name": name,
                "resource": resource,
                "action": options.action,
                "mode": options.mode,
                "location_id": options.location_id,
                "options": Jsonb(options.given()),
                "source": source,
                "source_uri": source_uri,
                "run_id": run_id,
                "created_by": created_by,
                "reverts": reverts,
                "approves": approves,
                "approved_by": approved_by,
                "corrects": corrects,
                "commits": commits,
                "expected_plan_checksum": expected_plan_checksum,
                "upload_expires_at": upload_expires_at,
                "upload_limit": upload_limit,
                "via": via,
            },
        )
        .fetchone()
    )
    assert row is not None
    import_ = _import(row)
    if not import_.is_batch:
        return import_
    create_batch(connection, import_)
    return get_import(connection, import_.id)


def get_import(connection: Connection, import_id: str, organization_id: str | None = None) -> Import:
    """Return an import by its id; with ``organization_id`` only if it belongs to that. Raises ``NoSuchImport``."""
    where = "WHERE id = %(id)s AND (%(organization)s::text IS NULL OR organization_id = %(organization)s)"
    rows = _imports(connection, where, {"id": import_id, "organization": organization_id})
    if not rows:
        raise NoSuchImport(
            f"There is no import {import_id}; `imports-pipeline list` shows the existing ones."
        )
    return rows[0]


def seen_plan(connection: Connection, import_: Import) -> Import:
    """Return the import whose plan a person has seen before ``import_`` was committed or approved."""
    of = get_import(connection, import_.commits or import_.approves or "", import_.organization_id)
    return plan_of(connection, of, import_.expected_plan_checksum or "", but=import_.id) or of


def plan_of(connection: Connection, of: Import, plan_checksum: str, *, but: str = "") -> Import | None:
    """Return the import that has a plan with this checksum: ``of``, or an import that commits it; or ``None``.

    The import ``but`` is left out.
    """
    if of.plan_checksum == plan_checksum:
        return of
    found = _imports(
        connection,
        "WHERE organization_id = %s AND commits = %s AND plan_checksum = %s AND id <> %s LIMIT 1",
        (of.organization_id, of.id, plan_checksum, but),
    )
    return found[0] if found else None


def count_corrections(connection: Connection, of: Import) -> int:
    """Count the dry runs with corrections of an import that have ended."""
    row = connection.execute(
        "SELECT count(*) FROM imports WHERE organization_id = %s AND corrects = %s"
        " AND status NOT IN ('requested', 'queued', 'processing')",
        (of.organization_id, of.id),
    ).fetchone()
    return int(row[0]) if row else 0


def get_imports(connection: Connection, organization_id: str, import_ids: Sequence[str]) -> list[Import]:
    """Return the imports with these ids that belong to the organization, in the order of the ids."""
    found = _imports(
        connection, "WHERE organization_id = %s AND id = ANY(%s)", (organization_id, list(import_ids))
    )
    return sorted(found, key=lambda import_: import_ids.index(import_.id))


def import_of_batch(connection: Connection, batch_id: str, organization_id: str | None = None) -> Import:
    """Return the import of a batch; a batch that has no import is recorded as one. Raises ``NoSuchImport``."""
    row = connection.execute("SELECT import_id FROM batches WHERE id = %s", (batch_id,)).fetchone()
    if row is None:
        raise NoSuchImport(
            f"There is no batch {batch_id}; `imports-pipeline batches` shows the existing ones."
        )
    return get_import(connection, row[0], organization_id)


def check_revertible(import_: Import, history_days: int) -> None:
    """Raise ``InvalidOption`` if an import cannot be reverted.

    This is so if it has written nothing, is a revert itself, or was written more than ``history_days`` days ago.
    """
    if import_.options.action is Action.REVERT:
        raise InvalidOption(f"{import_.id} is a revert; import the file again instead of taking it back.")
    if import_.status is not Status.COMPLETED or import_.written_at is None:
        dry = ", dry run" if import_.options.dry_run else ""
        raise InvalidOption(f"{import_.id} ({import_.status}{dry}) wrote nothing.")
    if datetime.now(UTC) - import_.written_at > timedelta(days=history_days):
        raise InvalidOption(
            f"{import_.id} was written on {import_.written_at:%Y-%m-%d}; the records' previous values are kept"
            f" for {history_days} days."
        )


def find_import_of_run(connection: Connection, run_ids: Sequence[str]) -> Import | None:
    """Return the import that one of these Dagster runs has registered, or None."""
    rows = _imports(connection, "WHERE run_id = ANY(%s) ORDER BY created_at DESC LIMIT 1", (list(run_ids),))
    return rows[0] if rows else None


def find_open_sync(connection: Connection, organization_id: str, name: str) -> Import | None:
    """Return the import of a scheduled sync that has not ended yet, or None."""
    rows = _imports(
        connection,
        "WHERE organization_id = %s AND source = 'schedule' AND name = %s"
        " AND status IN ('requested', 'queued', 'processing') ORDER BY created_at DESC LIMIT 1",
        (organization_id, name),
    )
    return rows[0] if rows else None


def list_imports(
    connection: Connection, organization_id: str, *, limit: int = 20, filters: Mapping[str, str] | None = None
) -> list[Import]:
    """Return the organization's newest imports; ``filters`` may hold resource, action, mode and status."""
    conditions = ["organization_id = %s", "via = 'file'"]
    values: list[Any] = [organization_id]
    for column, value in (filters or {}).items():
        if column not in ("resource", "action", "mode", "status"):
            raise ValueError(f"imports cannot be filtered by {column!r}")
        conditions.append(f"{column} = %s")
        values.append(value)
    where = f"WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, id DESC LIMIT %s"
    return _imports(connection, where, (*values, limit))


def create_batch(connection: Connection, import_: Import) -> Batch:
    """Create the batch of an import with status ``requested``, or return the batch that it has."""
    connection.execute(
        """
        INSERT INTO batches (id, organization_id, import_id, resource, action, mode, via, status, location_id,
                             created_by)
        SELECT %(id)s, organization_id, id, resource, action, mode, via, 'requested', location_id, created_by
        FROM imports WHERE id = %(import_id)s
        ON CONFLICT (import_id) DO NOTHING
        """,
        {"id": import_.id if import_.is_batch else ids.new_id(ids.BATCH), "import_id": import_.id},
    )
    connection.execute(
        "UPDATE imports i SET batch_id = b.id FROM batches b WHERE b.import_id = i.id AND i.id = %s",
        (import_.id,),
    )
    return get_batch_of(connection, import_.id)


def get_batch_of(connection: Connection, import_id: str) -> Batch:
    """Return the batch of an import. Raises ``NoSuchImport`` if it has no batch, or none yet."""
    row = (
        connection.cursor(row_factory=dict_row)
        .execute(
            "SELECT b.id, b.organization_id, b.import_id, b.resource, i.options, b.status, b.plan, b.staged,"
            " b.generations, i.via, coalesce((i.detected ->> 'remembered')::bigint, 0) AS remembered"
            " FROM batches b JOIN imports i ON i.id = b.import_id WHERE b.import_id = %s",
            (import_id,),
        )
        .fetchone()
    )
    if row is None:
        raise NoSuchImport(f"The import {import_id} has no batch yet: it was never validated.")
    row["options"] = Options.of(row["options"])
    row["status"] = Status(row["status"])
    return Batch(**row, folder=f"imports/{import_id}", author=import_id)


def open_imports(connection: Connection, quiet_for: timedelta, after: str, limit: int) -> list[Import]:
    """Return open imports that have not changed for ``quiet_for``, ordered by id, with ids after ``after``."""
    where = (
        "WHERE status IN ('requested', 'queued', 'processing') AND updated_at < now() - %s::interval AND id > %s"
        " ORDER BY id LIMIT %s"
    )
    return _imports(connection, where, (quiet_for, after, limit))


def expired_uploads(connection: Connection, limit: int) -> list[str]:
    """Return the ids of imports that wait for an upload whose URL has expired."""
    rows = connection.execute(
        "SELECT id FROM imports WHERE status = 'requested' AND upload_expires_at < now() AND NOT has_upload_file"
        " ORDER BY created_at LIMIT %s",
        (limit,),
    )
    return [import_id for (import_id,) in rows]


def _imports(connection: Connection, where: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Import]:
    cursor = connection.cursor(row_factory=dict_row)
    return [
        _import(row) for row in cursor.execute(f"SELECT {_IMPORT} FROM imports {where}", values).fetchall()
    ]


def _import(row: dict[str, Any]) -> Import:
    return Import(
        **{
            **row,
            "options": Options.of(row["options"]),
            "status": Status(row["status"]),
            "phases": tuple(row["phases"]),
            "notices": tuple(row["notices"]),
        }
    )


def count_records(connection: Connection, resource: str) -> int:
    """Count the stored records of a resource in all organizations, or estimate the number if it is large.

    To count ten million rows takes a second, and an import of ten rows must not wait for it. The estimate is that of
    PostgreSQL's statistics of the current tables.
    """
    table = RESOURCES[resource].table
    row = connection.execute(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class WHERE oid = %s::regclass"
        " OR oid IN (SELECT relation FROM records.editions WHERE resource = %s AND retired_at IS NULL)",
        (f"records.{table}", resource),
    ).fetchone()
    estimate = int(row[0]) if row else 0
    if estimate > _COUNTED:
        return estimate
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
