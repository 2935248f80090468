"""The sensor ``uploads``: imports files that are dropped into the upload folders of the file store."""

from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs.resources import Imports

# Dagster reads the annotations of sensors as they are, so this module does not postpone their evaluation.
from imports_pipeline.defs.runs import arrived, run_requests, tags
from imports_pipeline.model.imports import Import
from imports_pipeline.sources.syncs import ExpectedUpload
from imports_pipeline.workflow.dropped_files.watcher import Watcher

# The number of notes that a tick shows. More would make the page unreadable; the table `uploads` has all of them.
_NOTES: Final = 20


def build_upload_sensor(jobs: Sequence[Any], expected: Sequence[ExpectedUpload]) -> dg.SensorDefinition:
    """Return the sensor for these jobs, and for these folders that have assets of their own."""
    folders = {(folder.organization, folder.resource) for folder in expected}

    @dg.sensor(
        name="uploads",
        jobs=[job for job in jobs if job.name.startswith("import_")],
        # Dagster's daemon does not evaluate its sensors more often.
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Imports files that are dropped into `uploads/<organization>/<resource>/<action>/` of the file store, each"
            " content once, and moves them to `done/` or `failed/` when their import has ended."
            " `imports-pipeline uploads` lists the files that were found, and those that were skipped with the reason."
        ),
    )
    def uploads(context: dg.SensorEvaluationContext, imports: Imports) -> dg.SensorResult:
        workflow = imports.workflow()
        tick = Watcher(workflow).tick(context.cursor or "")
        for note in tick.notes:
            context.log.info(note)
        with workflow.database.connect() as connection:
            requests = [
                run_requests.import_run(workflow, connection, import_, _arrival(import_, folders))
                for import_ in tick.launches
            ]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if tick.launches else _skip_reason(tick.notes),
            cursor=tick.cursor,
        )

    return uploads


def _arrival(import_: Import, folders: set[tuple[str, str]]) -> dict[str, str]:
    of = (import_.organization_id, import_.resource)
    return {tags.ARRIVAL: arrived.of_folder(*of).to_user_string()} if of in folders else {}


def _skip_reason(notes: list[str]) -> str:
    if not notes:
        return "Nothing new was dropped."
    more = f" … and {len(notes) - _NOTES} more" if len(notes) > _NOTES else ""
    return "; ".join(notes[:_NOTES]) + more
