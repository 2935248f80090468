"""Removes old records of Dagster: events of runs after some weeks, and whole runs after a year.

Dagster keeps the records of runs for ever. They would be most of the database after a year, and make its pages slow.
Dagster's own way to delete a run leaves its check results behind, and would take hours for 100,000 runs. Therefore this
module deletes by SQL, in the one version of Dagster's schema that it was written for, and refuses any other.

Each batch of runs is one short transaction, so a call can be interrupted at any point, and the next one continues.
These runs keep all their records: runs that have not ended, or whose import has not; the run of the last
materialization of an asset and of the last result of each check; and a run that a run under way repeats.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import partial
from typing import Any, Final

import psycopg

from imports_pipeline.model.statuses import FINAL
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.housekeeping import OUT_OF_TIME

Connection = psycopg.Connection[Any]

#: The version of Dagster's schema whose tables these statements know: the newest Alembic revision of Dagster 1.13.
SCHEMA_VERSION: Final = "29b539ebc72a"
# Runs in one transaction. One run has some 40 events and 80 KB.
_BATCH: Final = 200
_ENDED: Final = ["SUCCESS", "FAILURE", "CANCELED"]
_FINAL: Final = [status.value for status in FINAL]
# Events that stay until the run is deleted: the pages of assets read them, and failures are worth keeping. The pages
# of checks read the table of check results, and the list of runs reads the table of runs.
KEPT_EVENTS: Final = (
    "ASSET_MATERIALIZATION",
    "ASSET_OBSERVATION",
    "ASSET_FAILED_TO_MATERIALIZE",
    "STEP_FAILURE",
    "PIPELINE_FAILURE",
    "PIPELINE_CANCELED",
)
_PARENT: Final = re.compile(rb'"parent_snapshot_id": "([0-9a-f]+)"')


@dataclass
class Retained:
    """The counts of removed records, and what to say about them."""

    #: runs with everything that belongs to them
    runs: int = 0
    #: events of runs that stay, and of these runs
    events: int = 0
    #: results of checks
    checks: int = 0
    #: snapshots of jobs that no run refers to
    snapshots: int = 0
    #: what a person should know, such as why nothing was removed
    notes: list[str] = field(default_factory=list)

    def sentence(self, *, dry_run: bool = False) -> str:
        """Return a sentence with the counts."""
        counts = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "notes"}
        shown = ", ".join(f"{name}: {count:,}" for name, count in counts.items() if count)
        verb = "Would remove" if dry_run else "Removed"
        done = f"{verb} of Dagster's records {shown}." if shown else "No record of Dagster is due."
        return " ".join([done, *self.notes])


@dataclass(frozen=True)
class _Run:
    id: int
    run_id: str
    due: bool


@dataclass(frozen=True)
class DagsterRetention:
    """The retention of one call.

    Attributes:
        connection: a connection in autocommit mode
        delete_logs: removes the captured output of a run by its id
        dry_run: only count, and remove nothing; snapshots are not counted
        batch: the number of runs in one transaction
        clock: returns monotonic seconds
        sleep: waits for some seconds
    """

    connection: Connection
    settings: Settings
    delete_logs: Callable[[str], None]
    dry_run: bool = False
    batch: int = _BATCH
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def remove(self) -> Retained:
        """Remove what is due, for at most ``IMPORTS_RETENTION_SECONDS``, and return what was removed."""
        result = Retained()
        refusal = self._refusal()
        if refusal is not None:
            result.notes.append(refusal)
            return result
        deadline = self.clock() + self.settings.retention_seconds
        checks = self.connection.execute(
            "SELECT DISTINCT asset_key, check_name FROM dagster.asset_check_executions"
        ).fetchall()
        protected = self._protected(checks)
        after = self._position()
        finished = True
        if self.settings.run_days:
            for runs in self._batches(protected, self.settings.run_days, 0):
                after = max(after, runs[-1].id)
                remove = partial(self._remove_runs, checks=checks, result=result)
                finished = self._work(remove, runs, deadline)
                if not finished:
                    break
            if finished and result.runs and not self.dry_run:
                result.snapshots = self._remove_snapshots()
        if self.settings.run_event_days and finished:
            for runs in self._batches(protected, self.settings.run_event_days, after):
                remove = partial(self._remove_events, position=runs[-1].id, result=result)
                finished = self._work(remove, runs, deadline)
                if not finished:
                    break
        if not finished:
            result.notes.append(OUT_OF_TIME)
        return result

    def _work(self, remove: Callable[[list[str]], None], runs: list[_Run], deadline: float) -> bool:
        """Remove the records of the due runs. Return False if the time is used up."""
        begun = self.clock()
        due = [run.run_id for run in runs if run.due]
        if not self.dry_run:
            for run_id in due:
                self.delete_logs(run_id)
        remove(due)
        now = self.clock()
        if now > deadline:
            return False
        if not self.dry_run:
            # Imports that run at the same time have the database to themselves for half of the time.
            self.sleep(now - begun)
        return True

    def _refusal(self) -> str | None:
        """Return why nothing may be removed, or None."""
        if not self._one("SELECT to_regclass('dagster.alembic_version') IS NOT NULL"):
            return "Dagster has no tables yet."
        versions = self.connection.execute("SELECT version_num FROM dagster.alembic_version").fetchall()
        if versions == [(SCHEMA_VERSION,)]:
            return None
        found = ", ".join(version for (version,) in versions) or "none"
        return (
            f"Nothing was removed: Dagster's schema has the version {found}, and this version of imports-pipeline knows"
            f" {SCHEMA_VERSION}. Run `imports-pipeline migrate`, or upgrade imports-pipeline."
        )

    def _batches(self, protected: list[str], days: int, after: int) -> Iterator[list[_Run]]:
        """Yield the runs that were created more than ``days`` ago and behind the id ``after``, in the order of ids."""
        while True:
            rows = self.connection.execute(
                """
                WITH old AS (
                    SELECT id, run_id, status, update_timestamp FROM dagster.runs
                    WHERE id > %(after)s AND create_timestamp < timezone('utc', now()) - %(age)s::interval
                    ORDER BY id LIMIT %(batch)s
                )
                SELECT id, run_id,
                       status = ANY(%(ended)s)
                   AND update_timestamp < timezone('utc', now()) - %(age)s::interval
                   AND run_id <> ALL(%(protected)s)
                   AND NOT EXISTS (
                       SELECT FROM imports i WHERE i.run_id = old.run_id AND i.status <> ALL(%(final)s))
                   AND NOT EXISTS (
                       SELECT FROM dagster.run_tags t JOIN imports i ON i.id = t.value
                       WHERE t.run_id = old.run_id AND t.key = 'imports/id' AND i.status <> ALL(%(final)s))
                   AND NOT EXISTS (
                       SELECT FROM dagster.run_tags t JOIN dagster.runs r ON r.run_id = t.run_id
                       WHERE t.key IN ('dagster/parent_run_id', 'dagster/root_run_id') AND t.value = old.run_id
                         AND r.status <> ALL(%(ended)s))
                FROM old ORDER BY id
                """,
                {
                    "after": after,
                    "age": timedelta(days=days),
                    "batch": self.batch,
                    "ended": _ENDED,
                    "final": _FINAL,
                    "protected": protected,
                },
            ).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield [_Run(*row) for row in rows]

    def _remove_runs(self, due: list[str], checks: list[tuple[str, str]], result: Retained) -> None:
        # Dagster's index on the check results begins with the asset and the check.
        keys = [[key for key, _ in checks], [name for _, name in checks]]
        of_checks = (
            "FROM unnest(%s::text[], %s::text[]) c (asset_key, check_name)"
            " JOIN dagster.asset_check_executions e USING (asset_key, check_name) WHERE e.run_id = ANY(%s)"
        )
        if self.dry_run:
            result.runs += len(due)
            result.events += self._one("SELECT count(*) FROM dagster.event_logs WHERE run_id = ANY(%s)", due)
            result.checks += self._one(f"SELECT count(*) {of_checks}", *keys, due)
            return
        with self.connection.transaction():
            self._count(
                "DELETE FROM dagster.asset_event_tags WHERE event_id IN"
                " (SELECT id FROM dagster.event_logs WHERE run_id = ANY(%s) AND asset_key IS NOT NULL)",
                due,
            )
            events = self._count("DELETE FROM dagster.event_logs WHERE run_id = ANY(%s)", due)
            results = self._count(
                f"DELETE FROM dagster.asset_check_executions WHERE id IN (SELECT e.id {of_checks})",
                *keys,
                due,
            )
            # The tags of a run are deleted by a foreign key.
            removed = self._count("DELETE FROM dagster.runs WHERE run_id = ANY(%s)", due)
        result.runs += removed
        result.events += events
        result.checks += results

    def _remove_events(self, due: list[str], position: int, result: Retained) -> None:
        """Remove the events, and record that this is done for the runs up to the id ``position``.

        A run among them that is not due now keeps its events until it is deleted as a whole.
        """
        removable = (
            "FROM dagster.event_logs WHERE run_id = ANY(%s) AND"
            " (dagster_event_type IS NULL OR dagster_event_type <> ALL(%s))"
        )
        if self.dry_run:
            result.events += self._one(f"SELECT count(*) {removable}", due, list(KEPT_EVENTS))
            return
        with self.connection.transaction():
            events = self._count(f"DELETE {removable}", due, list(KEPT_EVENTS))
            self._count(
                "INSERT INTO retention_progress (name, position) VALUES ('run_events', %s)"
                " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                position,
            )
        result.events += events

    def _position(self) -> int:
        """Return the id of the last run whose events have been removed."""
        found = self._one("SELECT max(position) FROM retention_progress WHERE name = 'run_events'")
        return int(found or 0)

    def _protected(self, checks: list[tuple[str, str]]) -> list[str]:
        """Return the runs of the last event of each asset, of each kind, and of the last result of each check."""
        found = self.connection.execute(
            """
            SELECT last_run_id FROM dagster.asset_keys
            UNION
            SELECT e.run_id FROM dagster.asset_keys k
            CROSS JOIN unnest(ARRAY['ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_MATERIALIZATION_PLANNED',
                                    'ASSET_FAILED_TO_MATERIALIZE']) kind
            CROSS JOIN LATERAL (
                SELECT run_id FROM dagster.event_logs
                WHERE asset_key = k.asset_key AND dagster_event_type = kind ORDER BY id DESC LIMIT 1) e
            UNION
            SELECT e.run_id
            FROM unnest(%s::text[], %s::text[]) c (asset_key, check_name)
            CROSS JOIN (VALUES (ARRAY['SUCCEEDED', 'FAILED']), (ARRAY['SUCCEEDED', 'FAILED', 'PLANNED'])) s (statuses)
            CROSS JOIN LATERAL (
                SELECT run_id FROM dagster.asset_check_executions
                WHERE asset_key = c.asset_key AND check_name = c.check_name AND execution_status = ANY(s.statuses)
                ORDER BY id DESC LIMIT 1) e
            """,
            ([key for key, _ in checks], [name for _, name in checks]),
        ).fetchall()
        return [run_id for (run_id,) in found if run_id]

    def _remove_snapshots(self) -> int:
        """Remove the snapshots of jobs and plans that no run refers to, and no snapshot of a run.

        Snapshots that are added meanwhile stay: the run that refers to one is recorded after it.
        """
        newest = self._one("SELECT coalesce(max(id), 0) FROM dagster.snapshots")
        used = {
            snapshot_id
            for row in self.connection.execute(
                'SELECT DISTINCT snapshot_id, substring(run_body FROM \'"execution_plan_snapshot_id": "([0-9a-f]+)"\')'
                " FROM dagster.runs"
            )
            for snapshot_id in row
            if snapshot_id
        }
        bodies = self.connection.execute(
            "SELECT snapshot_body FROM dagster.snapshots WHERE snapshot_id = ANY(%s)", [list(used)]
        )
        for (body,) in bodies:
            used |= {parent.decode() for parent in _PARENT.findall(zlib.decompress(body))}
        return self._count(
            "DELETE FROM dagster.snapshots WHERE snapshot_id <> ALL(%s) AND id <= %s", list(used), newest
        )

    def _one(self, statement: str, *parameters: object) -> Any:
        row = self.connection.execute(statement, parameters).fetchone()
        return row[0] if row else None

    def _count(self, statement: str, *parameters: object) -> int:
        return self.connection.execute(statement, parameters).rowcount
