"""The retention of one night, as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.runs.instance import log_deletion
from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention, Retained
from imports_pipeline_tests.defs.retention.nights import Dying, Retain
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def retain(imports: Imports, instance: DagsterInstance) -> Iterator[Retain]:
    """Yield what does one night's retention. Runs of other tests are young, so it removes nothing of theirs."""
    imports.query("DELETE FROM retention_progress RETURNING name")
    workflow = imports.workflow
    with workflow.database.connect() as connection:

        def night(
            *, dry_run: bool = False, seconds: int = 600, statements: int | None = None, **how: Any
        ) -> Retained:
            settings = replace(workflow.settings, retention_seconds=seconds)
            given = {"sleep": lambda _: None, "delete_logs": log_deletion(instance), **how}
            used: Any = connection if statements is None else Dying(connection, statements)
            return DagsterRetention(used, settings, dry_run=dry_run, **given).remove()

        yield night
    # A run that had to stay is due as soon as a newer one has the last results.
    imports.query("UPDATE dagster.runs SET create_timestamp = now(), update_timestamp = now() RETURNING id")
