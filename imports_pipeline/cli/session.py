"""The sessions of commands: settings, a running database with all migrations, the environment of Dagster.

``session`` is for commands that change something. ``reading`` is for commands that only print what is stored: it loads
neither Dagster nor what the phases need, which is most of the time of a short command.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from imports_pipeline.cli.gc_pause import gc_paused
from imports_pipeline.cli.later_pandas import load_pyarrow

if TYPE_CHECKING:
    from imports_pipeline.cli.installation import Installation
    from imports_pipeline.settings import Settings
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

STOPPED_BY: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def session(*, create: bool = True) -> Iterator[ImportWorkflow]:
    """Start the database for the block if it is not running; end the command with a reason if that fails.

    Args:
        create: Whether to create the embedded PostgreSQL if there is none. False is for commands that need something
            that is stored already.
    """
    with gc_paused():
        load_pyarrow()

        from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
        from imports_pipeline.database.connections import Database
        from imports_pipeline.database.migrations import migrate
        from imports_pipeline.database.server_url import creates_server, database, embedded_folder
        from imports_pipeline.filestore.opening import open_store
        from imports_pipeline.workflow.import_workflow import ImportWorkflow

    with _stopping_with_reasons() as settings:
        if create and creates_server(settings.home):
            tell(
                f"making a new PostgreSQL in {embedded_folder(settings.home)}; IMPORTS_HOME names another folder, and"
                " DATABASE_URL a server of your own."
            )
        with database(settings.home, create=create) as url:
            store = open_store(settings)
            store.check()
            migrate(url)
            os.environ.update(
                dagster_environment(url, settings.home, settings.store_url, settings.deployment)
            )
            workflow = ImportWorkflow(Database(url), store, settings)
            _end_abandoned(workflow)
            yield workflow


@contextmanager
def reading() -> Iterator[Installation]:
    """Start the database for the block if it is not running, and never create one; else like ``session``."""
    with gc_paused():
        from imports_pipeline.cli.installation import Installation
        from imports_pipeline.dagster_runtime.abandoned_imports import suspects
        from imports_pipeline.database.connections import Database
        from imports_pipeline.database.migrations import migrate
        from imports_pipeline.database.server_url import database

    with _stopping_with_reasons() as settings, database(settings.home, create=False) as url:
        migrate(url)
        installation = Installation(Database(url), settings)
        with installation.database.pooled():
            with installation.database.connect() as connection:
                found = suspects(connection)
            if found:
                with session(create=False):
                    # The session ends them.
                    pass
            yield installation


def _end_abandoned(workflow: ImportWorkflow) -> None:
    from imports_pipeline.dagster_runtime.abandoned_imports import end_abandoned

    for import_id in end_abandoned(workflow):
        tell(f"the process that ran {import_id} has died; the import ended as failed.")


@contextmanager
def _stopping_with_reasons() -> Iterator[Settings]:
    """Yield the settings; end the command with a sentence after an error that the user can mend."""
    with gc_paused():
        import psycopg

        from imports_pipeline.database.server_url import ServerError
        from imports_pipeline.filestore.stores import StoreError
        from imports_pipeline.settings import Settings

    # A signal may interrupt a statement whose rollback then fails. psycopg logs that as a warning, which would stand
    # before the sentence that says how the import ended.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        yield Settings.read()
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
    tell(message)
    raise typer.Exit(code)


def tell(message: str) -> None:
    """Print a sentence on standard error."""
    typer.echo(f"imports-pipeline: {message}", err=True)
