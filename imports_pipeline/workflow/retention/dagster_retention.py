"""Removes old records of Dagster: events of runs after two weeks, and whole runs after a year.

Dagster keeps the records of runs for ever. They would be most of the database after a year, and make its pages slow.

Each batch of runs is one short transaction, so a call can be interrupted at any point, and the next one continues.
These runs keep all their records: runs that have not ended, or whose import has not; the run of the last
materialization of an asset and of the last result of each check; and a run that a run under way repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Final

import psycopg

from imports_pipeline.database import dagster_bloat
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.housekeeping import OUT_OF_TIME
from imports_pipeline.workflow.retention import dagster_records
from imports_pipeline.workflow.retention.dagster_records import Run

Connection = psycopg.Connection[Any]

# Runs in one transaction. One run has some 40 events and 50 KB.
_BATCH: Final = 100
# While imports are under way they have the database to themselves for this many times as long as a batch took.
_PAUSE: Final = 4
# Indexes are rebuilt when so many events were removed, and so large a share of those that are left. That is every few
# weeks.
_REBUILT: Final = ("event_logs", "run_tags", "asset_check_executions")
_REBUILD_AFTER: Final = 10_000
_REBUILD_SHARE: Final = 0.25


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
class DagsterRetention:
    """The retention of one call.

    Attributes:
        connection: a connection in autocommit mode
        delete_logs: removes the captured output of a run by its id
        dry_run: only count, and remove nothing; snapshots are not counted
        batch: the number of runs in one transaction
        rebuild_after: the number of removed events after which indexes are rebuilt
        clock: returns monotonic seconds
        sleep: waits for some seconds
    """

    connection: Connection
    settings: Settings
    delete_logs: Callable[[str], None]
    dry_run: bool = False
    batch: int = _BATCH
    rebuild_after: int = _REBUILD_AFTER
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def remove(self) -> Retained:
        """Remove what is due, for at most ``IMPORTS_RETENTION_SECONDS``, and return what was removed."""
        result = Retained()
        refusal = dagster_records.refusal(self.connection)
        if refusal is not None:
            result.notes.append(refusal)
            return result
        # A batch that a crash of the server loses is removed again, so no transaction has to wait for the disk.
        self.connection.execute("SET synchronous_commit = off")
        try:
            self._remove(result)
        finally:
            with suppress(psycopg.OperationalError):
                self.connection.execute("RESET synchronous_commit")
        return result

    def _remove(self, result: Retained) -> None:
        deadline = self.clock() + self.settings.retention_seconds
        checks = dagster_records.checks(self.connection)
        protected = dagster_records.protected(self.connection, checks)
        after = dagster_records.position(self.connection, "run_events")
        finished = True
        batches = partial(dagster_records.batches, self.connection, protected, batch=self.batch)
        if self.settings.run_days:
            for runs in batches(self.settings.run_days, 0):
                after = max(after, runs[-1].id)
                remove = partial(self._remove_runs, checks=checks, result=result)
                finished = self._work(remove, runs, deadline)
                if not finished:
                    break
            if finished and result.runs and not self.dry_run:
                result.snapshots = dagster_records.remove_snapshots(self.connection)
        if self.settings.run_event_days and finished:
            for runs in batches(self.settings.run_event_days, after):
                remove = partial(self._remove_events, position=runs[-1].id, result=result)
                finished = self._work(remove, runs, deadline)
                if not finished:
                    break
        if finished and not self.dry_run:
            finished = self._rebuild_indexes(deadline)
        if not finished:
            result.notes.append(OUT_OF_TIME)

    def _work(self, remove: Callable[[list[str]], None], runs: list[Run], deadline: float) -> bool:
        """Remove the records of the due runs. Return False if the time is used up."""
        due = [run.run_id for run in runs if run.due]
        if not self.dry_run:
            for run_id in due:
                self.delete_logs(run_id)
        # Removing files is most of the time and hardly disturbs imports. The database does.
        begun = self.clock()
        remove(due)
        now = self.clock()
        if now > deadline:
            return False
        if not self.dry_run and self._imports_under_way():
            self.sleep(min(_PAUSE * (now - begun), deadline - now))
        return True

    def _imports_under_way(self) -> bool:
        """Return True if an import is being processed or waits for it, other than for a file at its upload URL."""
        row = self.connection.execute(
            "SELECT EXISTS (SELECT FROM imports WHERE status IN ('requested', 'queued', 'processing')"
            " AND (upload_expires_at IS NULL OR has_upload_file))"
        ).fetchone()
        return row == (True,)

    def _remove_runs(self, due: list[str], checks: list[dagster_records.Check], result: Retained) -> None:
        remove = dagster_records.count_runs if self.dry_run else dagster_records.remove_runs
        removed = remove(self.connection, due, checks)
        result.runs += removed.runs
        result.events += removed.events
        result.checks += removed.checks

    def _remove_events(self, due: list[str], position: int, result: Retained) -> None:
        if self.dry_run:
            result.events += dagster_records.count_events(self.connection, due)
        else:
            result.events += dagster_records.remove_events(self.connection, due, position)

    def _rebuild_indexes(self, deadline: float) -> bool:
        """Build the indexes of the large tables again if enough events were removed since the last time.

        Return False if the time is used up. The next call goes on behind the last index that was built.
        """
        removed, built = dagster_records.removed_events(self.connection)
        left = dagster_bloat.rows(self.connection, "event_logs")
        if not built and removed <= max(self.rebuild_after, _REBUILD_SHARE * left):
            return True
        with dagster_bloat.rebuilding(self.connection, _REBUILT) as indexes:
            for name in indexes:
                if name <= built:
                    continue
                if self.clock() > deadline:
                    return False
                if not dagster_bloat.rebuild(self.connection, name):
                    return True
                dagster_records.record_rebuilt(self.connection, name)
            if indexes:
                dagster_records.record_rebuilt(self.connection)
        return True
