"""The transaction in which an import or a revert is written, when its turn has come.

Under the write lock it checks the turn, makes a new plan if the stored data has changed, and carries the plan out. An
import that changes most records writes them to a table that is made before the transaction (``database/editions.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from imports_pipeline.batch_phases.cleanup import clean_up
from imports_pipeline.batch_phases.large_writes.edition_write import prefers_edition
from imports_pipeline.batch_phases.processing import process
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.batch_phases.validation import staged_fields
from imports_pipeline.database import write_lock, write_order
from imports_pipeline.database.editions import Edition, new_edition, reading_records, use_editions
from imports_pipeline.filestore.retry import store_deadline
from imports_pipeline.import_phases.memory.remembered_rows import MemoryMisled
from imports_pipeline.model import progress
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.imports import MORE_STATS, Import, creates_groups
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.option_choices import Action, Mode
from imports_pipeline.model.phases import CHECKING_PHASES, Phase, PhaseReport, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow import revert
from imports_pipeline.workflow.deadlines import Deadline
from imports_pipeline.workflow.phase_runner import is_outdated
from imports_pipeline.workflow.recording.memory_completion import memory_written_meanwhile, note_write

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[Any]

# The number of attempts for a write that conflicts with another write. Each attempt makes a new plan.
_ATTEMPTS: Final = 3


@dataclass
class PhasesAgain:
    """What the phases that a write has to run again leave: their reports, and the import if its new plan is refused."""

    reports: list[PhaseReport] = field(default_factory=list)
    refused: Import | None = None


class NotItsTurn(Exception):
    """An earlier import is still open; nothing was written."""


def write(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    waiting: Deadline,
    notices_: tuple[Notice, ...] = (),
) -> None:
    """Write an import whose turn it is. Raises ``NotItsTurn`` if an earlier one is still open.

    ``waiting`` is the deadline of the import that this process works on, which may be a later one that waits for this.
    """
    conflicts = (
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.UniqueViolation,
    )
    for attempt in range(_ATTEMPTS):
        again = PhasesAgain()
        try:
            # A write that conflicted with another one changes the records in place.
            with (
                _edition_for(workflow, connection, import_, is_first=attempt == 0) as edition,
                connection.transaction(),
            ):
                _write_once(
                    workflow, connection, import_, waiting, again, notices_, edition, plan_again=attempt > 0
                )
            return
        except (PermanentFailure, TimedOut, psycopg.errors.QueryCanceled):
            # The rollback also removed the reports and the counts of the new plan. Record them again: the errors files
            # and the plan files belong to them.
            connection.execute("SET statement_timeout = 0")
            for report in again.reports:
                import_updates.record_phase(connection, import_.id, report)
            if again.refused is not None:
                _record_refused(connection, again.refused)
            raise
        except conflicts:
            # Another write conflicted with this one. The next attempt makes a plan from what that write has stored.
            if attempt == _ATTEMPTS - 1:
                raise


def _record_refused(connection: Connection, import_: Import) -> None:
    if import_.plan is not None:
        import_updates.update_import(connection, import_.id, plan=import_.plan)
    if import_.plan_checksum is not None:
        import_updates.update_import(connection, import_.id, plan_checksum=import_.plan_checksum)


def _write_once(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    waiting: Deadline,
    again: PhasesAgain,
    notices_: tuple[Notice, ...],
    edition: Edition | None,
    *,
    plan_again: bool,
) -> None:
    """Write in the caller's transaction; append the reports of phases that had to run again to ``again``."""
    waiting.check()
    waiting.limit_statements(connection)
    progress.begin(step="waiting until no other import writes")
    resources = _written(connection, import_)
    if edition is not None or import_.reverts is not None:
        # Another table takes the place of this one. A write of links must not lock records in the old one meanwhile.
        resources = tuple(RESOURCES)
    write_lock.lock(connection, import_.organization_id, *resources)
    import_ = import_records.get_import(connection, import_.id)
    if import_.has_ended:
        return
    _check_turn(connection, import_)
    use_editions(connection, import_.organization_id)
    own = waiting
    if waiting.import_.id != import_.id:
        # This import is written on behalf of a later one, so its own timeout starts after the wait for the lock.
        own = Deadline.of(import_, workflow.clock)
        own.limit_statements(connection, waiting)

    def checkpoint() -> None:
        waiting.check()
        own.check()

    # Requests to the file store end at the earlier of the two deadlines.
    with store_deadline(lambda: min(own.remaining(), waiting.remaining())):
        if import_.options.action is Action.REVERT:
            revert.carry_out(workflow, connection, import_, checkpoint, again, notices_)
        else:
            _apply(workflow, connection, import_, checkpoint, again, notices_, edition, plan_again=plan_again)


@contextmanager
def _edition_for(
    workflow: ImportWorkflow, connection: Connection, import_: Import, *, is_first: bool
) -> Iterator[Edition | None]:
    """Yield an empty edition if the plan of the import is large enough, else None."""
    if is_first and import_.reverts is None and workflow.large_writes.may_pay(import_.plan or {}):
        batch = import_records.get_batch_of(connection, import_.id)
        with reading_records(connection, import_.organization_id):
            prefers = prefers_edition(connection, batch, workflow.large_writes)
        if prefers:
            with new_edition(connection, RESOURCES[import_.resource].table) as edition:
                yield edition
            return
    yield None


def _written(connection: Connection, import_: Import) -> tuple[str, ...]:
    """Return the resources that an import or a revert may write: groups too where those of contacts are created."""
    of = import_ if import_.reverts is None else import_records.get_import(connection, import_.reverts)
    return ("contact", "group") if creates_groups(of) else (import_.resource,)


def _check_turn(connection: Connection, import_: Import) -> None:
    """Check that no earlier import is open and no later one has been written. The caller holds the write lock."""
    if write_order.unfinished_before(connection, import_):
        raise NotItsTurn
    newer = write_order.written_after(connection, import_)
    if newer is not None:
        raise PermanentFailure(
            "superseded_by_newer",
            f"{newer} was accepted after this import and has already been written, so this one was not applied;"
            f" look at what {newer} changed, and import this file again if it is still right.",
        )


def _apply(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    checkpoint: Callable[[], None],
    again: PhasesAgain,
    notices_: tuple[Notice, ...],
    edition: Edition | None,
    *,
    plan_again: bool,
) -> None:
    """Carry out the plan of an import. Make a new plan first if the stored data or the staged rows have changed."""
    organization, resource = import_.organization_id, import_.resource
    batch = import_records.get_batch_of(connection, import_.id)
    if plan_again or is_outdated(connection, batch) or batch.staged != Staging(batch.id).count(connection):
        _check_again(workflow, connection, import_, checkpoint, again)
        import_ = import_records.get_import(connection, import_.id)
        batch = import_records.get_batch_of(connection, import_.id)
    more = {name: count for name, count in (batch.plan or {}).items() if name in MORE_STATS}
    mode = "sync" if import_.options.mode is Mode.SYNC else "async"
    started = workflow.clock()
    if edition is not None and not prefers_edition(connection, batch, workflow.large_writes):
        edition = None
    progress.begin(Phase.PROCESSING.value, (batch.staged or {})["items"], import_id=import_.id)
    with memory_written_meanwhile(connection, import_, workflow.store, workflow.memory_rule):
        processed = process(batch, connection, staged_fields(workflow.files(import_)), edition)
    processed = PhaseResult(Phase.PROCESSING, processed.total, processed.error, processed.facts, notices_)
    checkpoint()
    halfway = workflow.clock()
    progress.begin(Phase.CLEANUP.value, processed.success, import_id=import_.id)
    cleaned = clean_up(batch, connection, processed)
    progress.step("committing")
    checkpoint()
    write_lock.bump(connection, organization, resource)
    if more.get("groups_created"):
        write_lock.bump(connection, organization, "group")
    import_updates.record_phase(connection, import_.id, PhaseReport.of(processed, mode, started, halfway))
    import_updates.record_phase(
        connection, import_.id, PhaseReport.of(cleaned, mode, halfway, workflow.clock())
    )
    rejected = sum(report["error"] for report in import_.phases)
    if not import_updates.transition(
        connection,
        import_.id,
        Status.COMPLETED,
        stats={**processed.facts, **cleaned.facts, "rejected": rejected, **more},
        written=True,
    ):
        # Another process has canceled or failed the import during this write. The exception rolls the write back.
        raise ImportHasEnded(f"The import {import_.id} was ended while its write was under way.")
    note_write(connection, batch, {**processed.facts, **cleaned.facts})


def _check_again(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    checkpoint: Callable[[], None],
    again: PhasesAgain,
) -> None:
    """Match the rows again and make a new plan; read the file again if the memory of the last one has misled."""
    try:
        # A phase that a memory has misled is rolled back by itself.
        with connection.transaction() if import_.remembered else nullcontext():
            for phase in CHECKING_PHASES[3 if import_.is_batch else 2 :]:
                workflow.check_again(connection, import_, phase, checkpoint, again)
    except MemoryMisled as why:
        again.reports.clear()
        for phase in CHECKING_PHASES:
            import_ = import_records.get_import(connection, import_.id)
            workflow.check_again(connection, import_, phase, checkpoint, again, str(why))
