"""The Dagster resource that gives ops and sensors the workflow: where the database and the files are."""

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
    """The imports of one installation; for ``claim_seconds`` the sensor leaves what is queued here alone."""

    database_url: str
    home: str
    #: as ``Settings.store_url``; empty is what the environment says
    store_url: str = ""
    claim_seconds: int = 0

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep the connections of a run that has a process to itself; others share theirs, or must not have any."""
        if context.instance is not None and is_process_of_a_run():
            keep_connections(context.instance)

    def workflow(self) -> ImportWorkflow:
        """Return the phases on this installation's database and file store."""
        read = Settings.read()
        settings = replace(read, home=Path(self.home), store_url=self.store_url or read.store_url)
        return ImportWorkflow(
            Database(self.database_url),
            open_store(settings),
            settings,
            claim=timedelta(seconds=self.claim_seconds) if self.claim_seconds else None,
        )
