"""The same export again, and an export of what it made, change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.overwrite import Runs

_SAMPLES = Path(__file__).parent / "samples"
_CHANGES = ("created", "updated", "deleted", "overwritten", "rejected")


@pytest.mark.parametrize(
    "name",
    ["google-contacts", "outlook-de", "hubspot", "salesforce-report", "everbridge", "pipedrive", "twenty"],
)
def test_nothing_changes(name: str, workflow: ImportWorkflow, tmp_path: Path) -> None:
    runs = Runs(workflow, f"again-{name}", tmp_path)
    (file,) = _SAMPLES.glob(f"{name}.*")
    first = runs.run(file.read_bytes(), action="overwrite", default_region="US")
    assert first.code is None, first.reason
    assert first.stats["created"] > 0
    again = runs.run(file.read_bytes(), action="overwrite", default_region="US")
    assert (again.code, {name: again.stats[name] for name in _CHANGES}) == (None, dict.fromkeys(_CHANGES, 0))
    exported = runs.run(runs.export(), action="overwrite")
    assert (exported.code, {name: exported.stats[name] for name in _CHANGES}) == (
        None,
        dict.fromkeys(_CHANGES, 0),
    )
