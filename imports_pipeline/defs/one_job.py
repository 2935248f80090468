"""Assembles a single job, for a process that runs it and needs neither sensors nor schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from imports_pipeline.defs.assets import build_assets
from imports_pipeline.defs.jobs import REVERT_JOB, build_jobs, build_revert_job
from imports_pipeline.defs.runs.run_logs import console
from imports_pipeline.schemas.catalog import RESOURCES


def build_job(name: str, resources: Mapping[str, Any]) -> dg.JobDefinition:
    """Return the job of ``build_definitions`` with this name, built from the assets of its own resource alone.

    To assemble all definitions takes 40 ms more, most of it for modules that a run does not use.

    Raises:
        KeyError: no job has this name.
    """
    assets: tuple[Any, ...] = ()
    if name == REVERT_JOB:
        job = build_revert_job()
    else:
        found = {one.name: (one, resource) for resource in RESOURCES.values() for one in build_jobs(resource)}
        job, resource = found[name]
        assets = build_assets(resource)
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        resources=resources,
        executor=dg.in_process_executor,
        loggers={"console": console},
    ).resolve_job_def(name)
