"""Runs of imports that remember small files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.model.imports import Import
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys.faults import until
from imports_pipeline_tests.overwrite import Runs


class Remembering(Runs):
    """Imports with a memory."""

    def register(self, content: str | bytes | Path, resource: str = "contact", **options: Any) -> Import:
        """Record an import that uses a memory and leaves one, unless the options say otherwise.

        It waits until no transaction is open that another test has begun before: what was written since then would
        count as written again.
        """
        self._settle()
        return super().register(content, resource, **{"remember": "auto", **options})

    def _settle(self) -> None:
        (now,) = self.query("SELECT pg_current_xact_id()::text::bigint AS number")

        def is_over() -> bool:
            (oldest,) = self.query("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS number")
            return bool(oldest["number"] > now["number"])

        until(is_over)


@pytest.fixture
def runs(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Runs:
    """Return what runs imports that remember small files."""
    rule = MemoryRule(least_bytes=0, least_rows=0, always_read=2, shown=0)
    return Remembering(replace(workflow, memory_rule=rule), organization, tmp_path)
