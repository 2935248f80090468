"""What a command says when the database is lost while an import is under way: one sentence, and exit status 3."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imports_pipeline.defs.runs.dagster_connections import LOST as LOST  # for those who call `ended`
from imports_pipeline.model.imports import Import

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

EXIT_STATUS = 3


def ended(workflow: ImportWorkflow, import_: Import) -> tuple[Import, str | None]:
    """Return the import as it ended, ending it for the connection that was lost if nothing else did.

    Where the database does not answer at all, return the import as it was known last with the code
    ``database_lost``, and the sentence that says what will become of it.
    """
    reason = "The connection to the database was lost and nothing was written; import again."
    try:
        workflow.finalization.fail(import_.id, "fault", reason)
        return workflow.get(import_.id), None
    except LOST:
        sentence = (
            f"the database does not answer, and {import_.id} was under way: it is completed if its write had been"
            " committed, and has written nothing otherwise; once the database is back,"
            f" `imports-pipeline show {import_.id}` says which."
        )
        return replace(import_, code="database_lost", reason=sentence), sentence
