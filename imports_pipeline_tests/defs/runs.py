"""Runs imports through Dagster, and reads what Dagster recorded of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

import dagster as dg
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.in_process_runner import Runner
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.jobs import OF_REGISTERED, process_job_name
from imports_pipeline.defs.runs import tags
from imports_pipeline.defs.runs.dagster_connections import keep_connections
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline_tests.journeys import Imports

Launch = Callable[..., dg.ExecuteInProcessResult]
CONTENT = "name,email\nAnn,ann@example.com\nBob,bob@example.com\nCid,nonsense\n"


def import_contacts() -> dg.JobDefinition:
    """Return the job as another process finds it."""
    return build_definitions().resolve_job_def("import_contacts")


def config_of_run(import_: Import, job_name: str) -> dict[str, str]:
    """Return the run config of a registered import's run."""
    return OF_REGISTERED if job_name.startswith("import_") else {"import_id": import_.id}


@lru_cache(maxsize=1)
def _instance(url: str) -> DagsterInstance:
    """Return the instance of the environment, with connections that stay open: to open it takes 0.2 s of CPU."""
    instance = DagsterInstance.get()
    keep_connections(instance)
    return instance


def run(imports: Imports, import_: Import, *, wait: bool = True) -> Import:
    """Run an import as the command does, and hold it to what is true of all that are no dry run."""
    runner = Runner(imports.workflow, _instance(os.environ["DAGSTER_POSTGRES_URL"]), wait=wait)
    ended = runner.run(import_)
    return ended if import_.options.dry_run else imports.sound(import_)


def run_in_two(imports: Imports, import_: Import, launch: Launch) -> Import:
    """Run an import as the daemon does: one run checks it, and another one writes it."""
    queued = run(imports, import_, wait=False)
    assert queued.status is Status.QUEUED
    job_name = process_job_name(RESOURCES[import_.resource])
    launch(job_name, run_config={"import_id": import_.id}, tags=tags.of_write(import_))
    return imports.sound(import_)


def of_organization(instance: DagsterInstance, imports: Imports) -> list[dg.DagsterRun]:
    """Return the runs of the test's organization, the oldest first."""
    found = instance.get_runs(dg.RunsFilter(tags={tags.ORGANIZATION: imports.organization}))
    return sorted(found, key=lambda run: run.tags[tags.IMPORT_ID] + (run.job_name or ""))


def materialized(instance: DagsterInstance, run_id: str) -> dict[str, dg.AssetMaterialization]:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found = [event.asset_materialization for event in events]
    return {one.asset_key.to_user_string(): one for one in found if one is not None}


def failures(instance: DagsterInstance, run_id: str) -> list[str]:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return [
        event.dagster_event.step_failure_data.error_display_string for event in events if event.dagster_event
    ]
