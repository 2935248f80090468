"""Run tags: the index of imports on the Runs page, and how a run knows its import."""

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
#: Which way it came in: `ui`, `cli`, `bucket` and so on.
SOURCE: Final = "imports/source"
#: As of now; when the import ends, on all of its runs.
STATUS: Final = "imports/status"
ORGANIZATION: Final = "imports/organization"
#: Dagster's own: the seconds after which a run is ended, whether a failed one is tried again, what goes first.
MAX_RUNTIME: Final = "dagster/max_runtime"
WILL_RETRY: Final = "dagster/will_retry"
PRIORITY: Final = "dagster/priority"
#: Is "0" on runs in the process of a command or of the HTTP API, which Dagster's daemon cannot launch again.
MAX_RETRIES: Final = "dagster/max_retries"
#: The name of the scheduled sync that launched a run.
SYNC: Final = "imports/sync"
#: On runs that only write; one at a time for each value.
WRITE_LOCK: Final = "imports/write_lock"
#: The process that executes the run, where it is one of this machine (``run_process.py``).
PROCESS: Final = "imports/process"

# Seconds in which a run that overran ends itself, and says where its rows stand.
_GRACE: Final = 15
# How long to wait for Dagster's note whether it tries a run again; there is none where retries are off.
_NOTED_SECONDS: Final = 5.0


def of(import_: Import) -> dict[str, str]:
    """Return the tags that every run of an import carries."""
    return {
        IMPORT_ID: import_.id,
        ORGANIZATION: import_.organization_id,
        RESOURCE: import_.resource,
        ACTION: import_.options.action.value,
        MODE: import_.options.mode.value,
        SOURCE: import_.source,
        STATUS: import_.status.value,
        # The net behind the import's own timeout: for a process that hangs where no statement can time out.
        MAX_RUNTIME: str(import_.options.timeout + _GRACE),
        # What somebody waits for goes before what a schedule made.
        PRIORITY: "0" if import_.source == "schedule" else "10",
    }


def show_status(instance: dg.DagsterInstance, import_: Import) -> None:
    """Write the import's status onto all of its runs: the first of two would say `queued` for ever."""
    status = import_.status.value
    for run in instance.get_runs(dg.RunsFilter(tags={IMPORT_ID: import_.id})):
        if run.tags.get(STATUS) != status:
            instance.add_run_tags(run.run_id, {STATUS: status})


def of_write(import_: Import) -> dict[str, str]:
    """Return the tags of a run that writes a queued batch."""
    return {**of(import_), WRITE_LOCK: f"{import_.organization_id}/{import_.resource}"}


def overran(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether a run took longer than its ``dagster/max_runtime``; Dagster has no status for that."""
    most = run.tags.get(MAX_RUNTIME)
    record = instance.get_run_record_by_id(run.run_id)
    if most is None or record is None or record.start_time is None:
        return False
    return (record.end_time or datetime.now(UTC).timestamp()) - record.start_time > float(most)


def will_retry(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether Dagster tries a failed run again.

    It notes that on the run just after it has noted the failure, so whoever hears of the failure may be too early.
    """
    end = time.monotonic() + _NOTED_SECONDS
    while True:
        run = instance.get_run_by_id(run_id)
        noted = None if run is None else run.tags.get(WILL_RETRY)
        if noted is not None or time.monotonic() > end:
            return noted == "true"
        time.sleep(0.2)
