"""What the commands ``syncs list`` and ``syncs run`` do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import session, stop
from imports_pipeline.cli.tables import Column, print_table
from imports_pipeline.sources.syncs import Sync, Syncs


def run_sync(name: str, file: str | None, *, day: datetime | None, dry_run: bool, as_json: bool) -> None:
    """Import the source of a sync now, with its options, and print the import; exit with 1 if it failed.

    Args:
        day: the date that replaces ``{date}`` in the source; without it that of today in the sync's timezone.
    """
    from imports_pipeline.cli.commands.imports import finish, register
    from imports_pipeline.cli.interruption import report_interruption
    from imports_pipeline.defs.runs import arrived

    sync = _named(_read(file), name)
    time = datetime.now(UTC) if day is None else day.replace(tzinfo=ZoneInfo(sync.timezone))
    options = replace(sync.options, dry_run=dry_run or sync.options.dry_run)
    with report_interruption(), session() as workflow:
        source = sync.source_at(time)
        import_ = register(
            workflow, source, sync.resource, options, name=sync.name, organization=sync.organization
        )
        finish(workflow, import_, wait=True, as_json=as_json, more_tags=arrived.tags_of_sync(sync))


def _named(found: Syncs, name: str) -> Sync:
    """Return the sync with this name; exit with 2 if there is none, or its entry is invalid."""
    for sync in found.syncs:
        if sync.name == name:
            return sync
    for problem in found.problems:
        if problem.name == name:
            stop(str(problem), 2)
    names = ", ".join(sync.name for sync in found.syncs) or "none"
    reasons = "".join(f" {problem}" for problem in found.problems if not problem.name)
    stop(f"there is no sync {name!r}; the file has: {names}.{reasons}", 2)


def _read(file: str | None) -> Syncs:
    """Return the contents of a file of syncs; exit with 1 if no file is configured."""
    from imports_pipeline.defs.schedules import read_syncs
    from imports_pipeline.settings import Settings

    path = Path(file).absolute() if file else Settings.read().syncs
    if path is None:
        stop("No file of syncs is configured; name one, or set IMPORTS_SYNCS.")
    return read_syncs(path)


def list_syncs(file: str | None, *, as_json: bool) -> None:
    """Print the scheduled syncs with their next run, and the errors of the file; exit with 1 if there are errors."""
    from imports_pipeline.defs.schedules import next_tick

    found = _read(file)
    shown = [
        {
            "name": sync.name,
            "organization": sync.organization,
            "resource": sync.resource,
            "action": sync.options.action.value,
            "source": sync.source,
            "cron": sync.cron,
            "timezone": sync.timezone,
            "next": next_tick(sync).isoformat(),
        }
        for sync in found.syncs
    ]
    problems = [{"name": problem.name, "problem": str(problem)} for problem in found.problems]
    if as_json:
        print_json({"syncs": shown, "problems": problems})
    else:
        _print_syncs(shown)
        for problem in found.problems:
            typer.echo(f"imports-pipeline: {problem}", err=True)
    if problems:
        raise typer.Exit(1)


def _print_syncs(shown: list[dict[str, Any]]) -> None:
    columns = (
        Column("name"),
        Column("does", rank=2),
        Column("source", rank=1, text=True),
        Column("cron", rank=1),
        Column("next"),
    )
    print_table(
        columns,
        (
            (
                sync["name"],
                f"{sync['action']} {sync['resource']}",
                sync["source"],
                sync["cron"],
                f"{sync['next'][:16]} {sync['timezone']}",
            )
            for sync in shown
        ),
    )
