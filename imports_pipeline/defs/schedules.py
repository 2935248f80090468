"""The schedules: one for each sync of ``syncs.yaml``, and one for each invalid entry, which reports the error."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import dagster as dg

from imports_pipeline.defs.jobs import import_job_name
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import arrived, size_tags, tags

# Dagster reads the annotations of schedules as they are, so this module does not postpone their evaluation.
from imports_pipeline.model.import_names import name_of_file
from imports_pipeline.registry import import_records
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sources import fetching, syncs
from imports_pipeline.sources.syncs import Problem, Sync, Syncs

# The cron expression of a schedule that only reports an error.
_HOURLY: Final = "0 * * * *"
_UNDER_WAY: Final = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_log = logging.getLogger(__name__)


def read_syncs(path: Path | None) -> Syncs:
    """Read the file of syncs. Without a path there are no syncs."""
    return Syncs() if path is None else syncs.read(path, _cron_problem)


def read_entries(entries: Sequence[Mapping[str, Any]]) -> Syncs:
    """Return the syncs of entries that are given as in a file."""
    return syncs.of_entries(entries, _cron_problem)


def build_schedules(found: Syncs) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the syncs. Errors of entries are logged, and reported by schedules."""
    for problem in found.problems:
        _log.warning("%s", problem)
    any_job = import_job_name(next(iter(RESOURCES.values())))
    schedules = [_schedule(sync, import_job_name(RESOURCES[sync.resource])) for sync in found.syncs]
    named = [problem for problem in found.problems if problem.name]
    schedules += [_refused(f"sync_{problem.name}", [problem], any_job) for problem in named]
    if nameless := [problem for problem in found.problems if not problem.name]:
        schedules.append(_refused(f"sync_{syncs.RESERVED}", nameless, any_job))
    return schedules


def next_tick(sync: Sync, now: datetime | None = None) -> datetime:
    """Return the time of the next launch of a sync, in its timezone."""
    window = _windows(sync.cron, sync.timezone).get_next_partition_window(
        now or datetime.now(UTC), respect_bounds=False
    )
    assert window is not None
    return window.start


def _windows(cron: str, timezone: str) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(
        start=datetime.now(ZoneInfo(timezone)), fmt="%Y-%m-%d %H:%M", cron_schedule=cron, timezone=timezone
    )


def _cron_problem(cron: str, timezone: str) -> str | None:
    if not _can_be(_HOURLY, timezone):
        return f"timezone: there is no {timezone!r}; name one such as Europe/Berlin"
    if not _can_be(cron, timezone):
        return f"cron: {cron!r} is not a cron expression of five fields, such as '30 2 * * *'"
    return None


def _can_be(cron: str, timezone: str) -> bool:
    try:
        dg.ScheduleDefinition(name="sync", job_name="sync", cron_schedule=cron, execution_timezone=timezone)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


def _schedule(sync: Sync, job_name: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"sync_{sync.name}",
        job_name=job_name,
        cron_schedule=sync.cron,
        execution_timezone=sync.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{sync.options.action} {sync.resource} from {sync.source} in {sync.organization}.",
    )
    def launch(context: dg.ScheduleEvaluationContext, imports: Imports) -> dg.RunRequest | dg.SkipReason:
        if reason := _under_way(context, imports, sync):
            return dg.SkipReason(reason)
        time = context.scheduled_execution_time
        size = size_tags.tags_of(fetching.local_size(sync.source_at(time)), imports.workflow().settings)
        return dg.RunRequest(run_config=_config(sync, time), tags={**_tags(sync, time), **size})

    return launch


def _config(sync: Sync, time: datetime) -> Mapping[str, Any]:
    """Return the run config. The run registers the import, like a run from the Launchpad."""
    # Convert to plain values, because Dagster does not accept members of an enumeration.
    options = json.loads(json.dumps(sync.options.as_dict()))
    if options["max_errors"] is not None:
        options["max_errors"] = str(options["max_errors"])
    about = {"source": sync.source_at(time), "organization": sync.organization, "name": sync.name}
    return {**about, **options}


def _tags(sync: Sync, time: datetime) -> dict[str, str]:
    return {
        tags.FILE: name_of_file(sync.source_at(time)) or sync.name,
        tags.ORG: sync.organization,
        tags.ORGANIZATION: sync.organization,
        tags.SYNC: sync.name,
        **arrived.tags_of_sync(sync),
        # Imports that a person waits for go first.
        tags.PRIORITY: "0",
    }


def _under_way(context: dg.ScheduleEvaluationContext, imports: Imports, sync: Sync) -> str | None:
    """Return why the previous launch of a sync is not done: its run, or its import that is not written; else None."""
    runs = context.instance.get_runs(
        dg.RunsFilter(tags={tags.SYNC: sync.name}, statuses=list(_UNDER_WAY)), limit=1
    )
    if runs:
        return f"The previous sync is not done: its run {runs[0].run_id} is {runs[0].status.value.lower()}."
    with imports.workflow().database.connect() as connection:
        open_import = import_records.find_open_sync(connection, sync.organization, sync.name)
    if open_import is not None:
        return f"The previous sync is not done: its import {open_import.id} is {open_import.status}."
    return None


def _refused(name: str, problems: Sequence[Problem], job_name: str) -> dg.ScheduleDefinition:
    reason = " ".join(map(str, problems))

    @dg.schedule(
        name=name,
        job_name=job_name,
        cron_schedule=_HOURLY,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Launches nothing: {reason} Correct it and reload the code location.",
    )
    def refuse(_: dg.ScheduleEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(reason)

    return refuse
