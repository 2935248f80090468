"""The Dagster resource with the database and the file store, from which ops and sensors get the import workflow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg

from imports_pipeline.database.connections import Database
from imports_pipeline.defs.runs.dagster_connections import is_process_of_a_run, keep_connections
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow


class Imports(dg.ConfigurableResource[None]):
    """The imports of one installation.

    The sensor ignores batches that are queued through this resource for ``claim_seconds``, because the caller writes
    them itself.
    """

    database_url: str
    home: str
    #: like ``Settings.store_url``; if empty, the value of the environment is used
    store_url: str = ""
    claim_seconds: int = 0

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep Dagster's connections open if this process executes only this run."""
        if context.instance is not None and is_process_of_a_run():
            keep_connections(context.instance)

    def workflow(self) -> ImportWorkflow:
        """Return the import workflow on this installation's database and file store."""
        read = Settings.read()
        settings = replace(read, home=Path(self.home), store_url=self.store_url or read.store_url)
        return ImportWorkflow(
            Database(self.database_url),
            open_store(settings),
            settings,
            claim=timedelta(seconds=self.claim_seconds) if self.claim_seconds else None,
        )
