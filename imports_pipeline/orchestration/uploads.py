"""The sensor ``uploads``: files that are dropped into the store's folders of uploads become imports."""

from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

# Dagster reads the annotations of sensors as they are, so this module does not postpone their evaluation.
from imports_pipeline.model.imports import Import
from imports_pipeline.orchestration import tags
from imports_pipeline.orchestration.jobs import import_job_name
from imports_pipeline.orchestration.resources import Imports
from imports_pipeline.orchestration.watching import Watcher
from imports_pipeline.schemas.catalog import RESOURCES

#: More would make a tick's page unreadable; all of them are in the table of uploads.
_NOTES: Final = 20


def build_upload_sensor(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Make the sensor for these jobs."""

    @dg.sensor(
        name="uploads",
        jobs=[job for job in jobs if job.name.startswith("import_")],
        # Dagster's daemon looks at its sensors no more often.
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Imports what is dropped into `uploads/<organization>/<resource>/<action>/` of the file store, each"
            " content once, and moves it to `done/` or `failed/` when its import has ended."
            " `imports-pipeline uploads` lists what was found and what was skipped, and why."
        ),
    )
    def uploads(context: dg.SensorEvaluationContext, imports: Imports) -> dg.SensorResult:
        tick = Watcher(imports.journey()).tick(context.cursor or "")
        for note in tick.notes:
            context.log.info(note)
        return dg.SensorResult(
            run_requests=[_request(import_) for import_ in tick.launches],
            skip_reason=None if tick.launches else _skip_reason(tick.notes),
            cursor=tick.cursor,
        )

    return uploads


def _request(import_: Import) -> dg.RunRequest:
    # An import is made once of each content, so its id stands for the content in the run key. Key and version
    # would not do: the same content dropped again after it was moved has the same ones on S3.
    return dg.RunRequest(
        run_key=import_.id,
        job_name=import_job_name(RESOURCES[import_.resource]),
        tags=tags.of(import_),
    )


def _skip_reason(notes: list[str]) -> str:
    if not notes:
        return "Nothing new was dropped."
    more = f" … and {len(notes) - _NOTES} more" if len(notes) > _NOTES else ""
    return "; ".join(notes[:_NOTES]) + more
