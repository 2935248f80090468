"""The Dagster resource with the database and the file store, from which ops and sensors get the import workflow."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Lock

import dagster as dg
from pydantic import Field

from imports_pipeline.database.connections import Database
from imports_pipeline.database.server_url import ServerError, database
from imports_pipeline.defs.runs.dagster_connections import is_process_of_a_run, keep_connections
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow

_starting = Lock()


class Imports(dg.ConfigurableResource[None]):
    """The imports of one installation.

    The sensor ignores batches that are queued through this resource for ``claim_seconds``, because the caller writes
    them itself.
    """

    #: If empty, the value of the environment, or the PostgreSQL of the package in ``home``.
    database_url: str = ""
    #: If empty, the value of the environment.
    home: str = ""
    #: Settings that replace those of the environment, by the names of their variables.
    settings: dict[str, str] = Field(default={})
    #: The environment variables that have the values of settings, by the usual names of their variables. A URL with a
    #: password is thus not in the definitions.
    variables: dict[str, str] = Field(default={})
    #: like ``Settings.store_url``; if empty, the value of the environment is used
    store_url: str = ""
    claim_seconds: int = 0

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep Dagster's connections open if this process executes only this run."""
        if context.instance is not None and is_process_of_a_run():
            keep_connections(context.instance)

    def workflow(self) -> ImportWorkflow:
        """Return the import workflow on this installation's database and file store.

        Raises:
            ServerError: no database is named, and that of the package cannot be started.
        """
        environ = {**os.environ, **self.settings}
        for name, variable in self.variables.items():
            environ[name] = os.environ.get(variable, "")
        if not environ.get("DATABASE_URL") and (named := self._variable_of_database()) is not None:
            raise ServerError(f"{named} is not set; set it to the URL of a PostgreSQL server.")
        read = Settings.read(environ)
        home = Path(self.home).resolve() if self.home else read.home
        settings = replace(read, home=home, store_url=self.store_url or read.store_url)
        if not self.database_url:
            with _starting:
                url = _database(home, environ.get("DATABASE_URL", ""))
        else:
            url = self.database_url
        return ImportWorkflow(
            Database(url),
            open_store(settings),
            settings,
            claim=timedelta(seconds=self.claim_seconds) if self.claim_seconds else None,
        )

    def _variable_of_database(self) -> str | None:
        """Return the name of the variable with the URL of the database, if it is not the usual one."""
        named = self.variables.get("DATABASE_URL", "DATABASE_URL")
        return None if named == "DATABASE_URL" or self.database_url else named


@cache
def _database(home: Path, given: str) -> str:
    """Return the URL of a database with all tables: the given one, or a server that runs until this process ends."""
    # Imported here because processes that are given a database need none of it.
    from imports_pipeline.database.migrations import migrate

    stack = ExitStack()
    url = stack.enter_context(database(home, {"DATABASE_URL": given}))
    atexit.register(stack.close)
    migrate(url)
    return url
