"""The log of a run: JSON for machines, with the import and the phase it speaks of."""

from __future__ import annotations

import json
import re

import pytest

from imports_pipeline.defs.runs import tags
from imports_pipeline.model.phases import PHASES
from imports_pipeline_tests.defs.runs import CONTENT, Launch
from imports_pipeline_tests.journeys import Imports


def test_as_json_every_line_is_a_record(
    imports: Imports, launch: Launch, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPORTS_LOG_FORMAT", "json")
    monkeypatch.setenv("IMPORTS_LOG_LEVEL", "INFO")
    config = {"source": str(imports.source(CONTENT)), "organization": imports.organization, "mode": "sync"}
    result = launch("import_contacts", run_config=config)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    records = [json.loads(line) for line in lines]
    of_phases = [record for record in records if re.search(r"passed on|items written", record["message"])]
    assert [record["phase"] for record in of_phases] == list(PHASES)[: len(of_phases)]
    assert len(of_phases) >= 6
    for record in of_phases:
        assert record["import_id"] == result.dagster_run.tags.get(tags.IMPORT_ID, record["import_id"])
        assert record["organization_id"] == imports.organization
        assert record["run_id"] == result.run_id
        assert record["op"].endswith(record["phase"])
        assert record["level"] == "INFO"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record["time"])
