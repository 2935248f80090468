"""The commands about stored records: export, history, deletion limits, and locations."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import reading, session, stop
from imports_pipeline.cli.tables import Column, print_table, shown_time
from imports_pipeline.database.editions import reading_records
from imports_pipeline.model.imports import shown_as
from imports_pipeline.schemas.catalog import RESOURCES


def export_records(resource: str, format: str, organization: str, *, raw: bool = False) -> None:
    """Print the organization's records of a resource as a stream; a workbook is printed when it is complete."""
    if format == "xlsx":
        _export_workbook(resource, organization, raw=raw)
        return
    with reading() as installation:
        from imports_pipeline.registry.export import export

        with installation.database.connect() as connection, reading_records(connection, organization):
            for chunk in export(connection, RESOURCES[resource], organization, format, raw=raw):
                sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _export_workbook(resource: str, organization: str, *, raw: bool) -> None:
    """Print a workbook, unless standard output is a terminal."""
    if sys.stdout.isatty():
        stop(f"a workbook is no text: write it to a file, as in `> {resource}s.xlsx`.", 2)
    with reading() as installation, tempfile.TemporaryFile() as book:
        from imports_pipeline.import_phases.files.text_workbook import NoWorkbook, write_text_workbook
        from imports_pipeline.registry.export import export_rows

        with installation.database.connect() as connection, reading_records(connection, organization):
            try:
                with closing(export_rows(connection, RESOURCES[resource], organization, raw=raw)) as rows:
                    write_text_workbook(rows, book, f"{resource}s")
            except NoWorkbook as error:
                stop(f"the export is no workbook: {error}. Export it as csv.")
        book.seek(0)
        shutil.copyfileobj(book, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def organization_limits(organization: str, given: Mapping[str, float | None], *, as_json: bool) -> None:
    """Set the limits that are not None, and print all limits in force."""
    changed = {name: value for name, value in given.items() if value is not None}
    with session() if changed else reading() as opened:
        from imports_pipeline.registry import organizations

        with opened.database.connect() as connection:
            if changed:
                organizations.set_limits(connection, organization, changed)
            limits = organizations.limits(connection, organization)
        shown = {f"deletion_{name}": value for name, value in asdict(limits).items()}
        print_json(shown) if as_json else typer.echo("  ".join(f"{k} {v:g}" for k, v in shown.items()))


def record_history(resource: str, record_id: str, organization: str, *, as_json: bool) -> None:
    """Print the changes that imports made to a record, the newest first."""
    with reading() as installation:
        from imports_pipeline.registry.record_history import history_of

        with installation.database.connect() as connection, reading_records(connection, organization):
            entries = history_of(connection, RESOURCES[resource], organization, record_id)[::-1]
        if not entries:
            stop(
                f"The organization {organization} has no {resource} {record_id}, and no history of one. Check the"
                " id; --organization names another organization."
            )
        if as_json:
            print_json(entries)
            return
        typer.echo(f"{resource.capitalize()} {record_id} of the organization {organization}:", err=True)
        print_table(_HISTORY, map(_history_row, entries))


_HISTORY: Final = (
    Column("time (UTC)"),
    Column("import", rank=1),
    Column("operation"),
    Column("changes", text=True),
)


def _history_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    changes = "\n".join(f"{name}: {_change(change)}" for name, change in entry["changes"].items())
    return shown_time(entry["at"]), entry["import_id"] or "", shown_as(entry["operation"]), changes


def _change(change: Mapping[str, Any]) -> str:
    if "old" in change:
        return f"{change['old']!r} → {change['new']!r}"
    return " ".join([*(f"+{one}" for one in change["added"]), *(f"-{one}" for one in change["removed"])])


def add_location(name: str, organization: str, *, as_json: bool) -> None:
    """Add a location and print its id; a second one of the same name is an error."""
    with session() as workflow:
        from imports_pipeline.registry import locations

        try:
            with workflow.database.connect() as connection:
                location = locations.add(connection, organization, name)
        except locations.InvalidLocation as error:
            stop(str(error))
        print_json(location) if as_json else typer.echo(location["id"])


def list_locations(organization: str, *, as_json: bool) -> None:
    """Print the organization's locations by name."""
    with reading() as installation:
        from imports_pipeline.registry import locations

        with installation.database.connect() as connection:
            found = locations.list_locations(connection, organization)
        if as_json:
            print_json(found)
            return
        print_table((Column("id"), Column("name", text=True)), ((one["id"], one["name"]) for one in found))
