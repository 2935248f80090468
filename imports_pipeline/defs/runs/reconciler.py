"""Ends what all other parts missed: runs whose process has died, imports whose runs have ended, missing uploads.

Normally a run ends its import itself. If it cannot, the run-status sensors do. If both fail, for example because all
processes were killed at once or a sensor was off, the reconciler finds the import from the stored records alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from imports_pipeline.database import active_imports
from imports_pipeline.defs.jobs import only_writes
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline.sources import upload_urls
from imports_pipeline.workflow.import_workflow import ImportWorkflow

_UNDER_WAY: Final = (
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
# A process opens its import some seconds after Dagster has set the status of its run to STARTED.
_STARTING: Final = timedelta(seconds=20)
# An import that has not changed for this time is checked.
_QUIET: Final = timedelta(seconds=30)
# A registered import gets its run at once. After this time no process will launch it any more.
_NEVER_LAUNCHED: Final = timedelta(minutes=15)
# The daemon launches a retry within seconds. After this time it will not launch it any more.
_RETRIED: Final = timedelta(minutes=5)
_A_TICK: Final = 100


@dataclass
class Findings:
    """The results of one check. ``suspects`` are runs to check again; the next check begins after the id ``after``."""

    suspects: list[str] = field(default_factory=list)
    after: str = ""
    dead_runs: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """Return a line with the counts."""
        done = [
            f"{len(found)} {what}"
            for found, what in (
                (self.dead_runs, "runs without a process marked failed"),
                (self.ended, "imports ended"),
                (self.expired, "imports expired"),
            )
            if found
        ]
        return "; ".join(done) if done else "There was nothing to end."


def reconcile(
    workflow: ImportWorkflow,
    instance: dg.DagsterInstance,
    job_names: Collection[str],
    suspects: Sequence[str] = (),
    after: str = "",
) -> Findings:
    """Check runs and imports once, and end those that nothing will continue.

    One check covers a limited number of open imports, beginning after the id ``after``.

    Args:
        suspects: the ids of runs whose imports had no connection in the last check.
        after: the ``after`` of the last check.
    """
    found = Findings()
    _runs(workflow, instance, job_names, set(suspects), found)
    with workflow.database.connect() as connection:
        expired = import_records.expired_uploads(connection, _A_TICK)
        quiet = import_records.open_imports(connection, _QUIET, after, _A_TICK)
    found.after = quiet[-1].id if len(quiet) == _A_TICK else ""
    for import_id in expired:
        with workflow.database.connect() as connection:
            import_ = import_records.get_import(connection, import_id)
            try:
                if upload_urls.recover(connection, workflow.store, import_):
                    continue
            except PermanentFailure as failure:
                workflow.finalization.fail(import_id, failure.code, failure.reason)
                continue
            except OSError:
                # The file store does not respond. The next check looks for the file again.
                continue
        reason = "No file was uploaded before the upload URL expired; request the import again."
        if workflow.finalization.fail(import_id, "upload_expired", reason, Status.EXPIRED):
            found.expired.append(import_id)
    for import_ in quiet:
        why = _reason_to_end(instance, import_)
        if why and workflow.finalization.fail(import_.id, "fault", why):
            found.ended.append(import_.id)
            tags.show_status(instance, workflow.get(import_.id))
    return found


def _runs(
    workflow: ImportWorkflow,
    instance: dg.DagsterInstance,
    job_names: Collection[str],
    suspects: set[str],
    found: Findings,
) -> None:
    """End the runs whose imports had no connection in this check and the last one. One may be between two phases."""
    started_before = datetime.now(UTC) - _STARTING
    records = [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY), limit=1000)
        if record.dagster_run.job_name in job_names
        and record.start_time is not None
        and record.start_time < started_before.timestamp()
    ]
    runs = [record.dagster_run for record in records]
    with workflow.database.connect() as connection:
        alive = active_imports.find_active(connection, [run.tags.get(tags.IMPORT_ID, "") for run in runs])
    for run in runs:
        if run.tags.get(tags.IMPORT_ID) in alive:
            continue
        if run.run_id not in suspects:
            found.suspects.append(run.run_id)
            continue
        # Dagster retries the run like any run whose process has crashed.
        message = "The process of this run has died."
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message)
        else:
            instance.report_run_failed(run, message)
        found.dead_runs.append(run.run_id)


def _reason_to_end(instance: dg.DagsterInstance, import_: Import) -> str | None:
    """Return why no process will continue this import, or None if one may."""
    now = datetime.now(UTC)
    runs = [
        record
        for record in instance.get_run_records(dg.RunsFilter(tags={tags.IMPORT_ID: import_.id}))
        if record.dagster_run.tags.get(tags.IMPORT_ID) == import_.id
    ]
    if any(not record.dagster_run.is_finished for record in runs):
        return None
    if not runs:
        # The run of a dropped file is requested again until it begins (registry/dropped_files.py).
        waits = (
            import_.status is Status.QUEUED
            or import_.upload_expires_at is not None
            or import_.source == "bucket"
        )
        if waits or now - import_.created_at < _NEVER_LAUNCHED:
            return None
        return "No run of this import was ever launched; import again."
    last = max(runs, key=lambda record: record.create_timestamp)
    ended = datetime.fromtimestamp(last.end_time or now.timestamp(), UTC)
    if last.dagster_run.tags.get(tags.WILL_RETRY) == "true" and now - ended < _RETRIED:
        return None
    if now - ended < _QUIET:
        return None
    if import_.status is Status.QUEUED and not any(only_writes(record.dagster_run) for record in runs):
        # The import is validated and its run has ended as expected. The queue continues it.
        return None
    return (
        f"The run {last.dagster_run.run_id} ended without ending its import; see its log, then import again."
    )
