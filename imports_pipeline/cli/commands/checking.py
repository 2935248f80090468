"""The commands ``read`` and ``check``, which need no database."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from imports_pipeline.batch_phases.planning.guards import check_errors
from imports_pipeline.cli import standard_input
from imports_pipeline.cli.output import print_json, print_notices, verdict
from imports_pipeline.cli.session import reading, stop
from imports_pipeline.cli.tables import Column, print_table
from imports_pipeline.cli.usage import check_sources, check_stored_names, checked_options
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.stores import Folder, StoreError
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.import_phases.files.rejected_rows import rejected_rows
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.import_phases.preparsing import preparse
from imports_pipeline.import_phases.prevalidation import prevalidate, read_options
from imports_pipeline.model import ids
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.reading.passed_over import in_words
from imports_pipeline.reading.preview import describe
from imports_pipeline.schemas.column_mapping.saved_mapping import SavedMapping, SavedMappings
from imports_pipeline.settings import Settings
from imports_pipeline.sources import fetching

_SHOWN_ERRORS = 20


def read_files(files: Sequence[str], given: Mapping[str, Any], limit: int | None) -> None:
    """Print the header and the records of each file as JSON lines; a file that cannot be read is one line."""
    try:
        options = read_options(Options.of(given))
    except InvalidOption as error:
        stop(str(error), 2)
    out = sys.stdout
    for name in files:
        try:
            source = Path(name).open("rb")  # noqa: SIM115 - closed by the block below
        except OSError as error:
            code = "source_not_found" if isinstance(error, FileNotFoundError) else "source_not_readable"
            reason = f"{name} cannot be opened ({error.strerror}); check the path and its permissions."
            refused = {"line": 0, "byte_offset": 0, "code": code, "message": reason, "raw": ""}
            out.write(json.dumps({"file": name, "kind": "reject", **refused}, ensure_ascii=False) + "\n")
            continue
        with source:
            for seen in _limited(describe(name, source, options), limit):
                out.write(json.dumps(seen, ensure_ascii=False) + "\n")


def _limited(seen: Iterable[dict[str, Any]], limit: int | None) -> Iterable[dict[str, Any]]:
    """Return the header and at most ``limit`` records; None means all."""
    return seen if limit is None else islice(seen, limit + 1)


def check_file(
    source: str,
    resource: str,
    given: Mapping[str, Any],
    *,
    errors: str | None,
    organization: str,
    as_json: bool,
    fail_on_rejects: bool,
) -> None:
    """Run phases 1 and 2 on a file and print their results; exit with 1 if the file could not be imported.

    Args:
        source: Path or URI of the file.
        resource: Name of the resource.
        given: The options.
        errors: Where to write all rejected rows.
        organization: Whose saved mapping the options mean.
        as_json: Whether to print JSON.
        fail_on_rejects: Whether to exit with 1 if a row is rejected.
    """
    options = checked_options(resource, given)
    check_sources([source])
    try:
        limits = Limits.of(Settings.read())
    except ValueError as error:
        stop(str(error), 2)
    now = datetime.now(UTC)
    import_ = Import(
        ids.new_id(ids.IMPORT),
        organization,
        resource,
        options,
        Status.REQUESTED,
        "cli",
        now,
        now,
        source_uri=source,
    )
    with tempfile.TemporaryDirectory(prefix="imports-check-") as folder:
        files = LocalStore(Path(folder)).folder(import_.folder)
        shown: dict[str, Any] = {"file": source, "resource": resource, "reason": None, "code": None}
        results: list[PhaseResult] = []
        try:
            saved = _saved_mapping(import_)
            if source == standard_input.NAME:
                with files.open_write(UPLOAD) as upload:
                    standard_input.copy_to(upload)
            else:
                fetching.fetch(source, files)
            results.append(prevalidate(import_, files, sync_rows=sys.maxsize, limits=limits, saved=saved))
            shown["detected"] = results[0].facts["detected"]
            if results[0].success:
                results.append(preparse(import_, files))
            _check_results(options, results)
        except PermanentFailure as failure:
            shown |= {"reason": failure.reason, "code": failure.code}
        except StoreError as error:
            stop(str(error))
        shown["phases"] = [
            {"name": r.phase.value, "total": r.total, "success": r.success, "error": r.error} for r in results
        ]
        shown["notices"] = [notice.as_dict() for result in results for notice in result.notices]
        listed = write_error_files(files)
        shown["rejected"] = sum(result.error for result in results)
        if listed > shown["rejected"]:
            shown["warnings"] = listed - shown["rejected"]
        if results and not shown["reason"]:
            shown["verdict"] = verdict(results[0].total, shown["rejected"], shown["notices"], done=False)
        _copy_errors(files, errors)
        if as_json:
            first = islice(rejected_rows(files), _SHOWN_ERRORS)
            shown["errors"] = [{"line": row.line, "phase": row.phase, "errors": row.errors} for row in first]
            print_json(shown)
        else:
            _print(shown, files)
    if shown["reason"] or (fail_on_rejects and shown["rejected"]):
        raise typer.Exit(1)


def _saved_mapping(import_: Import) -> SavedMapping | SavedMappings | None:
    """Return the saved mapping that the options name; exit with 2 if there is none. Only this opens the database."""
    if import_.options.saved_mapping is None:
        return None
    with reading() as installation, installation.database.connect() as connection:
        from imports_pipeline.registry import saved_mappings

        check_stored_names(installation.database, import_.options, import_.organization_id)
        return saved_mappings.mapping_of(connection, import_)


def _check_results(options: Options, results: Sequence[PhaseResult]) -> None:
    """Raise ``PermanentFailure`` if no row is valid or the option ``max_errors`` is exceeded."""
    if not results[-1].success:
        raise PermanentFailure(
            "no_valid_row", "No row of the file is valid; correct the rows that are rejected."
        )
    check_errors(options, sum(result.error for result in results), results[0].total)


def _copy_errors(files: Folder, path: str | None) -> None:
    if path is None:
        return
    name = ERRORS_JSON if path.endswith(".json") else ERRORS_CSV
    if not files.exists(name):
        Path(path).write_text("[]\n" if name == ERRORS_JSON else "")
        return
    with files.open_read(name) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)


def _print(shown: Mapping[str, Any], files: Folder) -> None:
    if shown["reason"]:
        typer.echo(shown["reason"])
    if detected := shown.get("detected"):
        print_table((Column("found"), Column("as", text=True)), _facts(detected), heading_in_pipe=True)
    for phase in shown["phases"]:
        typer.echo(
            f"{phase['name']}: {phase['total']:,} rows, {phase['success']:,} passed, {phase['error']:,} rejected"
        )
    print_notices(shown["notices"], in_verdict="verdict" in shown)
    if listed := shown["rejected"] + shown.get("warnings", 0):
        columns = (
            Column("line", right=True),
            Column("code", rank=1),
            *(Column(name, text=True) for name in ("column", "value", "message")),
        )
        rows = (
            (str(row.line), error["code"], error["column"][:60], error["value"][:60], error["message"])
            for row in islice(rejected_rows(files), _SHOWN_ERRORS)
            for error in row.errors
        )
        print_table(columns, rows, heading_in_pipe=True)
        if listed > _SHOWN_ERRORS:
            typer.echo(f"… and {listed - _SHOWN_ERRORS:,} more rows; --errors FILE writes all of them.")
    if "verdict" in shown:
        typer.echo(shown["verdict"])


def _facts(detected: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield the names and values of what was found out about a file."""
    for name, value in detected.items():
        if name in ("columns", "ignored_columns", "passed_over") or value in ("", None, []):
            continue
        yield name, repr(value) if isinstance(value, str) and not value.isalnum() else str(value)
    for field, header in detected["columns"].items():
        yield f"column {field}", " + ".join(header) if isinstance(header, list) else header
    if detected["ignored_columns"]:
        yield "ignored columns", ", ".join(detected["ignored_columns"])
    if detected["passed_over"]:
        yield "passed over", in_words(detected["passed_over"])
