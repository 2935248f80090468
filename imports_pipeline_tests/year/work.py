"""What an installation does all day, in pieces that can be measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from imports_pipeline.dagster_runtime.in_process_runner import run_import
from imports_pipeline.defs.runs.reconciler import reconcile
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.registry import batch_queue, import_records, lists
from imports_pipeline.workflow.dropped_files.watcher import Watcher
from imports_pipeline.workflow.housekeeping import housekeep
from imports_pipeline.workflow.import_workflow import ImportWorkflow

#: A name that occurs in no other text, so that copies of the import can be given another one.
TEMPLATE = "the-organization-of-the-template"


def import_ten_rows(workflow: ImportWorkflow, home: Path, mode: str = "sync") -> Import:
    """Import ten contacts by a recorded run, or by two in the mode ``mixed``."""
    source = home / "people.csv"
    source.write_text("name,email\n" + "".join(f"Ann {n},ann{n}@example.com\n" for n in range(10)))
    with workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=TEMPLATE,
            resource="contact",
            options=Options.of({"action": "merge", "mode": mode}),
            source="cli",
            source_uri=str(source),
        )
    return run_import(workflow, import_, wait=True)


def pieces_of_work(
    workflow: ImportWorkflow, instance: dg.DagsterInstance, organization_id: str
) -> dict[str, Callable[[], object]]:
    """Return what an installation does all day, by name: ticks, lists, and Dagster's pages."""
    keys = [
        dg.AssetCheckKey(dg.AssetKey("contact_batches"), name)
        for name in ("rejected_rows", "duplicate_rows", "unknown_columns")
    ]
    keys.append(dg.AssetCheckKey(dg.AssetKey("contacts"), "removed_records"))
    events, ticks = instance.event_log_storage, instance.schedule_storage
    assert ticks is not None

    def with_connection(work: Callable[[Any], object]) -> None:
        with workflow.database.connect() as connection:
            work(connection)

    return {
        "tick of uploads": lambda: Watcher(workflow).tick(""),
        "tick of queued_batches": lambda: with_connection(lambda one: batch_queue.hand_over(one, 50)),
        "tick of reconciler": lambda: reconcile(workflow, instance, ["import_contacts"]),
        "list of imports": lambda: with_connection(
            lambda one: lists.find(one, "import", organization_id, lists.ListQuery())
        ),
        "newest ticks of a sensor": lambda: ticks.get_tick_summaries("origin-3", "selector-3", limit=1),
        "newest results of four checks": lambda: events.get_latest_asset_check_execution_by_key(keys),
        "Runs page by a tag": lambda: instance.get_run_records(
            dg.RunsFilter(tags={"org": organization_id}), limit=25
        ),
        "ten points of a plot": lambda: instance.fetch_materializations(dg.AssetKey("contacts"), limit=10),
        "housekeeping without retention": lambda: with_connection(
            lambda one: housekeep(one, workflow.store, workflow.settings)
        ),
    }
