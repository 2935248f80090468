"""Runs of imports that all build editions."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from imports_pipeline.batch_phases.large_writes.edition_write import LargeWrites
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.overwrite import Runs

ALWAYS = LargeWrites(least_records=1, most_cost=math.inf)
NEVER = LargeWrites(most_cost=0)


@pytest.fixture
def runs(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Runs:
    """Return runs in which every import that changes or removes a record builds an edition."""
    return Runs(replace(workflow, large_writes=ALWAYS), organization, tmp_path)


@pytest.fixture
def in_place(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Runs:
    """Return runs in another organization that change records in place."""
    return Runs(replace(workflow, large_writes=NEVER), f"{organization}-in-place", tmp_path)
