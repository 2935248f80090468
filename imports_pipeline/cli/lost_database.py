"""The message and the exit status of a command whose import lost its database connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imports_pipeline.defs.runs.dagster_connections import LOST as LOST  # callers of `ended` catch these
from imports_pipeline.model.imports import Import

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

EXIT_STATUS = 3


def ended(workflow: ImportWorkflow, import_: Import) -> tuple[Import, str | None]:
    """Return the import as it ended; mark it as failed if nothing else has ended it.

    If the database does not respond, return the last known state of the import with the code ``database_lost``, and
    a sentence that says how the import will end.
    """
    reason = "The connection to the database was lost and nothing was written; import the file again."
    try:
        workflow.finalization.fail(import_.id, "fault", reason)
        return workflow.get(import_.id), None
    except LOST:
        sentence = (
            f"the database does not respond, and {import_.id} was running. It is completed if its write had been"
            " committed; otherwise it has written nothing. When the database is back,"
            f" `imports-pipeline show {import_.id}` says which."
        )
        return replace(import_, code="database_lost", reason=sentence), sentence
