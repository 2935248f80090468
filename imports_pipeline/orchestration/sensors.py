"""The sensors: a queued batch becomes its second run; a run that died ends its import."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import dagster as dg

from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration import tags
from imports_pipeline.orchestration.jobs import process_job_name
from imports_pipeline.orchestration.resources import Imports
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.storage import registry

#: How many batches one tick turns into runs; the rest waits for the next.
_BATCHES_A_TICK: Final = 50


def build_sensors(jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """Make the sensors for these jobs."""

    @dg.sensor(
        name="queued_batches",
        jobs=[job for job in jobs if job.name.startswith("process_")],
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns every queued batch into the run that writes it, the oldest of each resource first.",
    )
    def queued_batches(imports: Imports) -> Iterator[dg.RunRequest | dg.SkipReason]:
        journey = imports.journey()
        with journey.database.connect() as connection:
            waiting = registry.queued_batches(connection, _BATCHES_A_TICK)
            for batch_id, import_id, _, resource in waiting:
                import_ = registry.get_import(connection, import_id)
                yield dg.RunRequest(
                    run_key=batch_id,
                    job_name=process_job_name(RESOURCES[resource]),
                    tags=tags.of_write(import_),
                )
        if not waiting:
            yield dg.SkipReason("No batch is queued.")

    def ended(context: dg.RunStatusSensorContext, imports: Imports, code: str, reason: str) -> None:
        run = context.dagster_run
        # The daemon launches another attempt, which carries the import on.
        if run.tags.get("dagster/will_retry") == "true" or tags.IMPORT_ID not in run.tags:
            return
        journey = imports.journey()
        import_id = run.tags[tags.IMPORT_ID]
        if journey.endings.fail(import_id, code, reason):
            context.instance.add_run_tags(run.run_id, {tags.STATUS: Status.FAILED.value})

    @dg.run_failure_sensor(
        name="failed_runs",
        monitored_jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends the import of a run that died without ending it.",
    )
    def failed_runs(context: dg.RunFailureSensorContext, imports: Imports) -> None:
        reason = f"The run {context.dagster_run.run_id} failed; see its log, then import again."
        ended(context, imports, "fault", reason)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.CANCELED,
        name="canceled_runs",
        monitored_jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends the import of a run that was canceled before it wrote.",
    )
    def canceled_runs(context: dg.RunStatusSensorContext, imports: Imports) -> None:
        reason = f"The run {context.dagster_run.run_id} was canceled; nothing was written. Import again."
        ended(context, imports, "canceled", reason)

    return [queued_batches, failed_runs, canceled_runs]
