"""Reverts of imports. A revert is an import itself: it is requested and recorded like one, with a plan and a dry run.

The plan is made and carried out in one transaction under the write lock, so it cannot become outdated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg

from imports_pipeline.batch_phases.large_writes.returning import LISTED, find_replaced, go_back, plan_return
from imports_pipeline.batch_phases.planning.revert_checksum import revert_checksum
from imports_pipeline.batch_phases.restoring import Undoing, plan_revert, revert, write_revert_plan
from imports_pipeline.database import write_lock
from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.model import progress
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure
from imports_pipeline.model.imports import MORE_STATS, Import, creates_groups
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import Phase, PhaseReport, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow.decisions.plan_changes import plan_changed

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow
    from imports_pipeline.workflow.write_transaction import PhasesAgain

Connection = psycopg.Connection[Any]


def request_revert(
    workflow: ImportWorkflow, import_id: str, *, dry_run: bool, source: str, created_by: str | None
) -> Import:
    """Register the revert of an import.

    Raises:
        NoSuchImport: there is no import with this id.
        InvalidOption: the import has written nothing, is a revert itself, or is older than the kept pre-images.
    """
    with workflow.database.connect() as connection:
        import_ = import_records.get_import(connection, import_id)
        import_records.check_revertible(import_, workflow.settings.history_days)
        return import_records.create_import(
            connection,
            organization_id=import_.organization_id,
            resource=import_.resource,
            options=Options(action=Action.REVERT, mode=Mode.SYNC, dry_run=dry_run),
            source=source,
            reverts=import_id,
            created_by=created_by,
        )


def run_revert(
    workflow: ImportWorkflow, revert_id: str, on_finished: Callable[[Import], None] = lambda _: None
) -> Import:
    """Plan the revert and, unless it is a dry run, carry it out; return it with its final status.

    Imports that were accepted earlier are written first, and ``on_finished`` is called with each. A second call
    returns the result of the first. An infrastructure error leaves nothing written.

    Raises:
        PermanentFailure: the revert must not be carried out; it has ended as ``failed``.
        TimedOut: the revert took longer than its ``timeout``.
    """
    with workflow.database.connect(worker_name(revert_id)) as connection:
        import_ = import_records.get_import(connection, revert_id)
        if import_.reverts is None:
            raise ImportHasEnded(f"{revert_id} is not a revert.")
        if import_.has_ended:
            return import_
        import_updates.transition(connection, revert_id, Status.QUEUED)
    return workflow.end(revert_id, on_finished)


def carry_out(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    checkpoint: Callable[[], None],
    again: PhasesAgain,
    notices: tuple[Notice, ...],
) -> None:
    """Carry out a revert and end it as ``completed``. The caller's transaction holds the write lock.

    Raises:
        PermanentFailure: the plan is another than the one that was seen (``plan_changed``); ``again`` has it.
    """
    files, clock = workflow.files(import_), workflow.clock
    assert import_.reverts is not None, "the caller passes only reverts"
    organization, resource = import_.organization_id, import_.resource
    of = import_records.get_import(connection, import_.reverts)
    assert of.written_at is not None, "request_revert accepts only imports that have written"
    undoing = Undoing(of.id, import_.id, organization, RESOURCES[resource], of.written_at, creates_groups(of))
    dry_run, expected = import_.options.dry_run, import_.expected_plan_checksum
    started = clock()
    progress.begin("revert", step="comparing the records with those of the import")
    # A dry run lists the records, so it looks at each.
    replaced = None if dry_run else find_replaced(connection, undoing)
    plan = {} if replaced is None else plan_return(connection, undoing, replaced)
    is_listed = replaced is None or sum(plan.values()) <= LISTED
    if is_listed or expected is not None:
        plan = plan_revert(connection, undoing)
    if dry_run or expected is not None:
        import_ = dataclasses.replace(
            import_, plan=plan, plan_checksum=revert_checksum(connection, undoing, plan)
        )
    is_another = expected not in (None, import_.plan_checksum)
    if is_listed or is_another:
        write_revert_plan(connection, undoing, files)
    if is_another:
        again.refused = import_
        raise PermanentFailure("plan_changed", plan_changed(connection, workflow.store, import_))
    total, conflicts = sum(plan.values()), plan["conflict"]
    results = [(PhaseResult(Phase.VALIDATION, total, conflicts), started)]
    if not dry_run:
        results.append((PhaseResult(Phase.PROCESSING, total - conflicts, 0, notices=notices), clock()))
        progress.begin("revert", total - conflicts, "restoring records")
        if replaced is not None:
            go_back(connection, undoing, replaced)
        else:
            revert(connection, undoing)
        checkpoint()
        write_lock.bump(connection, organization, resource)
        if plan.get("groups_deleted"):
            write_lock.bump(connection, organization, "group")
        results.append((PhaseResult(Phase.CLEANUP, total - conflicts, 0), clock()))
    ends = [*(begun for _, begun in results[1:]), clock()]
    for (result, begun), ended in zip(results, ends, strict=True):
        import_updates.record_phase(connection, import_.id, PhaseReport.of(result, "sync", begun, ended))
    reasons = ["Dry run: nothing was written."] if dry_run else []
    if of.reverted_by is not None:
        reasons.append(f"{of.id} was already reverted, by {of.reverted_by}.")
    if conflicts:
        reasons.append(
            f"{conflicts:,} records were changed since and are left alone; the plan file says which and by whom."
        )
    stats = {name: plan[name] for name in ("created", "updated", "unchanged", "deleted")}
    stats |= {name: plan[name] for name in MORE_STATS if name in plan}
    import_updates.update_import(connection, import_.id, plan=plan)
    if import_.plan_checksum is not None:
        import_updates.update_import(connection, import_.id, plan_checksum=import_.plan_checksum)
    if not import_updates.transition(
        connection,
        import_.id,
        Status.COMPLETED,
        reason=" ".join(reasons) or None,
        stats={**stats, "overwritten": 0, "rejected": conflicts},
        written=not dry_run,
    ):
        raise ImportHasEnded(f"The revert {import_.id} was ended while its write was under way.")
