"""The commands about imports: run, undo, cancel, show and list imports, and print rejected rows."""

from __future__ import annotations

import getpass
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from imports_pipeline.cli import standard_input
from imports_pipeline.cli.gc_pause import gc_paused
from imports_pipeline.cli.interruption import report_interruption, report_stopped
from imports_pipeline.cli.output import document, print_import, print_imports, print_json
from imports_pipeline.cli.progress import progress
from imports_pipeline.cli.session import reading, session, stop, tell
from imports_pipeline.cli.usage import check_sources, check_stored_names, checked_options
from imports_pipeline.model import ids
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, UPLOAD, Files
from imports_pipeline.model.import_names import name_of_file
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow


def run_import(
    source: str,
    resource: str,
    given: Mapping[str, Any],
    *,
    name: str | None,
    organization: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Register an import, run its phases and print it; exit with 1 if it failed."""
    options = checked_options(resource, given, name)
    check_sources([source], parts=options.parts)
    how: dict[str, Any] = {"name": name, "organization": organization}
    with report_interruption(), _standard_input(source) as given_file, session() as workflow:
        check_stored_names(workflow.database, options, organization)
        if given_file is None:
            import_ = register(workflow, source, resource, options, **how)
        else:
            import_ = _register_content(workflow, given_file, resource, options, **how)
        finish(workflow, import_, wait=wait, as_json=as_json)


@contextmanager
def _standard_input(source: str) -> Iterator[BinaryIO | None]:
    """Yield a copy of standard input, or None for any other source. It is read before an import is registered."""
    if source != standard_input.NAME:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        standard_input.copy_to(file)
        file.seek(0)
        yield file


def register(
    workflow: ImportWorkflow,
    source: str,
    resource: str,
    options: Options,
    *,
    name: str | None,
    organization: str,
) -> Import:
    """Register an import of a file and return it."""
    from imports_pipeline.registry import import_records

    with workflow.database.connect() as connection:
        return import_records.create_import(
            connection,
            organization_id=organization,
            resource=resource,
            options=options,
            source="cli",
            source_uri=source if "://" in source else str(Path(source).absolute()),
            name=name or name_of_file(source),
            created_by=user(),
        )


def _register_content(
    workflow: ImportWorkflow,
    content: BinaryIO,
    resource: str,
    options: Options,
    *,
    name: str | None,
    organization: str,
) -> Import:
    """Register an import, with this content as its upload, and return it."""
    from imports_pipeline.registry import import_records

    with workflow.database.connect() as connection, connection.transaction():
        import_ = import_records.create_import(
            connection,
            organization_id=organization,
            resource=resource,
            options=options,
            source="cli",
            name=name or "standard input",
            created_by=user(),
        )
        with workflow.files(import_).open_write(UPLOAD) as upload:
            shutil.copyfileobj(content, upload, 1 << 20)
    return import_


def finish(
    workflow: ImportWorkflow,
    import_: Import,
    *,
    wait: bool,
    as_json: bool,
    more_tags: Mapping[str, str] | None = None,
) -> None:
    """Run a registered import or batch, its first run with more tags, and print it; exit with 1 if it failed."""
    from imports_pipeline.workflow.early_fetch import fetched_meanwhile

    with fetched_meanwhile(workflow, import_), gc_paused():
        from imports_pipeline.dagster_runtime import in_process_runner

    in_process_runner.quiet_dagster()

    def run() -> Import:
        with progress():
            return in_process_runner.run_import(workflow, import_, wait=wait, more_tags=more_tags or {})

    ended = _run_and_print(workflow, import_, run, as_json=as_json)
    if ended.status in (Status.FAILED, Status.TIMED_OUT):
        raise typer.Exit(1)


def _run_and_print(
    workflow: ImportWorkflow, import_: Import, run: Callable[[], Import], *, as_json: bool
) -> Import:
    """Run an import and print it as it ended, also after Ctrl-C or a lost database; return it."""
    from imports_pipeline.cli import lost_database

    try:
        ended = run()
    except KeyboardInterrupt:
        ended = workflow.finalization.cancel(import_.id)
    except lost_database.LOST:
        ended = _lost(workflow, import_, as_json=as_json)
    show(workflow, ended, as_json=as_json)
    report_stopped(ended)
    return ended


def _lost(workflow: ImportWorkflow, import_: Import, *, as_json: bool) -> Import:
    """Return the import that lost its connection, as it ended; exit with 3 if the database does not respond."""
    from imports_pipeline.cli import lost_database

    import_, sentence = lost_database.ended(workflow, import_)
    if sentence is not None:
        if as_json:
            print_json(document(import_, workflow))
        stop(sentence, lost_database.EXIT_STATUS)
    return import_


def user() -> str | None:
    """Return the name of the user who runs the command, or None if the user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # The user of a container may have only a number.
        return None


def show(workflow: Any, import_: Import, *, as_json: bool) -> None:
    """Print an import with its files."""
    _print(import_, document(import_, workflow), as_json=as_json)


def _print(import_: Import, shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    print_import(shown)
    if import_.status is Status.QUEUED:
        typer.echo(
            "The batch is queued; the sensor queued_batches writes it while `imports-pipeline dev` runs."
        )


def revert_import(import_id: str, *, dry_run: bool, as_json: bool) -> None:
    """Undo an import and print the revert; exit with 1 if it failed."""
    with report_interruption(), session(create=False) as workflow:
        from imports_pipeline.dagster_runtime import in_process_runner
        from imports_pipeline.registry.import_records import NoSuchImport
        from imports_pipeline.workflow import revert

        in_process_runner.quiet_dagster()
        try:
            import_ = revert.request_revert(
                workflow, _recorded_as(workflow, import_id), dry_run=dry_run, source="cli", created_by=user()
            )
        except (InvalidOption, NoSuchImport) as error:
            stop(str(error))
        ended = _run_and_print(workflow, import_, lambda: _run_revert(workflow, import_), as_json=as_json)
        if ended.status is not Status.COMPLETED:
            raise typer.Exit(1)


def _run_revert(workflow: ImportWorkflow, import_: Import) -> Import:
    from imports_pipeline.dagster_runtime import in_process_runner

    with progress():
        return in_process_runner.run_revert(workflow, import_)


def cancel_import(import_id: str, *, as_json: bool) -> None:
    """Cancel an import and print it; exit with 1 if it had already ended."""
    with session(create=False) as workflow:
        from imports_pipeline.dagster_runtime import in_process_runner

        in_process_runner.quiet_dagster()
        found = find(workflow, import_id)
        had_ended = found.has_ended
        import_ = in_process_runner.cancel_import(workflow, found.id)
        show(workflow, import_, as_json=as_json)
        if import_.code != "canceled":
            stop(
                f"{import_id} {'had' if had_ended else 'has'} ended ({import_.status}); there is nothing to cancel."
            )


def show_import(import_id: str, *, as_json: bool) -> None:
    """Print one import."""
    with reading() as installation:
        import_ = find(installation, import_id)
        show(installation, import_, as_json=as_json)


def list_imports(organization: str, filters: Mapping[str, str], limit: int, *, as_json: bool) -> None:
    """Print the newest imports."""
    with reading() as installation:
        from imports_pipeline.registry import import_records

        with installation.database.connect() as connection:
            found = import_records.list_imports(connection, organization, limit=limit, filters=filters)
        if as_json:
            print_json([document(import_, installation) for import_ in found])
        elif found:
            print_imports([import_.as_object() for import_ in found])
        else:
            which = " that match" if filters else ""
            tell(f"The organization {organization} has no imports{which}.")


def print_errors(import_id: str, format: str) -> None:
    """Print the errors file of an import as it is; an import without one prints nothing."""
    if format == "xlsx" and sys.stdout.isatty():
        stop(f"a workbook is no text: write it to a file, as in `> {import_id}-errors.xlsx`.", 2)
    with reading() as installation:
        import_ = find(installation, import_id)
        if not import_.has_errors_file:
            typer.echo(f"{import_id} has no rejected rows and no values that were left out.", err=True)
            if format == "json":
                typer.echo("[]")
            return
        if format == "xlsx":
            _print_workbook(installation.files(import_))
            return
        name = ERRORS_CSV if format == "csv" else ERRORS_JSON
        with installation.files(import_).open_read(name) as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def _print_workbook(files: Files) -> None:
    """Print the errors file as a workbook when it is complete; exit with 1 if a sheet cannot hold it."""
    from imports_pipeline.import_phases.files.error_workbook import write_error_workbook
    from imports_pipeline.import_phases.files.text_workbook import NoWorkbook

    with tempfile.TemporaryFile() as book:
        try:
            write_error_workbook(files, book)
        except NoWorkbook as error:
            stop(f"the errors file is no workbook: {error}. Print it as csv.")
        book.seek(0)
        shutil.copyfileobj(book, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def find(workflow: Any, import_id: str) -> Import:
    """Return an import or a batch by its id; end the command if there is none."""
    from imports_pipeline.registry.import_records import NoSuchImport

    try:
        found: Import = workflow.get(_recorded_as(workflow, import_id))
    except NoSuchImport as error:
        stop(
            f"{error} All organizations of this database were searched; --organization lists those of another one."
        )
    return found


def _recorded_as(workflow: Any, given: str) -> str:
    """Return the id of the record of an import or a batch. Raises ``NoSuchImport``."""
    from imports_pipeline.registry import import_records

    if not ids.is_id(ids.BATCH, given):
        return given
    with workflow.database.connect() as connection:
        return import_records.import_of_batch(connection, given).id
