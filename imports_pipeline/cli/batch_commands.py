"""The commands ``batch`` and ``batches``, as the command line knows them."""

from __future__ import annotations

from typing import Annotated

import typer

from imports_pipeline.cli import arguments as a
from imports_pipeline.model.options import BlankCells, DuplicateHandling, Mode, UnknownColumns


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(batch)
    app.command()(batches)


def batch(
    file: Annotated[
        str,
        typer.Argument(help="JSON items: an array of objects, or one object a line; - is standard input."),
    ],
    resource: a.Resource,
    action: Annotated[a.ActionName, typer.Option(help="What the items do to the stored records.")],
    mode: Annotated[
        Mode, typer.Option(help="sync is for small batches; mixed writes in a second run.")
    ] = Mode.MIXED,
    properties: Annotated[
        str, typer.Option(metavar="JSON", help="An object: defaults for the fields an item does not name.")
    ] = "{}",
    duplicate_handling: a.Duplicates = DuplicateHandling.IGNORE_ALL,
    match_on: a.MatchOn = "",
    blank_cells: a.Blank = BlankCells.KEEP,
    unknown_columns: a.Unknown = UnknownColumns.IGNORE,
    location_id: Annotated[str | None, typer.Option(help="Limit the batch to one location.")] = None,
    default_region: a.Region = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Make the plan, item by item, and write nothing.")
    ] = False,
    max_deletions: Annotated[
        int | None, typer.Option(min=0, help="Approve up to so many removals, in place of the guards.")
    ] = None,
    max_errors: a.MaxErrors = None,
    deletion_floor: a.Floor = None,
    deletion_percent: a.Percent = None,
    deletion_total: a.Total = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds after which the batch is rolled back.")] = 3600,
    save_result: Annotated[
        bool, typer.Option("--save-result", help="Write a file of what became of each item.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="A name for the batch, 3 to 127 characters.")] = None,
    organization: a.Organization = "default",
    wait: Annotated[bool, typer.Option(help="Also write a mixed batch here, in a second run.")] = True,
    as_json: a.AsJson = False,
) -> None:
    """Apply JSON items without an import: parsing, validation, processing and cleanup."""
    from imports_pipeline.cli.batches import run_batch

    options = {
        "action": action.value,
        "mode": mode.value,
        "duplicate_handling": duplicate_handling.value,
        "match_on": match_on,
        "blank_cells": blank_cells.value,
        "unknown_columns": unknown_columns.value,
        "location_id": location_id,
        "default_region": default_region,
        "dry_run": dry_run,
        "max_deletions": max_deletions,
        "max_errors": max_errors,
        "deletion_floor": deletion_floor,
        "deletion_percent": deletion_percent,
        "deletion_total": deletion_total,
        "timeout": timeout,
        "save_result": save_result,
    }
    run_batch(
        file,
        resource.value,
        options,
        properties,
        name=name,
        organization=organization,
        wait=wait,
        as_json=as_json,
    )


def batches(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most batches to show.")] = 20,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """List the newest batches: those of imports, and those of items."""
    from imports_pipeline.cli.batches import list_batches

    list_batches(organization, limit, as_json=as_json)
