"""What tests of overwrites run on, beside what all whole-workflow tests have."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.overwrite import Runs


@pytest.fixture
def runs(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Runs:
    """Return what runs imports, dry runs and reverts in the test's organization."""
    return Runs(workflow, organization, tmp_path)
