"""Ends an import: writes one final status and the errors files, and removes temporary data.

The status is set by compare-and-set, and a write commits only together with ``completed``. An import that is ended
while its write is in progress has therefore written nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database import active_imports
from imports_pipeline.database.connections import Database
from imports_pipeline.filestore.retry import store_timeout
from imports_pipeline.filestore.stores import Store
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.import_phases.memory.remembering import MemoryRule
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.files import UPLOAD, UPLOAD_JSON
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.workflow.recording.memory_completion import leave_memory

# Seconds that the file store may take for the errors files of an import that has timed out.
_LAST_SECONDS = 10.0

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Finalization:
    """Ends imports on one database and one file store."""

    database: Database
    store: Store
    memory_rule: MemoryRule = field(default_factory=MemoryRule)

    def fail(self, import_id: str, code: str, reason: str, status: Status = Status.FAILED) -> bool:
        """End an import, interrupt every process that works on it, and return True if this call ended it.

        Returns False if the import had a final status already.
        """
        with self.database.connect() as connection:
            # A write that is about to commit, or that hangs, holds the lock on the record.
            connection.execute("SET lock_timeout = '3s'")
            try:
                return self._fail(connection, import_id, code, reason, status)
            except psycopg.errors.LockNotAvailable:
                active_imports.interrupt(connection, import_id)
                connection.execute("SET lock_timeout = '30s'")
                return self._fail(connection, import_id, code, reason, status)

    def _fail(self, connection: Connection, import_id: str, code: str, reason: str, status: Status) -> bool:
        import_ = import_records.get_import(connection, import_id)
        try:
            return self._end(connection, import_, status, code, reason)
        except OSError as error:
            # A file store that is full or denies access must not keep the import open forever.
            reason = f"{reason} The errors files could not be written: {' '.join(str(error).split())}."
            return self._end(connection, import_, status, code, reason, with_files=False)

    def cancel(self, import_id: str) -> Import:
        """Cancel an import and return it with its final status.

        An import whose write is not committed has changed nothing and becomes ``failed``. One whose write is
        committed stays ``completed``. Raises ``NoSuchImport``.
        """
        self.fail(import_id, "canceled", "The import was canceled and nothing was written; import again.")
        with self.database.connect() as connection:
            return import_records.get_import(connection, import_id)

    @contextmanager
    def ending(self, connection: Connection, import_: Import) -> Iterator[None]:
        """End the import if the block raises an error that no retry can cure; let infrastructure errors pass."""
        try:
            yield
        except PermanentFailure as failure:
            self._end(connection, import_, Status.FAILED, failure.code, failure.reason)
            raise
        except TimedOut as failure:
            self._end_late(connection, import_, failure.reason)
            raise
        except psycopg.errors.QueryCanceled as canceled:
            if "statement timeout" in str(canceled):
                reason = timed_out(import_)
                self._end_late(connection, import_, reason)
                raise TimedOut(reason) from canceled
            ended = import_records.get_import(connection, import_.id)
            if ended.has_ended:
                raise ImportHasEnded(f"The import {import_.id} has ended ({ended.status}).") from canceled
            raise

    def _end_late(self, connection: Connection, import_: Import, reason: str) -> None:
        """End an import that has timed out. The file store gets some seconds more, because it may be the cause."""
        with store_timeout(_LAST_SECONDS):
            try:
                self._end(connection, import_, Status.TIMED_OUT, "timed_out", reason)
            except OSError:
                if not import_records.get_import(connection, import_.id).has_ended:
                    self._end(connection, import_, Status.TIMED_OUT, "timed_out", reason, with_files=False)

    def _end(
        self,
        connection: Connection,
        import_: Import,
        status: Status,
        code: str,
        reason: str,
        *,
        with_files: bool = True,
    ) -> bool:
        """Write the final status and the errors files. The caller has rolled the data back before.

        Raises ``OSError`` if the errors files cannot be written. The import is then still open, and the caller may
        try again.
        """
        connection.execute("SET statement_timeout = 0")
        # Count only the rejected rows of recorded phases; a phase that was rolled back does not count.
        reports = import_records.get_import(connection, import_.id).phases
        rejected = sum(report["error"] for report in reports)
        listed = 0
        if with_files:
            listed = write_error_files(
                self.store.folder(import_.folder),
                {report["name"] for report in reports},
                of_batch=import_.is_batch,
            )
        with connection.transaction():
            went = import_updates.transition(
                connection, import_.id, status, reason=reason, code=code, stats={"rejected": rejected}
            )
            if went:
                import_updates.update_import(connection, import_.id, has_errors_file=listed > 0)
        if went:
            # Other processes could not commit their work on this import any more.
            active_imports.interrupt(connection, import_.id)
            self.remove_temporary_data(connection, import_records.get_import(connection, import_.id))
        return went

    def remove_temporary_data(self, connection: Connection, import_: Import) -> None:
        """Remove the staging tables of an ended import, and its upload unless ``save_upload`` keeps it.

        A completed import leaves its memory first, which is made from temporary data.
        """
        leave_memory(connection, import_, self.store, self.memory_rule)
        if import_.batch_id is not None:
            Staging(import_.batch_id).drop(connection)
        if not import_.options.save_upload and import_.has_upload_file:
            for name in (UPLOAD, UPLOAD_JSON):
                self.store.folder(import_.folder).delete(name)
            import_updates.update_import(connection, import_.id, has_upload_file=False)


def timed_out(import_: Import, waited_for: str | None = None) -> str:
    """Return the reason for an import that has timed out; ``waited_for`` is a sentence that says why it waited."""
    if waited_for is not None:
        return (
            f"The import waited longer than its timeout of {import_.options.timeout:,} s allows, and nothing was"
            f" written. {waited_for}"
        )
    return (
        f"The import took longer than its timeout of {import_.options.timeout:,} s and was rolled back;"
        " give a longer timeout, or split the file."
    )
