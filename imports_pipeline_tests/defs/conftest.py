"""The definitions on the tests' own database, and runs of them."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline_tests.defs.runs import Launch
from imports_pipeline_tests.journeys import Imports


@pytest.fixture
def definitions(imports: Imports, dagster_home: dict[str, str]) -> dg.Definitions:
    workflow = imports.workflow
    return build_definitions(
        {"imports": ImportsResource(database_url=workflow.database.url, home=str(workflow.settings.home))}
    )


@pytest.fixture
def launch(definitions: dg.Definitions, instance: DagsterInstance) -> Launch:
    """Launch jobs by name."""

    def launched(job: str, **options: object) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False, **options
        )

    return launched
