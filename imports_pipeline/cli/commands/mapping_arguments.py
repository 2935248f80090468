"""The parameters of the commands ``mappings``; ``mappings.py`` does the work."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imports_pipeline.cli import arguments as a
from imports_pipeline.cli.option_parameters import takes_options
from imports_pipeline.model.option_declarations import Declaration, Group

mappings = typer.Typer(
    no_args_is_help=True, help="Save how the columns of a file are mapped, and list, show and remove it."
)
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the saved mapping.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the Typer application."""
    app.add_typer(mappings, name="mappings")


def _decides_columns(option: Declaration) -> bool:
    """Return True if an option decides which columns a file has and which fields they are."""
    return option.group is Group.READING or option.name in ("column_mapping", "known_file", "missing_name")


@mappings.command(name="save")
@takes_options(_decides_columns)
def save(
    name: _Name,
    file: a.Source,
    resource: a.Resource,
    options: dict[str, Any],
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """Save the column mapping of a file with its header; `--saved-mapping NAME` uses it for files of that header."""
    from imports_pipeline.cli.commands.mappings import save_mapping

    save_mapping(name, file, resource.value, options, organization=organization, as_json=as_json)


@mappings.command(name="list")
def list_(organization: a.Organization = "default", as_json: a.AsJson = False) -> None:
    """List the saved mappings."""
    from imports_pipeline.cli.commands.mappings import list_saved

    list_saved(organization, as_json=as_json)


@mappings.command(name="show")
def show(name: _Name, organization: a.Organization = "default", as_json: a.AsJson = False) -> None:
    """Show a saved mapping, its header, and the command that saves it again for another header."""
    from imports_pipeline.cli.commands.mappings import show_mapping

    show_mapping(name, organization, as_json=as_json)


@mappings.command(name="remove")
def remove(name: _Name, organization: a.Organization = "default", as_json: a.AsJson = False) -> None:
    """Remove a saved mapping. Imports that still name it are then refused."""
    from imports_pipeline.cli.commands.mappings import remove_mapping

    remove_mapping(name, organization, as_json=as_json)
