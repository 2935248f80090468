"""The session of a command: settings, a running database with all migrations, the environment of Dagster."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from imports_pipeline.cli.gc_pause import gc_paused

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

STOPPED_BY: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def session() -> Iterator[ImportWorkflow]:
    """Start the database for the block if it is not running; end the command with a reason if that fails."""
    with gc_paused():
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

    # A signal may interrupt a statement whose rollback then fails. psycopg logs that as a warning, which would stand
    # before the sentence that says how the import ended.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
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
                    f"imports-pipeline: the process that ran {import_id} has died; the import ended as failed.",
                    err=True,
                )
            yield workflow
    except (ServerError, StoreError, FileNotFoundError, ValueError) as error:
        stop(str(error))
    except psycopg.OperationalError as error:
        stop(
            f"the connection to the database was lost ({' '.join(str(error).split())}); try again when it is back.",
            3,
        )


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into ``KeyboardInterrupt`` during the block.

    A shell that starts a command in the background ignores SIGINT. Its child processes would inherit that and could
    not be stopped with SIGINT.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOPPED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(message: str, code: int = 1) -> NoReturn:
    """Print a sentence on standard error and exit with a status."""
    typer.echo(f"imports-pipeline: {message}", err=True)
    raise typer.Exit(code)
