"""The sensors about runs: they launch runs of queued batches and awaited uploads, and end imports whose run has died.

``build_sensors`` makes sensors of the functions below it, because a sensor takes the jobs that it launches or monitors.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.jobs import job_names, only_writes
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import run_errors, run_requests, tags
from imports_pipeline.defs.runs.reconciler import reconcile

# Dagster reads the annotations of sensors as they are, so this module does not postpone their evaluation.
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import batch_queue
from imports_pipeline.sources import upload_urls
from imports_pipeline.workflow.finalization import timed_out

# The number of batches for which one tick requests runs.
_BATCHES_A_TICK: Final = 50
# The number of uploads that one tick takes.
_UPLOADS_A_TICK: Final = 50
# Request the run of an import again if it has not started after this time; the daemon may have died in between.
_OFFER_AGAIN: Final = timedelta(seconds=60)


def build_sensors(jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """Return the sensors for these jobs."""
    always: dict[str, Any] = {"default_status": dg.DefaultSensorStatus.RUNNING}
    return [
        dg.sensor(
            jobs=[job for job in jobs if job.name.startswith("process_")],
            minimum_interval_seconds=5,
            description="Launches the run that writes each queued batch, in order. All resources take turns.",
            **always,
        )(queued_batches),
        dg.sensor(
            jobs=[job for job in jobs if job.name.startswith("import_")],
            minimum_interval_seconds=5,
            description="Launches imports that were requested without data, when a file is put to their upload URL.",
            **always,
        )(awaited_uploads),
        dg.run_failure_sensor(
            monitored_jobs=list(jobs),
            minimum_interval_seconds=5,
            description="Ends the import of a run that died without ending it.",
            **always,
        )(failed_runs),
        dg.run_status_sensor(
            run_status=dg.DagsterRunStatus.CANCELED,
            monitored_jobs=list(jobs),
            minimum_interval_seconds=5,
            description="Ends the import of a run that was canceled before it wrote.",
            **always,
        )(canceled_runs),
        dg.sensor(
            minimum_interval_seconds=10,
            description="Ends what all other parts missed: runs without a process, imports whose runs have ended,"
            " uploads that never arrived.",
            **always,
        )(reconciler),
    ]


def queued_batches(imports: Imports) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Yield the request of the run that writes each queued batch."""
    workflow = imports.workflow()
    # If the file store does not return the sizes of the files, the transaction is rolled back, and the next tick
    # returns the batches again at once instead of after two minutes.
    with workflow.database.connect() as connection, connection.transaction():
        waiting = batch_queue.hand_over(connection, _BATCHES_A_TICK)
        requests = [
            run_requests.write_run(workflow, connection, workflow.get(import_id)) for import_id in waiting
        ]
    yield from requests
    if not waiting:
        yield dg.SkipReason("No batch is queued.")


def awaited_uploads(imports: Imports) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Yield the request of the run of each import whose file has been put to its upload URL."""
    workflow = imports.workflow()
    with workflow.database.connect() as connection:
        refused = upload_urls.take_arrived(connection, workflow.store, _UPLOADS_A_TICK)
    for import_id, failure in refused:
        workflow.finalization.fail(import_id, failure.code, failure.reason)
    with workflow.database.connect() as connection, connection.transaction():
        ready = upload_urls.offer(connection, _UPLOADS_A_TICK, _OFFER_AGAIN)
        requests = [
            run_requests.import_run(workflow, connection, workflow.get(import_id)) for import_id in ready
        ]
    yield from requests
    if not ready:
        yield dg.SkipReason("No upload has arrived.")


def failed_runs(context: dg.RunFailureSensorContext, imports: Imports) -> None:
    """End the import of a failed run, unless a retry or the queue will continue it."""
    run = context.dagster_run
    if tags.IMPORT_ID not in run.tags:
        return
    import_ = imports.workflow().get(run.tags[tags.IMPORT_ID])
    if _was_canceled(context) and tags.overran(context.instance, run):
        # A run that took too long has timed out, even if Dagster would retry it.
        _end(context, imports, "timed_out", timed_out(import_), Status.TIMED_OUT)
        return
    if tags.will_retry(context.instance, run.run_id):
        return
    if import_.status is Status.QUEUED and not only_writes(run):
        # The rows are checked and staged. The queue launches the run that writes them.
        return
    what = run_errors.sentence(context.get_step_failure_events())
    failed = (
        f"{what} See the Dagster run {run.run_id}" if what else f"The run {run.run_id} failed; see its log"
    )
    _end(context, imports, "fault", f"{failed}, then import again.")


def canceled_runs(context: dg.RunStatusSensorContext, imports: Imports) -> None:
    """End the import of a canceled run."""
    run = context.dagster_run
    if tags.IMPORT_ID not in run.tags:
        return
    if tags.overran(context.instance, run):
        import_ = imports.workflow().get(run.tags[tags.IMPORT_ID])
        _end(context, imports, "timed_out", timed_out(import_), Status.TIMED_OUT)
    else:
        reason = f"The run {run.run_id} was canceled and nothing was written; import again."
        _end(context, imports, "canceled", reason)


def reconciler(context: dg.SensorEvaluationContext, imports: Imports) -> dg.SkipReason:
    """End what all other parts missed."""
    cursor = json.loads(context.cursor or "{}")
    found = reconcile(imports.workflow(), context.instance, job_names(), **cursor)
    context.update_cursor(json.dumps({"suspects": found.suspects, "after": found.after}))
    return dg.SkipReason(found.sentence())


def _end(
    context: dg.RunStatusSensorContext,
    imports: Imports,
    code: str,
    reason: str,
    status: Status = Status.FAILED,
) -> None:
    workflow = imports.workflow()
    import_id = context.dagster_run.tags[tags.IMPORT_ID]
    if workflow.finalization.fail(import_id, code, reason, status):
        tags.show_status(context.instance, workflow.get(import_id))


def _was_canceled(context: dg.RunStatusSensorContext) -> bool:
    """Return True if Dagster or a person asked the run to end. Dagster reports a run that took too long as failed."""
    canceling = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING
    )
    return bool(canceling)
