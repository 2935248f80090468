"""Ends imports whose process was killed, where no Dagster daemon runs. Every command looks for them at its start.

Commands and workers of the HTTP API run imports in their own process. During that time they keep a connection that is
named after the import (``in_process_runner.py``). If an import of such a process is open and has no connection of its
name, its process has died. Queued imports are not touched, because another process writes them in their turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from imports_pipeline.database.active_imports import worker_name

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

# A process has no connection of that name between registering an import and running it, while it loads Dagster.
_QUIET: Final = "60 seconds"


def suspects(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the ids of open imports without a process. This is one cheap statement, because every command runs it."""
    rows = connection.execute(
        "SELECT id FROM imports i WHERE status IN ('requested', 'processing') AND source IN ('cli', 'api')"
        " AND updated_at < now() - %s::interval AND NOT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE application_name = %s || i.id AND datname = current_database()) ORDER BY created_at LIMIT 100",
        (_QUIET, worker_name("")),
    )
    return [import_id for (import_id,) in rows]


def end_abandoned(workflow: ImportWorkflow) -> list[str]:
    """End the imports whose process has died, and their runs; return the ids of the imports."""
    with workflow.database.connect() as connection:
        found = suspects(connection)
    if not found:
        return []
    # Imported here because a command that finds nothing must not wait for Dagster to load.
    import dagster as dg

    from imports_pipeline.defs.runs import tags

    ended = []
    with dg.DagsterInstance.get() as instance:
        for import_id in found:
            import_ = workflow.get(import_id)
            runs = instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_id}))
            # Dagster retries all other runs, or the reconciler ends their imports.
            if any(run.tags.get(tags.MAX_RETRIES) != "0" for run in runs) or (
                not runs and import_.source != "cli"
            ):
                continue
            for run in runs:
                if not run.is_finished:
                    instance.report_run_failed(run, "The process of this run has died.")
            reason = "The process that ran this import has died before it was done; import again."
            if workflow.finalization.fail(import_id, "fault", reason):
                ended.append(import_id)
                tags.show_status(instance, workflow.get(import_id))
    return ended
