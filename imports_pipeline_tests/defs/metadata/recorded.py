"""What Dagster recorded of a run: the metadata of steps, and the records of tables."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster import DagsterInstance


def of_steps(instance: DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """Return what each step shows, by its op's name: the metadata of its output and of its materialization."""
    found: dict[str, dict[str, Any]] = {}
    shown = {dg.DagsterEventType.STEP_OUTPUT, dg.DagsterEventType.ASSET_MATERIALIZATION}
    for event in instance.all_logs(run_id, of_type=shown):
        assert event.dagster_event is not None
        assert event.step_key is not None
        materialization = event.asset_materialization
        metadata = (materialization or event.dagster_event.step_output_data).metadata
        step = found.setdefault(event.step_key.rpartition(".")[2], {})
        assert not step.keys() & metadata.keys(), "the event log has each entry once"
        step |= {name: value.value for name, value in metadata.items()}
    return found


def records(table: Any) -> list[dict[str, Any]]:
    return [record.data for record in table.records]
