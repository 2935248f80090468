"""Ends imports whose process was killed where no daemon runs: any next command looks for them.

A command and a worker of the HTTP API run imports in their own process, and keep a connection that is named after
the import for as long (``runner.py``). An import that is open, that such a process had, and that no connection
is named after, is one that nobody will bring to its end. A queued one is left alone: it is written in its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from imports_pipeline.database.active_imports import worker_name

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

# From its registration to its run a process has no connection of that name: it still loads Dagster.
_QUIET: Final = "60 seconds"


def suspects(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the ids of open imports on which nobody works: one cheap statement, before every command."""
    rows = connection.execute(
        "SELECT id FROM imports i WHERE status IN ('requested', 'processing') AND source IN ('cli', 'api')"
        " AND updated_at < now() - %s::interval AND NOT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE application_name = %s || i.id AND datname = current_database()) ORDER BY created_at LIMIT 100",
        (_QUIET, worker_name("")),
    )
    return [import_id for (import_id,) in rows]


def end_abandoned(workflow: ImportWorkflow) -> list[str]:
    """End the imports that died with the process that ran them, and their runs; return their ids."""
    with workflow.database.connect() as connection:
        found = suspects(connection)
    if not found:
        return []
    # Imported here: a command that finds nothing must not wait for Dagster.
    import dagster as dg

    from imports_pipeline.defs.runs import tags

    ended = []
    with dg.DagsterInstance.get() as instance:
        for import_id in found:
            import_ = workflow.get(import_id)
            runs = instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_id}))
            # Dagster launches others again, or the reconciler ends their imports.
            if any(run.tags.get(tags.MAX_RETRIES) != "0" for run in runs) or (
                not runs and import_.source != "cli"
            ):
                continue
            for run in runs:
                if not run.is_finished:
                    instance.report_run_failed(run, "The process of this run has gone without a word.")
            reason = "The process that ran this import was ended before it was done; import again."
            if workflow.finalization.fail(import_id, "fault", reason):
                ended.append(import_id)
                tags.show_status(instance, workflow.get(import_id))
    return ended
