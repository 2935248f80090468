"""The commands ``uploads`` and ``syncs``: dropped files, and scheduled imports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import session, stop


def list_uploads(organization: str, states: Sequence[str], limit: int, *, as_json: bool) -> None:
    """Print the newest dropped files with their states."""
    with session() as workflow:
        from imports_pipeline.registry import dropped_files

        with workflow.database.connect() as connection:
            found = dropped_files.find(connection, organization, states, limit)
        if as_json:
            print_json(found)
            return
        columns = ("seen", "file", "state", "import", "reason")
        table = Table(*(Column(column, overflow="fold") for column in columns))
        for row in found:
            seen = datetime.fromtimestamp(row["seen_at"], UTC).strftime("%Y-%m-%d %H:%M:%S")
            cells = (row["key"], row["state"], row["import_id"] or "", row["reason"] or "")
            table.add_row(seen, *map(escape, cells))
        Console().print(table)


def list_syncs(file: str | None, *, as_json: bool) -> None:
    """Print the scheduled syncs with their next run, and the errors of the file; exit with 1 if there are errors."""
    from imports_pipeline.defs.schedules import next_tick, read_syncs
    from imports_pipeline.settings import Settings

    path = Path(file).absolute() if file else Settings.read().syncs
    if path is None:
        stop("No file of syncs is configured; name one, or set IMPORTS_SYNCS.")
    found = read_syncs(path)
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
    table = Table("name", "does", Column("source", overflow="fold"), "cron", "next")
    for sync in shown:
        does = f"{sync['action']} {sync['resource']}"
        cells = (sync["name"], does, sync["source"], sync["cron"], f"{sync['next'][:16]} {sync['timezone']}")
        table.add_row(*map(escape, cells))
    Console().print(table)
