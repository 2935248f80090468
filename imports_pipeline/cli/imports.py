"""The commands about imports: run one, show it, list them, print what was rejected."""

from __future__ import annotations

import getpass
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from imports_pipeline.cli.output import document, line_of, print_import, print_imports, print_json, progress
from imports_pipeline.cli.session import session, stop
from imports_pipeline.model import ids
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import InvalidOption, Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration.requests import options_of

if TYPE_CHECKING:
    from imports_pipeline.orchestration.journey import Journey

_FAILED = (Status.FAILED, Status.TIMED_OUT)


def run_imports(
    sources: Sequence[str],
    resource: str,
    given: Mapping[str, Any],
    *,
    name: str | None,
    organization: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Import files one after another and print what came of each; exits with 1 when one did not succeed."""
    try:
        options = options_of(resource, given, name)
    except InvalidOption as error:
        stop(str(error), 2)
    with session() as journey:
        from imports_pipeline.orchestration import runner

        runner.quiet_dagster()
        with runner.opened(journey, wait=wait) as running:

            def run(source: str) -> Import:
                import_ = _register(journey, source, resource, options, name, organization)
                return _finished(journey, import_, running.run_import)

            if len(sources) == 1:
                ended = [run(sources[0])]
                _print(ended[0], document(ended[0], journey), as_json=as_json)
            else:
                ended = _each(sources, run, journey, as_json=as_json)
    if any(import_.status in _FAILED for import_ in ended):
        raise typer.Exit(1)


def _each(
    sources: Sequence[str], run: Callable[[str], Import], journey: Journey, *, as_json: bool
) -> list[Import]:
    """Run several, saying what came of each as it ends; one that fails does not stop those behind it."""
    ended: list[Import] = []
    for source in sources:
        ended.append(run(source))
        if not as_json:
            typer.echo(line_of(source, ended[-1]))
        if ended[-1].code == "canceled":
            break
    failed = sum(import_.status in _FAILED for import_ in ended)
    if as_json:
        print_json([document(import_, journey) for import_ in ended])
    else:
        left = f", {len(sources) - len(ended):,} not begun" if len(ended) < len(sources) else ""
        typer.echo(f"{len(ended):,} files: {len(ended) - failed:,} imported, {failed:,} failed{left}")
    return ended


def _register(
    journey: Journey, source: str, resource: str, options: Options, name: str | None, organization: str
) -> Import:
    from imports_pipeline.storage import registry

    with journey.database.connect() as connection:
        return registry.create_import(
            connection,
            organization_id=organization,
            resource=resource,
            options=options,
            source="cli",
            source_uri=source if "://" in source else str(Path(source).absolute()),
            name=name,
            created_by=user(),
        )


def _finished(journey: Journey, import_: Import, run: Callable[[Import], Import]) -> Import:
    """Take a registered import or batch through its phases; Ctrl-C cancels it."""
    try:
        with progress(journey, import_.id):
            return run(import_)
    except KeyboardInterrupt:
        journey.endings.fail(import_.id, "canceled", "Interrupted before anything was written; import again.")
        return journey.get(import_.id)


def finish(journey: Journey, import_: Import, *, wait: bool, as_json: bool) -> None:
    """Take a registered import or batch through its phases and print it; exits with 1 when it did not succeed."""
    from imports_pipeline.orchestration import runner

    runner.quiet_dagster()
    with runner.opened(journey, wait=wait) as running:
        import_ = _finished(journey, import_, running.run_import)
    _print(import_, document(import_, journey), as_json=as_json)
    if import_.status in _FAILED:
        raise typer.Exit(1)


def user() -> str | None:
    """Give the name of who runs the command, if there is one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return None


def _print(import_: Import, shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    print_import(shown)
    if import_.status is Status.QUEUED:
        typer.echo("The batch is queued; `imports-pipeline dev` (the sensor queued_batches) writes it.")


def revert_import(import_id: str, *, dry_run: bool, as_json: bool) -> None:
    """Take an import back and print the revert; exits with 1 when it did not succeed."""
    with session() as journey:
        from imports_pipeline.orchestration import runner, undo
        from imports_pipeline.storage.registry import NoSuchImport

        runner.quiet_dagster()
        try:
            import_ = undo.request_revert(
                journey, _recorded_as(journey, import_id), dry_run=dry_run, source="cli", created_by=user()
            )
        except (InvalidOption, NoSuchImport) as error:
            stop(str(error))
        import_ = runner.run_revert(journey, import_)
        _print(import_, document(import_, journey), as_json=as_json)
        if import_.status is not Status.COMPLETED:
            raise typer.Exit(1)


def cancel_import(import_id: str, *, as_json: bool) -> None:
    """Cancel an import and print it as it ended; exits with 1 when it was too late: its write is committed."""
    with session() as journey:
        from imports_pipeline.orchestration import runner

        runner.quiet_dagster()
        found = _find(journey, import_id)
        had_ended = found.has_ended
        import_ = runner.cancel_import(journey, found.id)
        _print(import_, document(import_, journey), as_json=as_json)
        if import_.code != "canceled":
            stop(
                f"{import_id} {'had' if had_ended else 'has'} ended ({import_.status}); there is nothing to cancel."
            )


def show_import(import_id: str, *, as_json: bool) -> None:
    """Print one import."""
    with session() as journey:
        import_ = _find(journey, import_id)
        _print(import_, document(import_, journey), as_json=as_json)


def list_imports(organization: str, filters: Mapping[str, str], limit: int, *, as_json: bool) -> None:
    """Print the newest imports."""
    with session() as journey:
        from imports_pipeline.storage import registry

        with journey.database.connect() as connection:
            found = registry.list_imports(connection, organization, limit=limit, filters=filters)
        shown = [document(import_, journey) for import_ in found]
        print_json(shown) if as_json else print_imports(shown)


def print_errors(import_id: str, format: str) -> None:
    """Print the errors file of an import as it is; an import without one prints nothing."""
    with session() as journey:
        import_ = _find(journey, import_id)
        if not import_.has_errors_file:
            typer.echo(f"{import_id} has no rejected rows.", err=True)
            if format == "json":
                typer.echo("[]")
            return
        name = ERRORS_CSV if format == "csv" else ERRORS_JSON
        with journey.files(import_).open_read(name) as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def _find(journey: Any, import_id: str) -> Import:
    from imports_pipeline.storage.registry import NoSuchImport

    try:
        found: Import = journey.get(_recorded_as(journey, import_id))
    except NoSuchImport as error:
        stop(str(error))
    return found


def _recorded_as(journey: Any, given: str) -> str:
    """Give the id of the record of an import or a batch. Raises ``NoSuchImport``."""
    from imports_pipeline.storage import registry

    if not ids.is_id(ids.BATCH, given):
        return given
    with journey.database.connect() as connection:
        return registry.import_of_batch(connection, given).id
