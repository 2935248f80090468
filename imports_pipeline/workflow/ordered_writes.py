"""Writes accepted imports and reverts in the order in which they were accepted, each in one transaction.

Whoever wants to write an import first brings those accepted before it to their end, in this process; where
another process writes one of them, it waits for that process at the write lock. The transaction of a write checks
under the lock that nothing before it is open and nothing behind it was written, so the order does not depend on
who was asked first. An import waits only for earlier ones, so no two wait for each other.

``docs/decisions/README.md`` explains the locks, ``database/write_order.py`` what "accepted" means.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import psycopg

from imports_pipeline.batch_phases.cleanup import clean_up
from imports_pipeline.batch_phases.processing import process
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.batch_phases.validation import staged_fields
from imports_pipeline.database import write_lock, write_order
from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.filestore.retry import bounded
from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.options import Action, Mode
from imports_pipeline.model.phases import CHECKING_PHASES, Phase, PhaseReport, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline.workflow import revert
from imports_pipeline.workflow.deadlines import Deadline

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[Any]

# How often a write is planned again when another write has crossed it.
_ATTEMPTS: Final = 3
# How many earlier imports a notice names; it counts all of them.
_NAMED: Final = 5
_log = logging.getLogger(__name__)


class EarlierImportStuck(Exception):
    """An import that was accepted earlier cannot be written for a fault of the machine, so this one has to wait."""


class _NotItsTurn(Exception):
    """An import that was accepted earlier is still open; nothing was written."""


class _WaitedTooLong(Exception):
    """The import that waits for this one has used up its time; this one stays as it is."""


def write_in_turn(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    deadline: Deadline,
    on_finished: Callable[[Import], None],
) -> None:
    """Write an accepted import when all before it have ended; ``on_finished`` is told each that ended here.

    Does nothing for an import that has ended meanwhile. Raises ``PermanentFailure`` when the import may not be
    written, ``TimedOut``, and ``EarlierImportStuck``; the caller ends the import.
    """
    ended: list[Import] = []
    while True:
        ended += finish_earlier(workflow, connection, import_, deadline, on_finished)
        import_records.transition(connection, import_.id, Status.PROCESSING)
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
    """Bring every import that was accepted before this one to its end, or wait for whoever does.

    Returns those that ended meanwhile; ``on_finished`` is told each at once. Stops when this import itself has ended.
    Raises as ``write_in_turn`` does.
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
    """Write an earlier import and return it as it ended. Its status stays ``queued`` until it is written.

    A process that dies here leaves it as it was, for whoever comes next.
    """
    _log.warning("%s was accepted before %s and is on_finished to its end first.", earlier_id, import_.id)
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
            # It has ended, and its reason says why.
            pass
        except (StoreUnreachable, psycopg.OperationalError):
            # Not a fault of that import: this one would meet the same.
            raise
        except (OSError, psycopg.Error) as error:
            raise EarlierImportStuck(
                f"{earlier_id} was accepted before {import_.id} and cannot be written"
                f" ({' '.join(str(error).split())}); mend that, or give it up with"
                f" `imports-pipeline cancel {earlier_id}`, then import again"
            ) from error
        earlier = import_records.get_import(connection, earlier_id)
        if earlier.has_ended:
            workflow.finalization.tidy(connection, earlier)
        return earlier


def notices(ended: list[Import]) -> tuple[Notice, ...]:
    """Return the notice that earlier imports came to their end first; none where there were none."""
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
    """Write an import whose turn it is; ``waiting`` is the deadline of the import for which this is done."""
    crossed = (
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.UniqueViolation,
    )
    for attempt in range(_ATTEMPTS):
        again: list[PhaseReport] = []
        try:
            with connection.transaction():
                _write_once(workflow, connection, import_, waiting, again, notices_, plan_again=attempt > 0)
            return
        except (PermanentFailure, TimedOut, psycopg.errors.QueryCanceled):
            # The plan that failed was rolled back with its reports, and the errors files speak of it.
            connection.execute("SET statement_timeout = 0")
            for report in again:
                import_records.record_phase(
                    connection, import_records.get_import(connection, import_.id), report
                )
            raise
        except crossed:
            # Another write crossed this one; on what it left the plan is made again.
            if attempt == _ATTEMPTS - 1:
                raise


def _write_once(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    waiting: Deadline,
    again: list[PhaseReport],
    notices_: tuple[Notice, ...],
    *,
    plan_again: bool,
) -> None:
    """Write in the caller's transaction; ``again`` gets the reports of phases that had to run again."""
    waiting.check()
    waiting.limit_statements(connection)
    write_lock.lock(connection, import_.organization_id, import_.resource)
    import_ = import_records.get_import(connection, import_.id)
    if import_.has_ended:
        return
    _check_turn(connection, import_)
    own = waiting
    if waiting.import_.id != import_.id:
        # The wait for the lock was not its own.
        own = Deadline.of(import_, workflow.clock)
        own.limit_statements(connection, waiting)

    def checkpoint() -> None:
        waiting.check()
        own.check()

    # Requests to the file store end with the deadline that comes first.
    with bounded(lambda: min(own.remaining(), waiting.remaining())):
        if import_.options.action is Action.REVERT:
            revert.carry_out(
                connection, import_, workflow.files(import_), checkpoint, workflow.clock, notices_
            )
        else:
            _apply(workflow, connection, import_, checkpoint, again, notices_, plan_again=plan_again)


def _check_turn(connection: Connection, import_: Import) -> None:
    """Check under the write lock that nothing before the import is open, and nothing behind it was written."""
    if write_order.unfinished_before(connection, import_):
        raise _NotItsTurn
    newer = write_order.written_after(connection, import_)
    if newer is not None:
        raise PermanentFailure(
            "superseded_by_newer",
            f"{newer} was accepted after this import and has been written already, so this one was not applied;"
            f" look at what {newer} changed, and import this file again if it is still right.",
        )


def _apply(
    workflow: ImportWorkflow,
    connection: Connection,
    import_: Import,
    checkpoint: Callable[[], None],
    again: list[PhaseReport],
    notices_: tuple[Notice, ...],
    *,
    plan_again: bool,
) -> None:
    """Carry the plan of an import out, made again if it is not true any longer."""
    organization, resource = import_.organization_id, import_.resource
    batch = import_records.get_batch_of(connection, import_.id)
    if (
        plan_again
        or batch.generations != write_lock.read(connection, organization)
        or batch.staged != Staging(batch.id).count(connection)
    ):
        for phase in CHECKING_PHASES[3 if import_.is_batch else 2 :]:
            workflow.check_again(connection, import_, phase, checkpoint, again)
        import_ = import_records.get_import(connection, import_.id)
        batch = import_records.get_batch_of(connection, import_.id)
    mode = "sync" if import_.options.mode is Mode.SYNC else "async"
    started = workflow.clock()
    processed = process(batch, connection, staged_fields(workflow.files(import_)))
    processed = PhaseResult(Phase.PROCESSING, processed.total, processed.error, processed.facts, notices_)
    checkpoint()
    halfway = workflow.clock()
    cleaned = clean_up(batch, connection, processed.success)
    checkpoint()
    write_lock.bump(connection, organization, resource)
    import_records.record_phase(connection, import_, PhaseReport.of(processed, mode, started, halfway))
    import_records.record_phase(connection, import_, PhaseReport.of(cleaned, mode, halfway, workflow.clock()))
    rejected = sum(report["error"] for report in import_.phases)
    if not import_records.transition(
        connection,
        import_.id,
        Status.COMPLETED,
        stats={**processed.facts, **cleaned.facts, "rejected": rejected},
        written=True,
    ):
        # Canceled, or given up for dead, while this was writing: then it has written nothing.
        raise ImportHasEnded(f"The import {import_.id} was ended while its write was under way.")
