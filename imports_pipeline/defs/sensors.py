"""The sensors about runs: a queued batch becomes its second run; whatever dies, its import ends."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.jobs import only_writes
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import run_errors, run_requests, tags
from imports_pipeline.defs.runs.reconciler import reconcile

# Dagster reads the annotations of sensors as they are, so this module does not postpone their evaluation.
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import batch_queue
from imports_pipeline.sources import upload_urls
from imports_pipeline.workflow.finalization import timed_out

# How many batches one tick turns into runs; the rest waits for the next.
_BATCHES_A_TICK: Final = 50
# How many awaited uploads one tick takes, and when an import that was handed to Dagster is handed over again.
_UPLOADS_A_TICK: Final = 50
_OFFER_AGAIN: Final = timedelta(seconds=60)


def build_sensors(jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """Make the sensors for these jobs."""

    @dg.sensor(
        name="queued_batches",
        jobs=[job for job in jobs if job.name.startswith("process_")],
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns every queued batch into the run that writes it: in order, and every resource in turn.",
    )
    def queued_batches(imports: Imports) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workflow = imports.workflow()
        # Undone when the file store does not say how large they are: the next tick gives them, not one in minutes.
        with workflow.database.connect() as connection, connection.transaction():
            waiting = batch_queue.hand_over(connection, _BATCHES_A_TICK)
            asked = [
                run_requests.write_run(workflow, connection, workflow.get(import_id)) for import_id in waiting
            ]
        yield from asked
        if not waiting:
            yield dg.SkipReason("No batch is queued.")

    @dg.sensor(
        name="awaited_uploads",
        jobs=[job for job in jobs if job.name.startswith("import_")],
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the imports that were requested without data, once their file is put to their upload URL.",
    )
    def awaited_uploads(imports: Imports) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workflow = imports.workflow()
        with workflow.database.connect() as connection:
            refused = upload_urls.take_arrived(connection, workflow.store, _UPLOADS_A_TICK)
        for import_id, failure in refused:
            workflow.finalization.fail(import_id, failure.code, failure.reason)
        with workflow.database.connect() as connection, connection.transaction():
            ready = upload_urls.offer(connection, _UPLOADS_A_TICK, _OFFER_AGAIN)
            asked = [
                run_requests.import_run(workflow, connection, workflow.get(import_id)) for import_id in ready
            ]
        yield from asked
        if not ready:
            yield dg.SkipReason("No upload has come.")

    @dg.run_failure_sensor(
        name="failed_runs",
        monitored_jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends the import of a run that died without ending it.",
    )
    def failed_runs(context: dg.RunFailureSensorContext, imports: Imports) -> None:
        run = context.dagster_run
        if tags.IMPORT_ID not in run.tags:
            return
        import_ = imports.workflow().get(run.tags[tags.IMPORT_ID])
        if _was_canceled(context) and tags.overran(context.instance, run):
            # Also where Dagster means to try again: it has had its time.
            _end(context, imports, "timed_out", timed_out(import_), Status.TIMED_OUT)
        elif tags.will_retry(context.instance, run.run_id):
            return
        elif import_.status is Status.QUEUED and not only_writes(run):
            # Its rows are checked and staged; the queue brings it on.
            return
        else:
            what = run_errors.sentence(context.get_step_failure_events())
            told = (
                f"{what} See the Dagster run {run.run_id}"
                if what
                else f"The run {run.run_id} failed; see its log"
            )
            _end(context, imports, "fault", f"{told}, then import again.")

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.CANCELED,
        name="canceled_runs",
        monitored_jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends the import of a run that was canceled before it wrote.",
    )
    def canceled_runs(context: dg.RunStatusSensorContext, imports: Imports) -> None:
        run = context.dagster_run
        if tags.IMPORT_ID not in run.tags:
            return
        if tags.overran(context.instance, run):
            import_ = imports.workflow().get(run.tags[tags.IMPORT_ID])
            _end(context, imports, "timed_out", timed_out(import_), Status.TIMED_OUT)
        else:
            reason = f"The run {run.run_id} was canceled and nothing was written; import again."
            _end(context, imports, "canceled", reason)

    @dg.sensor(
        name="reconciler",
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Closes what everything else missed: runs without a process, imports whose runs are over,"
        " uploads that never came.",
    )
    def reconciler(context: dg.SensorEvaluationContext, imports: Imports) -> dg.SkipReason:
        before = json.loads(context.cursor or "{}")
        found = reconcile(imports.workflow(), context.instance, [job.name for job in jobs], **before)
        context.update_cursor(json.dumps({"suspects": found.suspects, "after": found.after}))
        return dg.SkipReason(found.sentence())

    return [queued_batches, awaited_uploads, failed_runs, canceled_runs, reconciler]


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
    """Return whether Dagster or a person asked the run to end; of one that overran Dagster says that it failed."""
    canceling = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING
    )
    return bool(canceling)
