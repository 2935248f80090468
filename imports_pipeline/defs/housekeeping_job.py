"""The job ``housekeeping`` and its schedule: removes every night what nobody needs any longer."""

# Dagster reads the annotations of ops as they are, so this module does not postpone their evaluation.
from dataclasses import asdict
from typing import Final

import dagster as dg

from imports_pipeline.defs.resources import Imports
from imports_pipeline.workflow.housekeeping import housekeep

_EVERY_NIGHT: Final = "30 3 * * *"


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=dg.RetryPolicy(max_retries=2, delay=30),
    description="Removes files and histories past their time, and what killed processes left.",
)
def removing(context: dg.OpExecutionContext, imports: Imports) -> None:
    """Remove it and say what was removed."""
    workflow = imports.workflow()
    with workflow.database.connect() as connection:
        removed = housekeep(connection, workflow.store, workflow.settings)
    context.log.info(removed.sentence())
    context.add_output_metadata({f"imports/{name}": count for name, count in asdict(removed).items()})


@dg.job(
    name="housekeeping",
    executor_def=dg.in_process_executor,
    tags={"dagster/priority": "-10"},
    description="""
Removes what is past its time: files of imports (`IMPORTS_FILES_DAYS`, 90), pre-images (`IMPORTS_HISTORY_DAYS`, 30),
and what killed processes left: staging tables, unfinished files. Its op's metadata counts what was removed.
`imports-pipeline housekeeping` does the same.
""",
    config={"loggers": {"console": {}}},
)
def housekeeping_job() -> None:
    """Do it once."""
    removing()


housekeeping_schedule: Final = dg.ScheduleDefinition(
    name="housekeeping",
    job=housekeeping_job,
    cron_schedule=_EVERY_NIGHT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 03:30 UTC.",
)
