"""The commands of a deployment: ``migrate``, and commands that become another program in Dagster's environment."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands to the Typer application."""
    app.command()(migrate)
    # Options after the program's name belong to the program.
    app.command(
        name="exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
    )(execute)
    app.command()(worker)
    app.command()(warm)


def migrate() -> None:
    """Create or upgrade all tables, also Dagster's. Run it before the processes of a new version start."""
    from imports_pipeline.cli.session import session
    from imports_pipeline.database import dagster_bloat, dagster_indexes
    from imports_pipeline.defs.runs.instance import migrate_dagster

    with session() as workflow:
        migrate_dagster()
        with workflow.database.connect() as connection:
            dagster_indexes.create_missing(connection)
            dagster_bloat.vacuum_sooner(connection)
    typer.echo("All tables are up to date.")


def warm() -> None:
    """Run the commands of this machine's user in a process that has loaded their modules, until Ctrl-C."""
    from imports_pipeline.cli import run_here
    from imports_pipeline.cli.session import stop
    from imports_pipeline.cli.warm.server import AlreadyWarm, serve_commands
    from imports_pipeline.settings import Settings

    try:
        is_command = serve_commands(Settings.read().home)
    except (AlreadyWarm, OSError, ValueError) as error:
        stop(str(error))
    if is_command:
        run_here()


def execute(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments.")
    ],
) -> None:
    """Replace this process by another program, such as dagster-daemon, in the environment that Dagster needs."""
    _become(command)


def worker(
    queue: Annotated[
        str, typer.Option(help="The queue of runs; several are separated by commas.")
    ] = "dagster",
    concurrency: Annotated[int, typer.Option(min=1, help="The number of runs at the same time.")] = 2,
    name: Annotated[
        str, typer.Option(help="The name of the worker; %h is the name of the host.")
    ] = "imports@%h",
) -> None:
    """Execute runs from the broker until SIGTERM; runs that have begun are then finished."""
    from imports_pipeline.cli.session import stop

    if find_spec("dagster_celery") is None:
        stop("a worker needs Celery. Install it: pip install 'imports-pipeline[celery]'.")
    if not os.environ.get("CELERY_BROKER_URL"):
        stop("CELERY_BROKER_URL is not set; set it to the broker of the runs, such as redis://host:6379/0.")
    os.environ.setdefault("IMPORTS_DEPLOYMENT", "celery")
    celery = ["celery", "-A", "imports_pipeline.dagster_runtime.celery_worker", "worker", "--loglevel=INFO"]
    _become([*celery, f"--queues={queue}", f"--concurrency={concurrency}", f"--hostname={name}"])


def _become(command: list[str]) -> NoReturn:
    """Replace this process by a program, so that signals reach the program itself."""
    from imports_pipeline.cli.session import stop
    from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment, project_root
    from imports_pipeline.database.server_url import ServerError, database
    from imports_pipeline.filestore.opening import open_store
    from imports_pipeline.filestore.stores import StoreError
    from imports_pipeline.settings import Settings

    try:
        settings = Settings.read()
        if not os.environ.get("DATABASE_URL", "").strip():
            stop("DATABASE_URL is not set; set it to a PostgreSQL server that all machines can reach.")
        open_store(settings).check()
        with database(settings.home) as url:
            environment = dagster_environment(url, settings.home, settings.store_url, settings.deployment)
        if settings.syncs is not None:
            environment["IMPORTS_SYNCS"] = str(settings.syncs)
        os.environ.update(environment)
        os.chdir(project_root())
    except (ServerError, StoreError, FileNotFoundError, ValueError) as error:
        stop(str(error))
    # The program may be installed beside this Python, whose folder need not be in PATH.
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or shutil.which(command[0])
    if program is None:
        stop(f"the program {command[0]} is neither installed beside this Python nor in PATH.")
    sys.stdout.flush()
    # A Python program finds its virtual environment by the path with which it is started.
    os.execv(program, [program, *command[1:]])
