"""The jobs: ``import_…`` runs an import, ``process_…`` writes a queued batch, ``revert_import`` undoes an import.

``approve_import`` imports the file of a refused import again.
"""

from __future__ import annotations

from typing import Any, Final

import dagster as dg

from imports_pipeline.defs import config, ops
from imports_pipeline.defs.assets import names
from imports_pipeline.schemas.catalog import RESOURCES, Resource

# Dagster uses a logger only if the run's config names it. Without this config it would print every event.
_LOGGERS: Final[dict[str, Any]] = {"loggers": {"console": {}}}

#: The run config of ``import_…`` for an import that is already registered. A run that repeats this one in full takes
#: the import's current source, which changes when a dropped file is moved.
OF_REGISTERED: Final[dict[str, Any]] = {"source": ""}


def import_job_name(resource: Resource) -> str:
    """Return the name of the job that runs the phases of an import."""
    return f"import_{resource.table}"


def process_job_name(resource: Resource) -> str:
    """Return the name of the job that writes a queued batch."""
    return f"process_{resource.table}"


def only_writes(run: dg.DagsterRun) -> bool:
    """Return True if a run only writes a queued batch, and False if it began with the file."""
    return run.job_name in {process_job_name(resource) for resource in RESOURCES.values()}


REVERT_JOB: Final = "revert_import"
APPROVE_JOB: Final = "approve_import"


def job_names() -> set[str]:
    """Return the names of all jobs whose runs work on imports."""
    names_of = (import_job_name, process_job_name)
    return {REVERT_JOB, *(name_of(resource) for resource in RESOURCES.values() for name_of in names_of)}


def build_revert_job() -> dg.JobDefinition:
    """Return the job that reverts an import."""

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


def build_approve_job() -> dg.JobDefinition:
    """Return the job that approves the removals of a refused import."""

    @dg.job(
        name=APPROVE_JOB,
        config=dg.ConfigMapping(
            config_fn=lambda given: {"ops": {"approving": {"config": given}}, **_LOGGERS},
            config_schema=config.APPROVE_SCHEMA,
        ),
        executor_def=dg.in_process_executor,
        description=_APPROVE,
    )
    def approve_import() -> None:
        ops.approving()

    return approve_import


def build_jobs(resource: Resource) -> tuple[Any, Any]:
    """Return the two jobs of a resource. Both run in one process, because a process for each step takes two seconds."""
    batches, records = names(resource)

    def to_assets(given: dict[str, Any]) -> dict[str, Any]:
        return {"ops": {batches: {"config": given}, records: {"config": {"import_id": ""}}}, **_LOGGERS}

    def to_records(given: dict[str, Any]) -> dict[str, Any]:
        return {"ops": {records: {"config": given}}, **_LOGGERS}

    import_job = dg.define_asset_job(
        import_job_name(resource),
        # The ops evaluate the checks when the import becomes a materialization. If the checks were planned as steps, a
        # dry run, which does not reach them, would show them as skipped instead of their last result.
        selection=dg.AssetSelection.assets(batches, records).without_checks(),
        config=dg.ConfigMapping(config_fn=to_assets, config_schema=config.SCHEMA),
        executor_def=dg.in_process_executor,
        description=_IMPORT.format(many=resource.table),
        tags={"dagster/priority": "10"},
    )
    process_job = dg.define_asset_job(
        process_job_name(resource),
        selection=dg.AssetSelection.assets(records).without_checks(),
        config=dg.ConfigMapping(config_fn=to_records, config_schema=config.WRITE_SCHEMA),
        executor_def=dg.in_process_executor,
        description=_PROCESS.format(many=resource.table),
    )
    return import_job, process_job


_IMPORT: Final = """
Imports a file of {many}: merge, overwrite or delete.

*Materialize* on this page opens the Launchpad. Give the file and the action there. Every other option has a default and
a description:

```yaml
source: /data/{many}.csv      # a path, file:// or s3:// URI
action: overwrite              # merge | overwrite | delete
dry_run: true                  # only make the plan
```

The run shows the result and the first rejected rows of each phase. The asset `{many}` shows the result of the import.
"""

_PROCESS: Final = """
Writes a queued batch of {many} (phases 6 and 7). The sensor `queued_batches` launches this job within seconds, so there
is no reason to launch it manually while the sensor is on.

```yaml
import_id: imp_…    # the queued import
```
"""

_APPROVE: Final = """
Approves the removals of an import that a guard refused (`too_many_deletions`, `unidentified_rows`). Its stored file is
imported again with `max_deletions` as the ceiling. The plan is made again, and if it is another one by then, the new
import fails and says what changed. The sensor `awaited_uploads` launches its run within seconds. The link `approve` in
the metadata of the refused run opens this page with the config filled in.

```yaml
import_id: imp_…      # `import` in the metadata of the refused run
max_deletions: 120    # without it: the number of removals in the plan of the refused import
plan_checksum: 64ec…  # of the plan that you have seen; without it: that of the refused import
approved_by: ada      # shown on the import
```
"""

_REVERT: Final = """
Undoes what an import created, updated, deleted and overwrote, in one transaction. Records that were changed since then
are left alone and listed.

```yaml
import_id: imp_…    # `import` in the metadata of its run or materialization
dry_run: true       # only make the plan
```
"""
