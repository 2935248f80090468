"""The job ``housekeeping`` and its schedule: removes expired files and histories every night."""

# Dagster reads the annotations of ops as they are, so this module does not postpone their evaluation.
from dataclasses import asdict
from typing import Final

import dagster as dg
from pydantic import Field

from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs.instance import log_deletion
from imports_pipeline.workflow.housekeeping import housekeep
from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention

_EVERY_NIGHT: Final = "30 3 * * *"


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=dg.RetryPolicy(max_retries=2, delay=30),
    description="Removes expired files and histories, and what killed processes left behind.",
)
def removing(context: dg.OpExecutionContext, imports: Imports) -> None:
    """Remove what has expired and log the counts."""
    workflow = imports.workflow()
    with workflow.database.connect() as connection:
        removed = housekeep(connection, workflow.store, workflow.settings)
    context.log.info(removed.sentence())
    context.add_output_metadata(
        {
            **{f"imports/{name}": count for name, count in removed.counts().items()},
            "notes": " ".join(removed.notes) or "none",
        }
    )


class RetentionConfig(dg.Config):
    """The config of the op ``dagster_records``."""

    dry_run: bool = Field(default=False, description="Only count, and remove nothing.")


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Removes old records of Dagster: events of runs after some weeks, and runs after a year.",
)
def dagster_records(context: dg.OpExecutionContext, imports: Imports, config: RetentionConfig) -> None:
    """Remove what is due and log the counts."""
    workflow = imports.workflow()
    with workflow.database.connect() as connection:
        retained = DagsterRetention(
            connection, workflow.settings, log_deletion(context.instance), config.dry_run
        ).remove()
    context.log.info(retained.sentence(dry_run=config.dry_run))
    counts = asdict(retained)
    notes = counts.pop("notes")
    context.add_output_metadata(
        {
            **{f"imports/dagster_{name}": count for name, count in counts.items()},
            "notes": " ".join(notes) or "none",
        }
    )


@dg.job(
    name="housekeeping",
    executor_def=dg.in_process_executor,
    tags={"dagster/priority": "-10"},
    description="""
Removes expired files of imports (`IMPORTS_FILES_DAYS`, 90 days) and pre-images (`IMPORTS_HISTORY_DAYS`, 30 days), and
what killed processes left behind: staging tables and unfinished files. Then it removes old records of Dagster:
events of runs (`IMPORTS_RUN_EVENT_DAYS`, 14 days) and runs (`IMPORTS_RUN_DAYS`, 365 days). The metadata of its ops has
the counts. `imports-pipeline housekeeping` does the same.
""",
    config={"loggers": {"console": {}}},
)
def housekeeping_job() -> None:
    """Run the housekeeping once."""
    # Neither waits for the other, so a file store that is away does not stop the second.
    removing()
    dagster_records()


housekeeping_schedule: Final = dg.ScheduleDefinition(
    name="housekeeping",
    job=housekeeping_job,
    cron_schedule=_EVERY_NIGHT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 03:30 UTC.",
)
