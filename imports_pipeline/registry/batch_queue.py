"""The queue of batches: which one is handed to Dagster next.

Those of one organization and resource go in the order they were accepted; between them everyone takes turns, so
that a thousand imports of one organization do not hold up the first of another. What somebody waits for goes
before what a schedule made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import psycopg

# Handed over and still queued after so long: perhaps the daemon died before it launched the run.
_AGAIN: Final = timedelta(minutes=2)
# How many of one organization and resource wait in Dagster's queue: what is written between two ticks.
_AHEAD: Final = 10


def hand_over(connection: psycopg.Connection[Any], limit: int) -> list[str]:
    """Return the ids of the imports whose batches are to get their runs, in order, and note that they were given.

    Of one organization and resource, of which one is written at a time, no more than a few are under way to their
    runs: what waits in Dagster's queue is past taking turns. A batch is given again when it is still queued after
    a while; whoever launches runs must know those it launched already. Behind a batch that somebody processes
    himself, those of its resource wait.
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
