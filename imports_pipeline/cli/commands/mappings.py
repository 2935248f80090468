"""The commands ``mappings``: save how the columns of a file are mapped, and list, show and remove it."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import reading, session, stop
from imports_pipeline.cli.tables import Column, print_table
from imports_pipeline.cli.usage import check_sources, checked_options
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import StoreError
from imports_pipeline.import_phases.opened_upload import Source, read_options
from imports_pipeline.model import ids
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.schemas.column_mapping.known_files.recognition import NONE
from imports_pipeline.schemas.column_mapping.saved_mapping import ANY, SavedMapping


def save_mapping(
    name: str, file: str, resource: str, given: Mapping[str, Any], *, organization: str, as_json: bool
) -> None:
    """Map the columns of a file, save the mapping with the file's header, and print what each column is."""
    options = checked_options(resource, {**given, "saved_mapping": name})
    if name == ANY:
        stop("saved_mapping * stands for the mapping of a file's header; give the mapping a name", 2)
    check_sources([file])
    found = _open(file, resource, options)
    mapping = SavedMapping(
        name,
        resource,
        tuple(found.layout.header),
        dict(options.column_mapping),
        found.known.name if found.known else NONE,
    )
    with session() as workflow, workflow.database.connect() as connection:
        from imports_pipeline.registry import saved_mappings

        replaced = saved_mappings.save(connection, organization, mapping)
    detected = found.detected()
    shown = {
        **_shown(mapping),
        "columns": detected["columns"],
        "ignored_columns": detected["ignored_columns"],
    }
    if as_json:
        print_json({**shown, "replaced": replaced})
        return
    _print_columns(shown)
    typer.echo(
        f"The mapping {name} is {'replaced' if replaced else 'saved'}; use it with --saved-mapping {name}."
    )


def _open(file: str, resource: str, options: Options) -> Source:
    """Return the file with the plan of its columns; end the command if it cannot be read or mapped."""
    # Here because opening S3 takes half a second to load.
    from imports_pipeline.sources import fetching

    now = datetime.now(UTC)
    import_ = Import(
        ids.new_id(ids.IMPORT), "", resource, options, Status.REQUESTED, "cli", now, now, source_uri=file
    )
    with tempfile.TemporaryDirectory(prefix="imports-mapping-") as folder:
        files = LocalStore(Path(folder)).folder(import_.folder)
        try:
            fetching.fetch(file, files)
            with files.open_read(UPLOAD) as upload:
                return Source.open(import_, upload, read_options(options))
        except (PermanentFailure, StoreError) as error:
            stop(str(error))


def list_saved(organization: str, *, as_json: bool) -> None:
    """Print the saved mappings of an organization."""
    with reading() as installation, installation.database.connect() as connection:
        from imports_pipeline.registry import saved_mappings

        shown = [_shown(one) for one in saved_mappings.list_mappings(connection, organization)]
    if as_json:
        print_json(shown)
        return
    columns = (
        Column("name"),
        Column("resource", rank=1),
        Column("known file", rank=2),
        Column("column mapping", text=True),
        Column("columns", rank=3, right=True),
    )

    def row(one: Mapping[str, Any]) -> tuple[str, ...]:
        pairs = ", ".join(f"{field}={header}" for field, header in one["column_mapping"].items())
        return one["name"], one["resource"], one["known_file"], pairs, str(len(one["header"]))

    print_table(columns, map(row, shown))


def show_mapping(name: str, organization: str, *, as_json: bool) -> None:
    """Print a saved mapping, and the command that saves it again."""
    with reading() as installation, installation.database.connect() as connection:
        from imports_pipeline.registry import saved_mappings

        try:
            shown = _shown(saved_mappings.find(connection, organization, name))
        except saved_mappings.NoSuchMapping as error:
            stop(f"{error}.")
    if as_json:
        print_json(shown)
        return
    for field, header in shown["column_mapping"].items():
        typer.echo(f"{field} = {header}")
    typer.echo(f"Known file: {shown['known_file']}")
    typer.echo(f"Header: {', '.join(shown['header'])}")
    typer.echo(f"To save it for another header: {shown['command']}")


def remove_mapping(name: str, organization: str, *, as_json: bool) -> None:
    """Remove a saved mapping."""
    with session(create=False) as workflow, workflow.database.connect() as connection:
        from imports_pipeline.registry import saved_mappings

        try:
            saved_mappings.remove(connection, organization, name)
        except saved_mappings.NoSuchMapping as error:
            stop(f"{error}.")
    print_json({"name": name, "removed": True}) if as_json else typer.echo(f"The mapping {name} is removed.")


def _shown(mapping: SavedMapping) -> dict[str, Any]:
    """Return a saved mapping as plain values, with the command that saves it again for the file FILE."""
    command = ["imports-pipeline", "mappings", "save", mapping.name, "FILE", "--resource", mapping.resource]
    for field, header in mapping.column_mapping.items():
        command += ["--column-mapping", f"{field}={header}"]
    if mapping.known_file != NONE:
        command += ["--known-file", mapping.known_file]
    return {
        **asdict(mapping),
        "header": list(mapping.header),
        "column_mapping": dict(mapping.column_mapping),
        "command": shlex.join(command),
    }


def _print_columns(shown: Mapping[str, Any]) -> None:
    rows = (
        (field, " + ".join(header) if isinstance(header, list) else header)
        for field, header in shown["columns"].items()
    )
    print_table((Column("field"), Column("column", text=True)), rows, heading_in_pipe=True)
    if shown["ignored_columns"]:
        typer.echo(f"Ignored columns: {', '.join(shown['ignored_columns'])}")
