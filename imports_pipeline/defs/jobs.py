"""The jobs: ``import_contacts`` and ``import_groups`` for a person or a caller, ``process_…`` for a queued batch."""

from __future__ import annotations

from typing import Any, Final

import dagster as dg

from imports_pipeline.defs import config, ops
from imports_pipeline.defs.assets import names
from imports_pipeline.schemas.catalog import RESOURCES, Resource

# A logger is used only where a run's config names it; without one Dagster prints every event.
_LOGGERS: Final[dict[str, Any]] = {"loggers": {"console": {}}}


def import_job_name(resource: Resource) -> str:
    """Name the job that takes a file through the phases."""
    return f"import_{resource.table}"


def process_job_name(resource: Resource) -> str:
    """Name the job that writes a queued batch."""
    return f"process_{resource.table}"


def only_writes(run: dg.DagsterRun) -> bool:
    """Return whether a run is one that the queue made of a batch, and not one that began with its file."""
    return run.job_name in {process_job_name(resource) for resource in RESOURCES.values()}


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
        description=_REVERT,
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
        # The ops evaluate the checks where the import becomes a materialization; a planned check that a dry run
        # does not come to would be shown as skipped, in place of its verdict.
        selection=dg.AssetSelection.assets(batches, records).without_checks(),
        config=dg.ConfigMapping(config_fn=to_assets, config_schema=config.SCHEMA),
        executor_def=dg.in_process_executor,
        description=_IMPORT.format(many=resource.table),
        tags={"dagster/priority": "10"},
    )
    process_job = dg.define_asset_job(
        process_job_name(resource),
        selection=dg.AssetSelection.assets(records).without_checks(),
        config=_LOGGERS,
        executor_def=dg.in_process_executor,
        description=_PROCESS.format(many=resource.table),
    )
    return import_job, process_job


_IMPORT: Final = """
Imports a file of {many}: merge, overwrite or delete.

In the Launchpad, name the file and what to do with it; every other option has a default and a description:

```yaml
source: /data/{many}.csv      # a path, file:// or s3:// URI
action: overwrite              # merge | overwrite | delete
dry_run: true                  # only make the plan
```

The run shows what each phase did and its first rejections; the asset `{many}` what came of it.
"""

_PROCESS: Final = """
Writes a queued batch of {many} (phases 6 and 7). The sensor `queued_batches` launches it; by hand it has nothing
to do.
"""

_REVERT: Final = """
Takes back what an import created, updated, deleted and overwrote, in one transaction. Records that somebody
changed since are left alone and listed.

```yaml
import_id: imp_…    # `import` in the metadata of a run or a materialization, or its run tag imports/id
dry_run: true       # only make the plan
```
"""
