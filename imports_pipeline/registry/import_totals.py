"""Totals of all imports, for monitoring: how many ended and how, their rows and records, and how long phases took.

The totals come from the import records, so every process that serves them gives the same numbers, and they never go
back. To count all records at each request would take longer each month. A process therefore counts old records once:
it remembers the totals of the imports whose id is older than one to two hours, and which of those had not ended. Each
request adds the newer ones. Ids sort by the time at which they were made, so the primary key finds the newer ones.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import psycopg

from imports_pipeline.model import ids
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.statuses import FINAL, OPEN, Status

Connection = psycopg.Connection[Any]

#: The upper bounds in seconds of the histogram of phases. The last bucket has no bound.
PHASE_SECONDS: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0)
#: The outcomes of records in ``Totals.records``.
OUTCOMES: Final = ("created", "updated", "unchanged", "deleted", "overwritten")
# An import is counted as old when it is older than this. Machines whose clocks differ by less see the same imports.
_OLD_SECONDS: Final = 3600
# The number of organizations whose oldest queued import is given.
_ORGANIZATIONS: Final = 20
_END: Final = "~"

_SET: Final = (
    "((id >= 'imp_' || %(first)s AND id < 'imp_' || %(end)s)"
    " OR (id >= 'btch_' || %(first)s AND id < 'btch_' || %(end)s) OR id = ANY(%(open)s))"
)
_ENDED: Final = f"status IN ({', '.join(map(repr, sorted(one.value for one in FINAL)))})"
_OPEN: Final = f"status IN ({', '.join(map(repr, sorted(one.value for one in OPEN)))})"


@dataclass
class Totals:
    """The totals of imports that have ended; each key is a tuple of labels."""

    #: resource, action, status → imports
    ended: Counter[tuple[str, ...]] = field(default_factory=Counter)
    #: code of the reason → imports that did not complete
    failed: Counter[str] = field(default_factory=Counter)
    #: resource, action → rows of the files, but those of dry runs; a revert has no file
    rows: Counter[tuple[str, ...]] = field(default_factory=Counter)
    #: resource, action → rejected rows, but those of dry runs
    rejected: Counter[tuple[str, ...]] = field(default_factory=Counter)
    #: resource, action, outcome → records
    records: Counter[tuple[str, ...]] = field(default_factory=Counter)
    #: phase, place of its bucket in ``PHASE_SECONDS`` → phases
    phases: Counter[tuple[str, int]] = field(default_factory=Counter)
    #: phase → seconds
    seconds: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Totals) -> Totals:
        """Return the sums."""
        return Totals(*(mine + theirs for mine, theirs in zip(_parts(self), _parts(other), strict=True)))


def _parts(totals: Totals) -> tuple[Any, ...]:
    return tuple(getattr(totals, name) for name in Totals.__dataclass_fields__)


@dataclass(frozen=True)
class Monitored:
    """What is monitored at one moment."""

    totals: Totals
    #: resource, status → imports that have not ended
    open: Mapping[tuple[str, str], int]
    #: organization → seconds since its oldest queued import was queued; the 20 longest
    queued_seconds: Mapping[str, float]


class ImportTotals:
    """Reads the totals. One object serves all requests of a process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Create an object that has counted nothing; ``clock`` returns epoch seconds."""
        self._clock = clock
        self._lock = Lock()
        self._old = Totals()
        self._old_until = 0.0
        self._first = ""
        self._open: list[str] = []

    def read(self, connection: Connection) -> Monitored:
        """Return the totals of all organizations, on a connection that sees all of them."""
        with self._lock, connection.transaction():
            # One snapshot for all statements: an import must not end between them.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if self._clock() - self._old_until > 2 * _OLD_SECONDS:
                self._remember(connection, self._clock() - _OLD_SECONDS)
            totals = self._old + _count(connection, self._values(_END))
            still_open = connection.execute(
                f"SELECT resource, status, count(*) FROM imports WHERE {_OPEN} GROUP BY 1, 2"
            ).fetchall()
            queued = connection.execute(
                "SELECT organization_id, extract(epoch FROM now() - min(updated_at))::float8 AS age FROM imports"
                " WHERE status = 'queued' GROUP BY 1 ORDER BY age DESC LIMIT %s",
                (_ORGANIZATIONS,),
            ).fetchall()
        return Monitored(
            totals,
            {(resource, status): count for resource, status, count in still_open},
            {organization: max(0.0, age) for organization, age in queued},
        )

    def _values(self, end: str) -> dict[str, Any]:
        return {"first": self._first, "end": end, "open": self._open}

    def _remember(self, connection: Connection, until: float) -> None:
        """Add the imports that were made before ``until`` to the old ones."""
        end = ids.lowest_suffix(int(until * 1000))
        values = self._values(end)
        old = self._old + _count(connection, values)
        rows = connection.execute(f"SELECT id FROM imports WHERE {_SET} AND NOT {_ENDED}", values)
        still_open = [import_id for (import_id,) in rows]
        self._old, self._open, self._first, self._old_until = old, still_open, end, until


def _count(connection: Connection, values: Mapping[str, Any]) -> Totals:
    totals = Totals()
    sums = ", ".join(f"coalesce(sum((stats ->> '{name}')::bigint), 0)::bigint" for name in OUTCOMES)
    rows = connection.execute(
        f"""
        SELECT resource, action, status, coalesce(code, 'fault'),
               coalesce((options ->> 'dry_run')::boolean, false), count(*)::bigint,
               coalesce(sum((phases -> 0 ->> 'total')::bigint), 0)::bigint,
               coalesce(sum((stats ->> 'rejected')::bigint), 0)::bigint, {sums}
        FROM imports WHERE {_SET} AND {_ENDED} GROUP BY 1, 2, 3, 4, 5
        """,
        values,
    )
    for resource, action, status, code, dry_run, imports, read, rejected, *counts in rows:
        totals.ended[resource, action, status] += imports
        if status != Status.COMPLETED:
            totals.failed[code] += imports
        if not dry_run:
            if action != Action.REVERT:
                totals.rows[resource, action] += read
                totals.rejected[resource, action] += rejected
            for outcome, count in zip(OUTCOMES, counts, strict=True):
                totals.records[resource, action, outcome] += count
    phases = connection.execute(
        f"""
        SELECT phase, width_bucket(seconds, %(bounds)s::float8[]), count(*)::bigint, sum(seconds)::float8
        FROM (SELECT p ->> 'name' AS phase,
                     greatest(0, (p ->> 'ended_at')::float8 - (p ->> 'started_at')::float8) AS seconds
              FROM imports, jsonb_array_elements(phases) p WHERE {_SET} AND {_ENDED}) AS measured
        GROUP BY 1, 2
        """,
        {**values, "bounds": list(PHASE_SECONDS)},
    )
    for phase, bucket, count, seconds in phases:
        totals.phases[phase, bucket] += count
        totals.seconds[phase] += seconds
    return totals
