"""The commands and their arguments. What they do is in the modules they call."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(
    name="imports-pipeline",
    help="Import contacts and groups by CSV: merge, overwrite, delete.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
locations = typer.Typer(help="The locations that contacts and groups can be in.", no_args_is_help=True)
app.add_typer(locations, name="locations")


class ResourceName(StrEnum):
    """What an import changes."""

    CONTACT = "contact"
    GROUP = "group"


class ActionName(StrEnum):
    """What the rows do to the stored records."""

    MERGE = "merge"
    OVERWRITE = "overwrite"
    DELETE = "delete"


class ModeName(StrEnum):
    """When the caller gets its answer."""

    SYNC = "sync"
    MIXED = "mixed"


class DuplicatesName(StrEnum):
    """What happens to rows that share an identity value."""

    IGNORE_ALL = "ignore_all"
    USE_FIRST = "use_first"


class BlankName(StrEnum):
    """What a blank cell does."""

    KEEP = "keep"
    CLEAR = "clear"


class UnknownName(StrEnum):
    """What happens to unknown columns."""

    IGNORE = "ignore"
    REJECT = "reject"


class ErrorsFormat(StrEnum):
    """How errors are printed."""

    CSV = "csv"
    JSON = "json"


class ExportFormat(StrEnum):
    """How records are printed."""

    CSV = "csv"
    JSONL = "jsonl"


Organization = Annotated[str, typer.Option(help="Whose records.", envvar="IMPORTS_ORGANIZATION")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@app.command()
def run(
    source: Annotated[str, typer.Argument(help="The file: a path, file:// or s3:// URI.")],
    resource: Annotated[ResourceName, typer.Option(help="What the rows are.")],
    action: Annotated[ActionName, typer.Option(help="What the rows do to the stored records.")],
    mode: Annotated[
        ModeName, typer.Option(help="sync is for small files; mixed writes in a second run.")
    ] = ModeName.MIXED,
    duplicate_handling: Annotated[
        DuplicatesName, typer.Option(help="Rows that share an identity value: reject all, or keep the first.")
    ] = DuplicatesName.IGNORE_ALL,
    match_on: Annotated[str, typer.Option(help="Identity keys in order, such as email,external_id.")] = "",
    blank_cells: Annotated[
        BlankName, typer.Option(help="What a blank cell does to the stored value.")
    ] = BlankName.KEEP,
    unknown_columns: Annotated[
        UnknownName, typer.Option(help="Columns that the resource does not have.")
    ] = UnknownName.IGNORE,
    location_id: Annotated[str | None, typer.Option(help="Limit the import to one location.")] = None,
    column_mapping: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=HEADER", help="Which column a field is; may be repeated."),
    ] = None,
    default_region: Annotated[
        str | None, typer.Option(help="Country of phone numbers without a country code, such as DE.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding, instead of finding out.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="The file's delimiter, instead of finding out.")
    ] = None,
    quote: Annotated[
        str | None, typer.Option(help="The file's quote character, instead of finding out.")
    ] = None,
    header_line: Annotated[int | None, typer.Option(help="The line of the header, from 1.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of an XLSX file.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Make the plan, line by line, and write nothing.")
    ] = False,
    max_deletions: Annotated[
        int | None, typer.Option(min=0, help="Approve up to so many removals, in place of the guards.")
    ] = None,
    max_errors: Annotated[
        str | None, typer.Option(help="Fail before writing when more rows are rejected: a count, or 5%.")
    ] = None,
    deletion_floor: Annotated[int | None, typer.Option(min=0, help="Guard: always allowed.")] = None,
    deletion_percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="Guard: the largest share of the scope.")
    ] = None,
    deletion_total: Annotated[int | None, typer.Option(min=0, help="Guard: never more than this.")] = None,
    timeout: Annotated[int, typer.Option(help="Seconds after which the import is rolled back.")] = 3600,
    name: Annotated[str | None, typer.Option(help="A name for the import.")] = None,
    save_upload: Annotated[bool, typer.Option(help="Keep the uploaded file.")] = True,
    save_result: Annotated[bool, typer.Option(help="Write a file of what became of each line.")] = False,
    wait: Annotated[
        bool, typer.Option(help="In mode mixed: write here too, or leave the import queued.")
    ] = True,
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Import a file, as a recorded Dagster run in this process."""
    from imports_pipeline.cli.imports import run_import

    mapping = {}
    for pair in column_mapping or []:
        field, separator, header = pair.partition("=")
        if not separator or not field:
            raise typer.BadParameter(f"{pair!r} is not FIELD=HEADER", param_hint="--column-mapping")
        mapping[field.strip()] = header
    options = {
        "action": action.value,
        "mode": mode.value,
        "duplicate_handling": duplicate_handling.value,
        "match_on": match_on,
        "blank_cells": blank_cells.value,
        "unknown_columns": unknown_columns.value,
        "location_id": location_id,
        "column_mapping": mapping,
        "default_region": default_region,
        "encoding": encoding,
        "delimiter": delimiter,
        "quote": quote,
        "header_line": header_line,
        "sheet": sheet,
        "dry_run": dry_run,
        "max_deletions": max_deletions,
        "max_errors": max_errors,
        "deletion_floor": deletion_floor,
        "deletion_percent": deletion_percent,
        "deletion_total": deletion_total,
        "timeout": timeout,
        "save_upload": save_upload,
        "save_result": save_result,
    }
    run_import(
        source, resource.value, options, name=name, organization=organization, wait=wait, as_json=as_json
    )


@app.command()
def show(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The import's id.")],
    as_json: AsJson = False,
) -> None:
    """Show one import: its status, phases and statistics."""
    from imports_pipeline.cli.imports import show_import

    show_import(import_id, as_json=as_json)


@app.command()
def revert(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The import to take back.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only make the plan.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what an import created, updated, deleted and overwrote."""
    from imports_pipeline.cli.imports import revert_import

    revert_import(import_id, dry_run=dry_run, as_json=as_json)


@app.command()
def history(
    resource: Annotated[ResourceName, typer.Argument(help="What the record is.")],
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Show which imports touched a record, and what they changed."""
    from imports_pipeline.cli.records import record_history

    record_history(resource.value, record_id, organization, as_json=as_json)


@app.command(name="list")
def list_(
    resource: Annotated[ResourceName | None, typer.Option(help="Only imports of this resource.")] = None,
    action: Annotated[ActionName | None, typer.Option(help="Only imports with this action.")] = None,
    status: Annotated[str | None, typer.Option(help="Only imports with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most imports to show.")] = 20,
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """List the newest imports."""
    from imports_pipeline.cli.imports import list_imports

    given = {"resource": resource, "action": action, "status": status}
    filters = {name: str(value) for name, value in given.items() if value is not None}
    list_imports(organization, filters, limit, as_json=as_json)


@app.command()
def errors(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The import's id.")],
    format: Annotated[
        ErrorsFormat, typer.Option(help="csv can be corrected and imported again; json is exact.")
    ] = ErrorsFormat.CSV,
) -> None:
    """Print the rejected rows of an import."""
    from imports_pipeline.cli.imports import print_errors

    print_errors(import_id, format.value)


@app.command()
def export(
    resource: Annotated[ResourceName, typer.Argument(help="What to export.")],
    format: Annotated[ExportFormat, typer.Option(help="csv can be imported again.")] = ExportFormat.CSV,
    organization: Organization = "default",
) -> None:
    """Print the stored records; importing the CSV again changes nothing."""
    from imports_pipeline.cli.records import export_records

    export_records(resource.value, format.value, organization)


@app.command()
def limits(
    deletion_floor: Annotated[
        int | None, typer.Option(min=0, help="So many removals are always fine.")
    ] = None,
    deletion_percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="The largest share of the scope above the floor.")
    ] = None,
    deletion_total: Annotated[int | None, typer.Option(min=0, help="Never more removals than this.")] = None,
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Show, and with options set, how much an overwrite of the organization may remove without approval."""
    from imports_pipeline.cli.records import organization_limits

    given = {"floor": deletion_floor, "percent": deletion_percent, "total": deletion_total}
    organization_limits(organization, given, as_json=as_json)


@locations.command(name="add")
def add_location(
    name: Annotated[str, typer.Argument(help="The location's name, unique in the organization.")],
    organization: Organization = "default",
    as_json: AsJson = False,
) -> None:
    """Add a location and print its id."""
    from imports_pipeline.cli.records import add_location

    add_location(name, organization, as_json=as_json)


@locations.command(name="list")
def list_locations(organization: Organization = "default", as_json: AsJson = False) -> None:
    """List the locations."""
    from imports_pipeline.cli.records import list_locations

    list_locations(organization, as_json=as_json)


@app.command()
def dev(port: Annotated[int, typer.Option(help="The port of Dagster's pages.")] = 3000) -> None:
    """Run PostgreSQL, Dagster's web server and its daemon until Ctrl-C."""
    from imports_pipeline.cli.dev import dev as run_dev
    from imports_pipeline.cli.session import stop
    from imports_pipeline.settings import Settings
    from imports_pipeline.storage.server import ServerError

    try:
        raise typer.Exit(run_dev(Settings.read().home, port))
    except (ServerError, FileNotFoundError, ValueError) as error:
        stop(str(error))
