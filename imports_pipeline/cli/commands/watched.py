"""The commands ``uploads`` and ``syncs``: dropped files, and scheduled imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import reading, stop
from imports_pipeline.cli.tables import Column, print_table, shown_time


def list_uploads(organization: str, states: Sequence[str], limit: int, *, as_json: bool) -> None:
    """Print the newest dropped files with their states."""
    with reading() as installation:
        from imports_pipeline.registry import dropped_files

        with installation.database.connect() as connection:
            found = dropped_files.find(connection, organization, states, limit)
        if as_json:
            print_json(found)
            return
        columns = (
            Column("seen (UTC)"),
            Column("file", text=True),
            Column("state"),
            Column("import", rank=1),
            Column("reason", rank=2, text=True),
        )
        print_table(
            columns,
            (
                (
                    shown_time(row["seen_at"]),
                    row["key"],
                    row["state"],
                    row["import_id"] or "",
                    row["reason"] or "",
                )
                for row in found
            ),
        )


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
