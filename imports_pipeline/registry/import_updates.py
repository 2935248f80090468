"""Writes to the records of imports and batches: facts, phase reports and status transitions.

Every change of a status is a compare-and-set on the statuses from which it may be reached, so that exactly one final
status is ever written. Functions take the caller's connection, because the final status is written in the transaction
of the data that it describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypedDict, Unpack

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from imports_pipeline.database import write_order
from imports_pipeline.model.phases import PHASES, Phase, PhaseReport
from imports_pipeline.model.statuses import REACHED_FROM, Status

Connection = psycopg.Connection[Any]


class ImportFacts(TypedDict, total=False):
    """The columns of an import that ``update_import`` may set. Its status has rules of its own: ``transition``."""

    name: str
    run_id: str
    source_uri: str
    checksum: str
    detected: dict[str, Any]
    # Prevalidation adds what is known about the file to what the caller gave.
    options: dict[str, Any]
    plan: dict[str, int]
    plan_checksum: str
    rejected_by: str
    rejection_reason: str
    has_upload_file: bool
    has_errors_file: bool


class BatchFacts(TypedDict, total=False):
    """The columns of a batch that ``update_batch`` may set."""

    plan: dict[str, int]
    staged: dict[str, int]
    generations: dict[str, int]


def update_import(connection: Connection, import_id: str, **values: Unpack[ImportFacts]) -> None:
    """Set columns of an import. Columns that are not named keep their values.

    >>> update_import(connection, import_.id, checksum=checksum, has_upload_file=True)  # doctest: +SKIP
    """
    _update(connection, "imports", import_id, dict(values))


def update_batch(connection: Connection, batch_id: str, **values: Unpack[BatchFacts]) -> None:
    """Set columns of a batch. Columns that are not named keep their values."""
    _update(connection, "batches", batch_id, dict(values))


def _update(connection: Connection, table: str, record_id: str, values: Mapping[str, Any]) -> None:
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in values
    )
    encoded = {column: Jsonb(value) if isinstance(value, dict) else value for column, value in values.items()}
    connection.execute(
        sql.SQL("UPDATE {} SET {}, updated_at = now() WHERE id = %(record_id)s").format(
            sql.Identifier(table), assignments
        ),
        {**encoded, "record_id": record_id},
    )


def record_phase(connection: Connection, import_id: str, report: PhaseReport) -> None:
    """Write the report and the notices of a phase to the import.

    The report of a phase that runs again replaces its previous one, and removes the reports of later phases. The
    notices are replaced in the same way.
    """
    connection.execute(
        """
        UPDATE imports
        SET phases = (
            SELECT coalesce(jsonb_agg(entry ORDER BY position), '[]')
            FROM jsonb_array_elements(phases) WITH ORDINALITY AS p(entry, position)
            WHERE position < coalesce(
                (SELECT min(q.position) FROM jsonb_array_elements(phases) WITH ORDINALITY AS q(entry, position)
                 WHERE q.entry ->> 'name' = %(name)s), 1000)
        ) || %(report)s, updated_at = now()
        WHERE id = %(import_id)s
        """,
        {"name": report.name, "report": Jsonb([report.as_dict()]), "import_id": import_id},
    )
    _record_notices(connection, import_id, report)


def _record_notices(connection: Connection, import_id: str, report: PhaseReport) -> None:
    """Write the notices of a phase after those of earlier phases, and remove the notices of later phases."""
    connection.execute(
        """
        UPDATE imports
        SET notices = (
            SELECT coalesce(jsonb_agg(entry ORDER BY position), '[]')
            FROM jsonb_array_elements(notices) WITH ORDINALITY AS n(entry, position)
            WHERE entry ->> 'phase' = ANY(%(before)s)
        ) || %(notices)s
        WHERE id = %(id)s AND (notices <> '[]' OR %(notices)s <> '[]')
        """,
        {
            "before": list(PHASES[: PHASES.index(Phase(report.name))]),
            "notices": Jsonb([{"phase": report.name, **one.as_dict()} for one in report.notices]),
            "id": import_id,
        },
    )


def transition(
    connection: Connection,
    import_id: str,
    status: Status,
    *,
    reason: str | None = None,
    code: str | None = None,
    stats: Mapping[str, int] | None = None,
    claim: timedelta | None = None,
    written: bool = False,
) -> bool:
    """Change the status of an import and its batch if their current status allows it; return True if it changed.

    An import that becomes ``queued`` is accepted: it gets its place in the order of writes (``write_order.py``).

    Args:
        status: the new status; ``REACHED_FROM`` lists the statuses from which it may be reached.
        reason: one sentence that says why the import ended and what to do.
        code: the error code of a failed import.
        stats: the counts of the result; None keeps those that are stored.
        claim: how long the sensor leaves the queued batch to the caller, who writes it in this process.
        written: True if this transaction wrote records; their ``updated_at`` is the time of this transaction.
    """
    values = {
        "status": status.value,
        "from": [s.value for s in REACHED_FROM[status]],
        "reason": reason,
        "code": code,
        "stats": None if stats is None else Jsonb(dict(stats)),
        "import_id": import_id,
        "claim": claim,
        "written": written,
    }
    assignments = (
        "status = %(status)s, reason = %(reason)s, code = %(code)s, stats = coalesce(%(stats)s, stats),"
        " updated_at = now()"
    )
    # Both in one transaction: the sensor reads only batches, so an import whose batch is not queued would wait forever.
    with connection.transaction():
        went = connection.execute(
            f"UPDATE imports SET {assignments}, written_at = CASE WHEN %(written)s THEN now() END"
            " WHERE id = %(import_id)s AND status = ANY(%(from)s)",
            values,
        )
        if went.rowcount != 1:
            return False
        connection.execute(
            f"UPDATE batches SET {assignments}, claimed_until = now() + %(claim)s::interval"
            " WHERE import_id = %(import_id)s AND status = ANY(%(from)s)",
            values,
        )
        if status is Status.QUEUED:
            write_order.accept(connection, import_id)
    return True


def add_waited(connection: Connection, import_id: str, seconds: float) -> None:
    """Add time that was spent on an import and is not part of any phase report."""
    connection.execute(
        "UPDATE imports SET waited_seconds = waited_seconds + %s WHERE id = %s", (seconds, import_id)
    )
