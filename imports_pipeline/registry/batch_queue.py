"""The queue of batches: which batch gets its Dagster run next.

Batches of one organization and resource are written in the order in which they were accepted. The organizations and
resources take turns, so that a thousand imports of one organization do not delay the first import of another. Imports
that a person waits for come before imports of schedules.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import psycopg

# Request the run again if its batch is still queued after this time; the daemon may have died before launching it.
_AGAIN: Final = timedelta(minutes=2)
# The number of batches of one organization and resource that may wait in Dagster's queue. About so many are written
# between two ticks of the sensor.
_AHEAD: Final = 10


def hand_over(connection: psycopg.Connection[Any], limit: int) -> list[str]:
    """Return the ids of the imports whose batches get their runs now, in order, and record that they were returned.

    One organization and resource has only a few batches in Dagster's queue at a time, because batches in that queue
    no longer take turns. A batch that is still queued after a while is returned again, so the caller must recognise
    runs that it has already launched (by the run key). While a process writes a batch itself (``claimed_until``), the
    other batches of its organization and resource wait.
    """
    rows = connection.execute(
        """
        WITH waiting AS (
            SELECT b.id, b.import_id, b.created_at, b.status, b.launched_at, i.source = 'schedule' AS scheduled,
                   row_number() OVER turn AS place,
                   coalesce(bool_or(b.claimed_until >= now()) OVER turn, false) AS claimed
            FROM batches b JOIN imports i ON i.id = b.import_id
            WHERE b.status IN ('queued', 'processing')
            WINDOW turn AS (
                PARTITION BY b.organization_id, b.resource ORDER BY i.accepted, b.created_at, b.id)
        ),
        given AS (
            SELECT *, row_number() OVER (
                       ORDER BY launched_at IS NOT NULL, scheduled, place, created_at, id) AS position
            FROM waiting
            WHERE status = 'queued' AND place <= %(ahead)s AND NOT claimed
              AND coalesce(launched_at < now() - %(again)s::interval, true)
            ORDER BY position LIMIT %(limit)s
        ),
        noted AS (UPDATE batches b SET launched_at = now() FROM given g WHERE b.id = g.id)
        SELECT import_id FROM given ORDER BY position
        """,
        {"again": _AGAIN, "ahead": _AHEAD, "limit": limit},
    )
    return [import_id for (import_id,) in rows]
