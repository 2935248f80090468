"""The commands and their arguments. The modules of ``commands/`` do the work."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imports_pipeline.cli import arguments as a
from imports_pipeline.cli import command_help, standard_input
from imports_pipeline.cli.commands import api, approvals, batch_arguments, deployment, mapping_arguments
from imports_pipeline.cli.commands.syncs import arguments as sync_arguments
from imports_pipeline.cli.later_pandas import load_pyarrow
from imports_pipeline.cli.option_parameters import takes_options
from imports_pipeline.model.option_declarations import Declaration, Group
from imports_pipeline.model.statuses import Status

app = typer.Typer(
    name="imports-pipeline",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
locations = typer.Typer(help="The locations that contacts and groups can be in.", no_args_is_help=True)
app.add_typer(locations, name="locations")
api.add_to(app)
batch_arguments.add_to(app)
sync_arguments.add_to(app)
approvals.add_to(app)
deployment.add_to(app)
mapping_arguments.add_to(app)


def _is_checked_early(option: Declaration) -> bool:
    """Return True if an option matters to ``check``, which reads a file without a database."""
    return option.group is Group.READING or option.name in (
        "action", "duplicate_handling", "match_on", "blank_cells", "unknown_columns", "column_mapping",
        "known_file", "saved_mapping", "default_region", "max_errors", "bad_cells", "missing_name",
    )  # fmt: skip


@app.command()
@takes_options(required=("action",))
def run(
    sources: a.Sources,
    resource: a.Resource,
    options: dict[str, Any],
    name: Annotated[str | None, typer.Option(help="A name for the import, 3 to 127 characters.")] = None,
    wait: Annotated[
        bool, typer.Option(help="In mode mixed: also write in this process, or leave the import queued.")
    ] = True,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """Import files, each as an import of its own and a recorded Dagster run in this process."""
    from imports_pipeline.cli.commands import imports, run_many

    how: dict[str, Any] = {"name": name, "organization": organization, "wait": wait, "as_json": as_json}
    if standard_input.NAME in sources:
        if len(sources) > 1 or options["parts"]:
            raise typer.BadParameter("- is standard input, which is one file", param_hint="FILE")
        standard_input.check_is_a_file()
    if options["parts"] and len(sources) > 1:
        raise typer.BadParameter("takes one FILE: a glob in quotes", param_hint="--parts")
    if options["parts"] or not run_many.names_several(sources):
        imports.run_import(sources[0], resource.value, options, **how)
    else:
        run_many.run_imports(sources, resource.value, options, **how)


@app.command()
@takes_options(lambda option: option.group is Group.READING)
def read(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="The files, in reading order.")],
    options: dict[str, Any],
    limit: Annotated[
        int | None, typer.Option(min=0, help="Print at most this many records of each file.")
    ] = None,
) -> None:
    """Print the header, the rows and the rejected records of files as JSON lines."""
    load_pyarrow()
    from imports_pipeline.cli.commands.checking import read_files

    read_files(files, options, limit)


@app.command()
@takes_options(_is_checked_early)
def check(
    file: a.Source,
    resource: a.Resource,
    options: dict[str, Any],
    errors: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write all rejected rows to this file, as JSON if its name ends in .json, otherwise as CSV.",
        ),
    ] = None,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
    fail_on_rejects: Annotated[
        bool, typer.Option("--fail-on-rejects", help="Exit with 1 if a row is rejected.")
    ] = False,
) -> None:
    """Check a file without a database: its encoding and dialect, the columns, and the rows that would be rejected.

    Only a saved mapping is looked up in the database.
    """
    load_pyarrow()
    from imports_pipeline.cli.commands.checking import check_file

    if file == standard_input.NAME:
        standard_input.check_is_a_file()
    how: dict[str, Any] = {
        "organization": organization,
        "as_json": as_json,
        "fail_on_rejects": fail_on_rejects,
    }
    check_file(file, resource.value, options, errors=errors, **how)


@app.command()
def show(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The import's id.")],
    as_json: a.AsJson = False,
) -> None:
    """Show one import: its status, phases and statistics."""
    from imports_pipeline.cli.commands.imports import show_import

    show_import(import_id, as_json=as_json)


@app.command()
def cancel(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the import to cancel.")],
    as_json: a.AsJson = False,
) -> None:
    """Cancel an import. Nothing changes if its write has not been committed; after that it is completed."""
    from imports_pipeline.cli.commands.imports import cancel_import

    cancel_import(import_id, as_json=as_json)


@app.command()
def revert(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the import to undo.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only make the plan and write nothing.")] = False,
    as_json: a.AsJson = False,
) -> None:
    """Undo an import: restore what it created, updated, deleted and overwrote."""
    from imports_pipeline.cli.commands.imports import revert_import

    revert_import(import_id, dry_run=dry_run, as_json=as_json)


@app.command()
def history(
    resource: Annotated[a.ResourceName, typer.Argument(help="The resource of the record.")],
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """Show which imports changed a record, and which values they changed."""
    from imports_pipeline.cli.commands.records import record_history

    record_history(resource.value, record_id, organization, as_json=as_json)


@app.command(name="list")
def list_(
    resource: Annotated[a.ResourceName | None, typer.Option(help="Only imports of this resource.")] = None,
    action: Annotated[a.ActionName | None, typer.Option(help="Only imports with this action.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only imports with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The largest number of imports to show.")] = 20,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """List the newest imports."""
    from imports_pipeline.cli.commands.imports import list_imports

    given = {"resource": resource, "action": action, "status": status}
    filters = {name: str(value) for name, value in given.items() if value is not None}
    list_imports(organization, filters, limit, as_json=as_json)


@app.command()
def errors(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The import's id.")],
    format: Annotated[
        a.ErrorsFormat,
        typer.Option(
            help="A csv or xlsx file can be corrected and imported again; json has the exact cells. In xlsx all cells"
            " are texts, and the invalid ones are red."
        ),
    ] = a.ErrorsFormat.CSV,
) -> None:
    """Print the rejected rows of an import."""
    from imports_pipeline.cli.commands.imports import print_errors

    print_errors(import_id, format.value)


@app.command()
def export(
    resource: Annotated[a.ResourceName, typer.Argument(help="The resource to export.")],
    format: Annotated[
        a.ExportFormat,
        typer.Option(
            help="A csv or xlsx file can be imported again. In xlsx all cells are texts, for editing in a spreadsheet."
        ),
    ] = a.ExportFormat.CSV,
    organization: a.Organization = "default",
    raw: Annotated[
        bool, typer.Option(help="For programs: do not neutralise cells that a spreadsheet would execute.")
    ] = False,
) -> None:
    """Print the stored records; importing the CSV again changes nothing."""
    from imports_pipeline.cli.commands.records import export_records

    export_records(resource.value, format.value, organization, raw=raw)


@app.command()
def limits(
    deletion_floor: a.Floor = None,
    deletion_percent: a.Percent = None,
    deletion_total: a.Total = None,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """Show how many records an overwrite of the organization may remove without approval; options set it."""
    from imports_pipeline.cli.commands.records import organization_limits

    given = {"floor": deletion_floor, "percent": deletion_percent, "total": deletion_total}
    organization_limits(organization, given, as_json=as_json)


@app.command()
def uploads(
    state: Annotated[
        list[a.UploadState] | None, typer.Option(help="Only files in this state; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The largest number of files to show.")] = 20,
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """List the newest dropped files with their state, their import, and why some were skipped."""
    from imports_pipeline.cli.commands.watched import list_uploads

    list_uploads(organization, [one.value for one in state or []], limit, as_json=as_json)


@app.command(name="known-files")
def known_files(
    name: Annotated[str | None, typer.Argument(help="Show everything that is known about this one.")] = None,
    as_json: a.AsJson = False,
) -> None:
    """List the products whose exports are recognised, and what is known about each."""
    from imports_pipeline.cli.commands.known_files import list_known_files

    list_known_files(name, as_json=as_json)


@locations.command(name="add")
def add_location(
    name: Annotated[str, typer.Argument(help="The location's name, unique in the organization.")],
    organization: a.Organization = "default",
    as_json: a.AsJson = False,
) -> None:
    """Add a location and print its id."""
    from imports_pipeline.cli.commands.records import add_location

    add_location(name, organization, as_json=as_json)


@locations.command(name="list")
def list_locations(organization: a.Organization = "default", as_json: a.AsJson = False) -> None:
    """List the locations."""
    from imports_pipeline.cli.commands.records import list_locations

    list_locations(organization, as_json=as_json)


@app.command()
def housekeeping(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count old records of Dagster and old dropped files.")
    ] = False,
    as_json: a.AsJson = False,
) -> None:
    """Remove expired files and histories, old records of Dagster, and what killed processes left behind."""
    from imports_pipeline.cli.commands.housekeeping import housekeeping

    housekeeping(dry_run=dry_run, as_json=as_json)


@app.command()
def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of Dagster's web server.")] = 3000,
    api_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of the HTTP API; 0 means no API.")
    ] = 8000,
    pages_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="The port of the pages, which need the API; 0 means no pages."),
    ] = 8080,
) -> None:
    """Run PostgreSQL, Dagster's web server and daemon, the HTTP API and the pages until Ctrl-C."""
    from imports_pipeline.cli.commands.project.dev import dev as run_dev
    from imports_pipeline.cli.session import stop
    from imports_pipeline.database.server_url import ServerError
    from imports_pipeline.filestore.stores import StoreError
    from imports_pipeline.settings import Settings

    if port == api_port:
        raise typer.BadParameter(f"{port} is the --port of Dagster's web server", param_hint="--api-port")
    if pages_port and pages_port in (port, api_port):
        raise typer.BadParameter(f"{pages_port} is the port of another server", param_hint="--pages-port")
    try:
        raise typer.Exit(run_dev(Settings.read().home, port, api_port, pages_port))
    except (ServerError, StoreError, FileNotFoundError, ValueError) as error:
        stop(str(error))


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="A new folder; its name is that of the Python package.")],
) -> None:
    """Write a Dagster project of one's own that imports contacts and groups, for `dg`."""
    from imports_pipeline.cli.commands.project.init import init as init_project

    init_project(folder)


command_help.describe(app)
