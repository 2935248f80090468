"""The parameters of the commands ``batch`` and ``batches``; ``batches.py`` does the work."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imports_pipeline.cli import arguments as a
from imports_pipeline.cli import standard_input
from imports_pipeline.cli.option_parameters import takes_options


def add_to(app: typer.Typer) -> None:
    """Add the commands to the Typer application."""
    app.command()(batch)
    app.command()(batches)


@takes_options(lambda option: not option.of_a_file, required=("action",))
def batch(
    file: Annotated[
        str,
        typer.Argument(
            help="JSON items: an array of objects, or one object on each line; - is standard input."
        ),
    ],
    resource: a.Resource,
    options: dict[str, Any],
    properties: Annotated[
        str,
        typer.Option(
            metavar="JSON", help="A JSON object with defaults for the fields that an item does not have."
        ),
    ] = "{}",
    name: Annotated[str | None, typer.Option(help="A name for the batch, 3 to 127 characters.")] = None,
    organization: a.Organization = "default",
    wait: Annotated[bool, typer.Option(help="In mode mixed: also write in this process.")] = True,
    as_json: a.AsJson = False,
) -> None:
    """Apply JSON items without an import: parsing, validation, processing and cleanup."""
    from imports_pipeline.cli.commands.batches import run_batch

    if file == standard_input.NAME:
        standard_input.check_is_a_file()
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
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The largest number of batches to show.")] = 20,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """List the newest batches, both of imports and of JSON items."""
    from imports_pipeline.cli.commands.batches import list_batches

    list_batches(organization, limit, as_json=as_json)
