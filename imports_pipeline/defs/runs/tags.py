"""The run tags, by which a person filters the Runs page, and by which a run finds its import."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from imports_pipeline.model.imports import Import

IMPORT_ID: Final = "imports/id"
RESOURCE: Final = "imports/resource"
ACTION: Final = "imports/action"
MODE: Final = "imports/mode"
#: The way in of the import: `ui`, `cli`, `bucket` and so on.
SOURCE: Final = "imports/source"
#: The status of the import. It is set when a run begins, and on all runs of an import when the import ends.
STATUS: Final = "imports/status"
ORGANIZATION: Final = "imports/organization"
#: Tags of Dagster: the maximum seconds of a run, whether a failed run is retried, and the priority in the queue.
MAX_RUNTIME: Final = "dagster/max_runtime"
WILL_RETRY: Final = "dagster/will_retry"
PRIORITY: Final = "dagster/priority"
#: "0" on runs in the process of a command or of the HTTP API, which Dagster's daemon cannot retry.
MAX_RETRIES: Final = "dagster/max_retries"
#: The name of the scheduled sync that launched a run.
SYNC: Final = "imports/sync"
#: On runs that only write. Dagster's queue executes one run at a time for each value.
WRITE_LOCK: Final = "imports/write_lock"
#: The process that executes the run, if our launcher started it (``run_process.py``).
PROCESS: Final = "imports/process"

# Extra seconds for a run that has timed out, in which it ends itself and records the reason.
_GRACE: Final = 15
# Seconds to wait for Dagster's tag that says whether it retries a run. There is no tag if retries are off.
_NOTED_SECONDS: Final = 5.0


def of(import_: Import) -> dict[str, str]:
    """Return the tags of every run of an import."""
    return {
        IMPORT_ID: import_.id,
        ORGANIZATION: import_.organization_id,
        RESOURCE: import_.resource,
        ACTION: import_.options.action.value,
        MODE: import_.options.mode.value,
        SOURCE: import_.source,
        STATUS: import_.status.value,
        # In addition to the import's own timeout, for a process that hangs outside of a database statement.
        MAX_RUNTIME: str(import_.options.timeout + _GRACE),
        # Imports that a person waits for go before those of schedules.
        PRIORITY: "0" if import_.source == "schedule" else "10",
    }


def show_status(instance: dg.DagsterInstance, import_: Import) -> None:
    """Set the status tag of all runs of an import. Otherwise the first of two runs would stay `queued` forever."""
    status = import_.status.value
    for run in instance.get_runs(dg.RunsFilter(tags={IMPORT_ID: import_.id})):
        if run.tags.get(STATUS) != status:
            instance.add_run_tags(run.run_id, {STATUS: status})


def of_write(import_: Import) -> dict[str, str]:
    """Return the tags of a run that writes a queued batch."""
    return {**of(import_), WRITE_LOCK: f"{import_.organization_id}/{import_.resource}"}


def overran(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return True if a run took longer than its ``dagster/max_runtime``. Dagster has no status for that."""
    most = run.tags.get(MAX_RUNTIME)
    record = instance.get_run_record_by_id(run.run_id)
    if most is None or record is None or record.start_time is None:
        return False
    return (record.end_time or datetime.now(UTC).timestamp()) - record.start_time > float(most)


def will_retry(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return True if Dagster retries a failed run.

    Dagster sets the tag of the run shortly after it has recorded the failure, so this function waits for the tag.
    """
    end = time.monotonic() + _NOTED_SECONDS
    while True:
        run = instance.get_run_by_id(run_id)
        noted = None if run is None else run.tags.get(WILL_RETRY)
        if noted is not None or time.monotonic() > end:
            return noted == "true"
        time.sleep(0.2)


def show_reverted(instance: dg.DagsterInstance, revert: Import) -> None:
    """Set the status tag of all runs of the import that a revert has undone to `reverted`."""
    for run in instance.get_runs(dg.RunsFilter(tags={IMPORT_ID: revert.reverts or ""})):
        instance.add_run_tags(run.run_id, {STATUS: "reverted"})
