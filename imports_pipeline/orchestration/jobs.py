"""The jobs: ``import_contacts`` and ``import_groups`` for a person or a caller, ``process_…`` for a queued batch."""

from __future__ import annotations

from typing import Any, Final

import dagster as dg

from imports_pipeline.orchestration import config, ops
from imports_pipeline.orchestration.assets import names
from imports_pipeline.schemas.catalog import Resource

#: A logger is used only where a run's config names it; without one Dagster prints every event.
_LOGGERS: Final[dict[str, Any]] = {"loggers": {"console": {}}}


def import_job_name(resource: Resource) -> str:
    """Name the job that takes a file through the phases."""
    return f"import_{resource.table}"


def process_job_name(resource: Resource) -> str:
    """Name the job that writes a queued batch."""
    return f"process_{resource.table}"


REVERT_JOB: Final = "revert_import"


def build_revert_job() -> dg.JobDefinition:
    """Make the job that takes an import back."""

    @dg.job(
        name=REVERT_JOB,
        config=dg.ConfigMapping(
            config_fn=lambda given: {"ops": {"reverting": {"config": given}}, **_LOGGERS},
            config_schema=config.REVERT_SCHEMA,
        ),
        executor_def=dg.in_process_executor,
        description="Takes back what an import created, updated, deleted and overwrote.",
    )
    def revert_import() -> None:
        ops.reverting()

    return revert_import


def build_jobs(resource: Resource) -> tuple[Any, Any]:
    """Make the two jobs of a resource. Both run in one process: a step process costs two seconds."""
    batches, records = names(resource)

    def to_assets(given: dict[str, Any]) -> dict[str, Any]:
        return {"ops": {batches: {"config": given}}, **_LOGGERS}

    import_job = dg.define_asset_job(
        import_job_name(resource),
        selection=[batches, records],
        config=dg.ConfigMapping(config_fn=to_assets, config_schema=config.SCHEMA),
        executor_def=dg.in_process_executor,
        description=f"Imports a file of {resource.table}: merge, overwrite or delete.",
        tags={"dagster/priority": "10"},
    )
    process_job = dg.define_asset_job(
        process_job_name(resource),
        selection=[records],
        config=_LOGGERS,
        executor_def=dg.in_process_executor,
        description=f"Writes a queued batch of {resource.table}; launched by the sensor queued_batches.",
    )
    return import_job, process_job
