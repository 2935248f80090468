"""Runs checking phases of an import again while no other import can write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from imports_pipeline.database import write_lock
from imports_pipeline.database.editions import use_editions
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES, Phase, PhaseResult
from imports_pipeline.registry import import_records
from imports_pipeline.workflow.deadlines import Deadline
from imports_pipeline.workflow.phase_runner import run_phase

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow


def run_locked(
    workflow: ImportWorkflow,
    connection: psycopg.Connection[Any],
    import_: Import,
    first: Phase,
    last: Phase,
    deadline: Deadline,
    misled: str | None = None,
) -> list[PhaseResult]:
    """Run the phases from ``first`` to ``last`` in one transaction; stop behind one that leaves no row.

    ``misled`` says why the import does without a memory.
    """
    results: list[PhaseResult] = []
    files, memories = workflow.files(import_), workflow.memories(misled)
    with connection.transaction():
        write_lock.lock(connection, import_.organization_id, import_.resource)
        use_editions(connection, import_.organization_id)
        for phase in CHECKING_PHASES[CHECKING_PHASES.index(first) : CHECKING_PHASES.index(last) + 1]:
            started, import_ = workflow.clock(), import_records.get_import(connection, import_.id)
            result = run_phase(connection, import_, phase, files, workflow.settings, deadline.check, memories)
            workflow.record(connection, import_, result, "sync", started)
            results.append(result)
            if result.success == 0:
                break
    return results
