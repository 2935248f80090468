"""The commands about stored records: export them, add and list locations."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.table import Table

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import session, stop
from imports_pipeline.schemas.catalog import RESOURCES


def export_records(resource: str, format: str, organization: str) -> None:
    """Print the organization's records of a resource, streamed."""
    with session() as journey:
        from imports_pipeline.storage.export import export

        with journey.database.connect() as connection:
            for chunk in export(connection, RESOURCES[resource], organization, format):
                sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def add_location(name: str, organization: str, *, as_json: bool) -> None:
    """Add a location; one of the same name is an error."""
    with session() as journey:
        from imports_pipeline.storage import locations

        try:
            with journey.database.connect() as connection:
                location = locations.add(connection, organization, name)
        except locations.InvalidLocation as error:
            stop(str(error))
        print_json(location) if as_json else typer.echo(location["id"])


def list_locations(organization: str, *, as_json: bool) -> None:
    """Print the organization's locations by name."""
    with session() as journey:
        from imports_pipeline.storage import locations

        with journey.database.connect() as connection:
            found = locations.all_of(connection, organization)
        if as_json:
            print_json(found)
            return
        table = Table("id", "name")
        for location in found:
            table.add_row(location["id"], location["name"])
        Console().print(table)
