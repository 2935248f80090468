"""The command ``housekeeping``, which removes expired data."""

from __future__ import annotations

from dataclasses import asdict

import typer

from imports_pipeline.cli.output import print_json
from imports_pipeline.cli.session import session


def housekeeping(*, dry_run: bool, as_json: bool) -> None:
    """Remove expired data and print what was removed, or would be in a dry run."""
    with session(create=not dry_run) as workflow:
        from imports_pipeline.defs.runs.instance import opened_log_deletion
        from imports_pipeline.workflow.housekeeping import due_dropped, housekeep
        from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention

        with workflow.database.connect() as connection, opened_log_deletion() as delete_logs:
            retention = DagsterRetention(connection, workflow.settings, delete_logs, dry_run)
            if dry_run:
                due = due_dropped(connection, workflow.settings)
                counts: dict[str, object] = {"imports_with_dropped_files": due}
                sentence = f"Would remove the dropped files of imports: {due:,}."
            else:
                removed = housekeep(connection, workflow.store, workflow.settings)
                counts, sentence = {**removed.counts(), "notes": removed.notes}, removed.sentence()
            retained = retention.remove()
        if as_json:
            print_json({**counts, "dagster": asdict(retained)})
        else:
            typer.echo(sentence)
            typer.echo(retained.sentence(dry_run=dry_run))
