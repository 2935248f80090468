"""Writes accepted imports and reverts in the order in which they were accepted.

A process that writes an import first finishes the imports that were accepted before it. If another process is writing
one of those, this process waits for it at the write lock. The transaction of a write (``write_transaction.py``) checks
under the lock that no earlier import is open and that no later import has been written, so the order does not depend on
which process starts first. An import waits only for earlier ones, so two imports never wait for each other.

``docs/decisions/0018-write-order.md`` explains the locks. ``database/write_order.py`` explains what "accepted" means.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import psycopg

from imports_pipeline.database import write_order
from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline.model import progress
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.imports import Import
from imports_pipeline.model.notices import Notice
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.workflow.deadlines import Deadline
from imports_pipeline.workflow.write_transaction import NotItsTurn, write

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

Connection = psycopg.Connection[Any]

# The number of earlier imports that a notice lists by id. Its count includes all of them.
_NAMED: Final = 5
_log = logging.getLogger(__name__)


class EarlierImportStuck(Exception):
    """An infrastructure error prevents the write of an earlier import, so this import has to wait."""


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
            write(workflow, connection, import_, deadline, notices(ended))
            return
        except NotItsTurn:
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
                    write(workflow, connection, earlier, waiting)
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
