"""What a command works with: settings, a database that is up and migrated, the environment for Dagster."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from imports_pipeline.cli.gc_pause import loading

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

STOPPED_BY: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def session() -> Iterator[ImportWorkflow]:
    """Bring the database up for the block; a server that cannot be had ends the command with its reason."""
    with loading():
        import psycopg

        from imports_pipeline.dagster_runtime.abandoned_imports import end_abandoned
        from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
        from imports_pipeline.database.connections import Database
        from imports_pipeline.database.migrations import migrate
        from imports_pipeline.database.server_url import ServerError, database
        from imports_pipeline.filestore.opening import open_store
        from imports_pipeline.filestore.stores import StoreError
        from imports_pipeline.settings import Settings
        from imports_pipeline.workflow.import_workflow import ImportWorkflow

    try:
        settings = Settings.read()
        store = open_store(settings)
        store.check()
        with database(settings.home) as url:
            migrate(url)
            os.environ.update(
                dagster_environment(url, settings.home, settings.store_url, settings.deployment)
            )
            workflow = ImportWorkflow(Database(url), store, settings)
            for import_id in end_abandoned(workflow):
                typer.echo(
                    f"imports-pipeline: the process that ran {import_id} is gone; the import ended as failed.",
                    err=True,
                )
            yield workflow
    except (ServerError, StoreError, FileNotFoundError, ValueError) as error:
        stop(str(error))
    except psycopg.OperationalError as error:
        stop(f"the database was lost ({' '.join(str(error).split())}); try again once it answers.", 3)


@contextmanager
def interruptible() -> Iterator[None]:
    """Make every way to stop a command a ``KeyboardInterrupt``, also if a shell put it in the background.

    Such a shell has SIGINT ignored, and the processes that are started would inherit that and never stop.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOPPED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(message: str, code: int = 1) -> NoReturn:
    """End the command with a sentence on standard error and an exit status."""
    typer.echo(f"imports-pipeline: {message}", err=True)
    raise typer.Exit(code)
