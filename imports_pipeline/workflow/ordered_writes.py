"""Writes accepted imports and reverts in the order in which they were accepted, each in one transaction.

A process that writes an import first finishes the imports that were accepted before it. If another process is writing
one of those, this process waits for it at the write lock. The transaction of a write checks under the lock that no
earlier import is open and that no later import has been written, so the order does not depend on which process starts
first. An import waits only for earlier ones, so two imports never wait for each other.

``docs/decisions/0018-write-order.md`` explains the locks. ``database/write_order.py`` explains what "accepted" means.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from imports_pipeline.batch_phases.cleanup import clean_up
from imports_pipeline.batch_phases.large_writes.edition_write import prefers_edition
from imports_pipeline.batch_phases.processing import process
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.batch_phases.validation import staged_fields
from imports_pipeline.database import write_lock, write_order
from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.database.editions import Edition, new_edition, reading_records, use_editions
from imports_pipeline.filestore.retry import store_deadline
from imports_pipeline.filestore.stores import StoreUnreachable
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

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[Any]

# The number of attempts for a write that conflicts with another write. Each attempt makes a new plan.
_ATTEMPTS: Final = 3
# The number of earlier imports that a notice lists by id. Its count includes all of them.
_NAMED: Final = 5
_log = logging.getLogger(__name__)


@dataclass
class PhasesAgain:
    """What the phases that a write has to run again leave: their reports, and the import if its new plan is refused."""

    reports: list[PhaseReport] = field(default_factory=list)
    refused: Import | None = None


class EarlierImportStuck(Exception):
    """An infrastructure error prevents the write of an earlier import, so this import has to wait."""


class _NotItsTurn(Exception):
    """An earlier import is still open; nothing was written."""


class _WaitedTooLong(Exception):
    """The import that waits for this one has timed out; this one stays as it is."""


def write_in_turn(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    deadline: Deadline,
    on_finished: Callable[[Import], None],
) -> None:
    """Finish all earlier imports, then write this one. Do nothing if it has ended in the meantime.

    ``on_finished`` is called with each earlier import that ended here. The caller ends the import if this raises.

    Raises:
        PermanentFailure: the import must not be written.
        TimedOut: the deadline has passed.
        EarlierImportStuck: an earlier import cannot be written.
    """
    ended: list[Import] = []
    while True:
        ended += finish_earlier(workflow, connection, import_, deadline, on_finished)
        import_updates.transition(connection, import_.id, Status.PROCESSING)
        try:
            _write(workflow, connection, import_, deadline, notices(ended))
            return
        except _NotItsTurn:
            continue


def finish_earlier(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    deadline: Deadline,
    on_finished: Callable[[Import], None],
) -> list[Import]:
    """Write every import that was accepted before this one, or wait for the process that writes it.

    Returns the imports that ended in the meantime, and calls ``on_finished`` with each as soon as it ends. Stops if
    this import itself has ended. Raises the same errors as ``write_in_turn``.
    """
    ended: list[Import] = []
    while waiting := write_order.unfinished_before(connection, import_):
        if import_records.get_import(connection, import_.id).has_ended:
            break
        deadline.check()
        ended.append(_finish(workflow, waiting[0], import_, deadline))
        on_finished(ended[-1])
    return ended


def _finish(workflow: ImportWorkflow, earlier_id: str, import_: Import, waiting: Deadline) -> Import:
    """Write an earlier import and return it with its final status. Its status stays ``queued`` until it is written.

    If this process dies, the earlier import is unchanged and another process can write it.
    """
    _log.warning("%s was accepted before %s and is written first.", earlier_id, import_.id)
    progress.begin(step=f"writing {earlier_id}, which was accepted before")
    with workflow.database.connect(worker_name(earlier_id)) as connection:
        earlier = import_records.get_import(connection, earlier_id)
        try:
            with workflow.finalization.ending(connection, earlier):
                try:
                    _write(workflow, connection, earlier, waiting)
                except (TimedOut, psycopg.errors.QueryCanceled) as error:
                    if waiting.has_passed:
                        raise _WaitedTooLong from error
                    raise
        except _WaitedTooLong:
            raise TimedOut(
                f"The import's timeout of {import_.options.timeout:,} s ended while it waited for {earlier_id},"
                " which was accepted before it; nothing was written. Give a longer timeout, or import again later."
            ) from None
        except (PermanentFailure, TimedOut, ImportHasEnded):
            # The earlier import has ended. Its reason says why.
            pass
        except (StoreUnreachable, psycopg.OperationalError):
            # The earlier import is not the cause. This import would fail in the same way.
            raise
        except (OSError, psycopg.Error) as error:
            raise EarlierImportStuck(
                f"{earlier_id} was accepted before {import_.id} and cannot be written"
                f" ({' '.join(str(error).split())}); correct that, or cancel it with"
                f" `imports-pipeline cancel {earlier_id}`, then import again"
            ) from error
        earlier = import_records.get_import(connection, earlier_id)
        if earlier.has_ended:
            workflow.finalization.remove_temporary_data(connection, earlier)
        return earlier


def notices(ended: list[Import]) -> tuple[Notice, ...]:
    """Return a notice that lists the earlier imports that ended first, or an empty tuple if there are none."""
    if not ended:
        return ()
    named = [f"{one.id} ({one.status})" for one in ended[:_NAMED]]
    more = f" and {len(ended) - _NAMED:,} more" if len(ended) > _NAMED else ""
    what = "One import that was" if len(ended) == 1 else f"{len(ended):,} imports that were"
    message = f"{what} accepted earlier came to its end first: {', '.join(named)}{more}."
    return (
        Notice("earlier_imports_written", message if len(ended) == 1 else message.replace("its", "their")),
    )


def _write(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    waiting: Deadline,
    notices_: tuple[Notice, ...] = (),
) -> None:
    """Write an import whose turn it is.

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
            revert.carry_out(
                connection, import_, workflow.files(import_), checkpoint, workflow.clock, notices_
            )
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
        raise _NotItsTurn
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
        for phase in CHECKING_PHASES[3 if import_.is_batch else 2 :]:
            workflow.check_again(connection, import_, phase, checkpoint, again)
        import_ = import_records.get_import(connection, import_.id)
        batch = import_records.get_batch_of(connection, import_.id)
    more = {name: count for name, count in (batch.plan or {}).items() if name in MORE_STATS}
    mode = "sync" if import_.options.mode is Mode.SYNC else "async"
    started = workflow.clock()
    if edition is not None and not prefers_edition(connection, batch, workflow.large_writes):
        edition = None
    progress.begin(Phase.PROCESSING.value, (batch.staged or {})["items"], import_id=import_.id)
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
