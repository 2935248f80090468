"""The run tags: those that the Runs page shows, and hidden ones, by which a run finds its import."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from imports_pipeline.model.import_names import name_of_file
from imports_pipeline.model.imports import Import

#: The tags that the Runs page shows, and by which a person filters it. Their names are short, because the page shows a
#: tag of more than 30 characters on a line of its own, and then fewer runs.
FILE: Final = "file"
ORG: Final = "org"
#: The number of rejected rows, if there are any.
REJECTED: Final = "rejected"
#: The status of the import. It is set when a run begins, and on all runs of an import when the import ends.
STATUS: Final = "status"

# Dagster never shows tags that begin with `.dagster/`.
_HIDDEN: Final = ".dagster/imports_"
IMPORT_ID: Final = f"{_HIDDEN}id"
#: Dagster's queue executes some runs at a time for each value.
ORGANIZATION: Final = f"{_HIDDEN}organization"
#: `large` or `small` (``size_tags.py``).
SIZE: Final = f"{_HIDDEN}size"
#: The name of the scheduled sync that launched a run.
SYNC: Final = f"{_HIDDEN}sync"
#: The asset of the sync or upload folder that the import belongs to, such as `syncs/nightly`.
ARRIVAL: Final = f"{_HIDDEN}arrival"
#: On runs that only write. Dagster's queue executes one run at a time for each value.
WRITE_LOCK: Final = f"{_HIDDEN}write_lock"
#: The process that executes the run, if our launcher started it (``run_process.py``).
PROCESS: Final = f"{_HIDDEN}process"
#: On runs in the process of a command or of the HTTP API, which has told its caller the result.
IN_PROCESS: Final = f"{_HIDDEN}in_process"

#: Tags of Dagster: the maximum seconds of a run, whether a failed run is retried, and the priority in the queue.
MAX_RUNTIME: Final = "dagster/max_runtime"
WILL_RETRY: Final = "dagster/will_retry"
PRIORITY: Final = "dagster/priority"
#: "0" on runs in the process of a command or of the HTTP API, which Dagster's daemon cannot retry.
MAX_RETRIES: Final = "dagster/max_retries"

# Extra seconds for a run that has timed out, in which it ends itself and records the reason.
_GRACE: Final = 15
# Seconds to wait for Dagster's tag that says whether it retries a run. There is no tag if retries are off.
_NOTED_SECONDS: Final = 5.0


def of(import_: Import) -> dict[str, str]:
    """Return the tags of every run of an import."""
    return {
        FILE: file_of(import_),
        ORG: import_.organization_id,
        STATUS: import_.status.value,
        IMPORT_ID: import_.id,
        ORGANIZATION: import_.organization_id,
        # In addition to the import's own timeout, for a process that hangs outside of a database statement.
        MAX_RUNTIME: str(import_.options.timeout + _GRACE),
        # Imports that a person waits for go before those of schedules.
        PRIORITY: "0" if import_.source == "schedule" else "10",
    }


def file_of(import_: Import) -> str:
    """Return the name of an import's file, or what stands for it: the name of the import, or what it reverts."""
    if import_.reverts:
        return f"revert of {import_.reverts}"
    return name_of_file(import_.source_uri) or import_.name or import_.id


def show_status(instance: dg.DagsterInstance, import_: Import) -> None:
    """Set the tags of the result on all runs of an import. The first of two runs would stay `queued` forever."""
    rejected = import_.stats.get("rejected", 0) if import_.has_ended else 0
    shown = {STATUS: import_.status.value, **({REJECTED: f"{rejected:,}"} if rejected else {})}
    for run in instance.get_runs(dg.RunsFilter(tags={IMPORT_ID: import_.id})):
        # A run that repeats another has the tags of that run, and Dagster can change a tag, but not remove it.
        wanted = {REJECTED: "0", **shown} if REJECTED in run.tags else shown
        if wanted.items() - run.tags.items():
            instance.add_run_tags(run.run_id, wanted)


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
