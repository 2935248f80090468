"""One API for all tests of it, on the worker's database, and a caller of an organization of their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, serving


@pytest.fixture(scope="session")
def api(workflow: ImportWorkflow) -> Iterator[Api]:
    """Yield a running API on the files and the database of ``workflow``."""
    settings = {"IMPORTS_API_BYTES": "2000000", "IMPORTS_UPLOAD_BYTES": "5000000", "IMPORTS_SYNC_ROWS": "200"}
    with serving(workflow.database.url, workflow.settings.home, settings) as running:
        yield running


@pytest.fixture
def caller(api: Api, organization: str) -> Iterator[httpx.Client]:
    """Yield a client whose key may do everything in the test's organization."""
    with api.caller(organization) as client:
        yield client
