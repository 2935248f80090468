"""Assembles all Dagster definitions. Tests and the in-process runner replace resources in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from imports_pipeline.defs.alerts import build_alert_sensor
from imports_pipeline.defs.arrivals import build_arrivals
from imports_pipeline.defs.assets import build_assets, names
from imports_pipeline.defs.checks import build_checks
from imports_pipeline.defs.dropped_files_sensor import build_upload_sensor
from imports_pipeline.defs.housekeeping_job import housekeeping_job, housekeeping_schedule
from imports_pipeline.defs.jobs import build_approve_job, build_jobs, build_revert_job
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs.run_logs import console
from imports_pipeline.defs.schedules import build_schedules, read_syncs
from imports_pipeline.defs.sensors import build_sensors
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sources.syncs import Syncs


def build_definitions(
    overrides: Mapping[str, Any] | None = None,
    *,
    syncs: Path | Syncs | None = None,
    has_uploads: bool = True,
    is_component: bool = False,
) -> dg.Definitions:
    """Return all definitions.

    Args:
        overrides: resources that replace those of the environment, by name. Tests and the component use this.
        syncs: the scheduled imports, or the path of ``syncs.yaml``; without it there are no schedules of syncs.
        has_uploads: whether there is a sensor for dropped files.
        is_component: leave the executor and the loggers of the code location alone, which has other definitions too.
    """
    found = syncs if isinstance(syncs, Syncs) else read_syncs(syncs)
    jobs = [job for resource in RESOURCES.values() for job in build_jobs(resource)]
    jobs += [build_revert_job(), build_approve_job()]
    resources = {"imports": Imports()}
    arrivals = build_arrivals(found)
    assets: list[Any] = [asset for resource in RESOURCES.values() for asset in build_assets(resource)]
    checks = [check for resource in RESOURCES.values() for check in build_checks(*names(resource))]
    return dg.Definitions(
        assets=[*assets, *arrivals.assets],
        asset_checks=[*checks, *arrivals.checks],
        jobs=[*jobs, housekeeping_job],
        sensors=[
            *build_sensors(jobs),
            *([build_upload_sensor(jobs, found.uploads)] if has_uploads else []),
            build_alert_sensor([*jobs, housekeeping_job]),
            *arrivals.sensors,
        ],
        schedules=[*build_schedules(found), housekeeping_schedule],
        resources={**resources, **(overrides or {})},
        executor=None if is_component else dg.in_process_executor,
        loggers=None if is_component else {"console": console},
    )


def sync_definitions(syncs: Syncs) -> dg.Definitions:
    """Return the definitions of syncs alone, for a code location that has the others too."""
    arrivals = build_arrivals(syncs, suffix="".join(f"_{sync.name}" for sync in syncs.syncs))
    return dg.Definitions(
        assets=arrivals.assets,
        asset_checks=arrivals.checks,
        sensors=arrivals.sensors,
        schedules=build_schedules(syncs),
    )
