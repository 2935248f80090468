"""The workflow of an import: runs each phase once, records its report, and ends the import with one final status.

The Dagster ops call ``check`` for phases 1 to 5 and ``write`` for phases 6 and 7. Any other runner would do the same.

A phase that uses the database commits its work together with its report. When a crashed run is tried again, the
phases that have a report are therefore skipped. ``write`` commits the data, the reports of processing and cleanup,
the statistics and the final status in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import psycopg

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.large_writes.edition_write import LargeWrites
from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.database.connections import Database
from imports_pipeline.database.editions import reading_records
from imports_pipeline.database.shown_progress import shown_progress
from imports_pipeline.filestore.retry import retry_unreachable, store_deadline
from imports_pipeline.filestore.stores import Folder, Store, StoreUnreachable
from imports_pipeline.import_phases.memory.remembered_rows import MemoryMisled
from imports_pipeline.import_phases.memory.remembering import Memories, MemoryRule
from imports_pipeline.model import progress
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.files import PLAN_CSV, PLAN_JSON
from imports_pipeline.model.imports import MORE_STATS, STATS, Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.phases import CHECKING_PHASES, Phase, PhaseReport, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.settings import Settings
from imports_pipeline.workflow import ordered_writes, phase_reports
from imports_pipeline.workflow.deadlines import Deadline
from imports_pipeline.workflow.finalization import Finalization, timed_out
from imports_pipeline.workflow.phase_runner import fetch, is_outdated, run_phase
from imports_pipeline.workflow.plan_checks import check_removals, check_result
from imports_pipeline.workflow.recording.locked_phases import run_locked
from imports_pipeline.workflow.recording.phase_records import record_phase
from imports_pipeline.workflow.write_transaction import PhasesAgain

Connection = psycopg.Connection[Any]
T = TypeVar("T")

# In mode `sync` the run that checked the import also writes it. A second run would only wait for the write lock.
_SYNC_CLAIM = timedelta(seconds=60)
# The checking phases after the one that matches rows with stored records.
_AFTER_MATCHING = (Phase.PARSING, Phase.VALIDATION)


@dataclass(frozen=True)
class ImportWorkflow:
    """Runs the phases of imports on one database and one file store; ``clock`` returns epoch seconds."""

    database: Database
    store: Store
    settings: Settings
    # How long the sensor ignores a batch that is queued here, because the caller writes it itself.
    claim: timedelta | None = None
    large_writes: LargeWrites = field(default_factory=LargeWrites)
    memory_rule: MemoryRule = field(default_factory=MemoryRule)
    clock: Callable[[], float] = time.time

    @property
    def finalization(self) -> Finalization:
        """The part that ends imports on this database and file store."""
        return Finalization(self.database, self.store, self.memory_rule)

    def files(self, import_: Import) -> Folder:
        """Return the import's folder in the file store."""
        return self.store.folder(import_.folder)

    def memories(self, misled: str | None = None) -> Memories:
        """Return the memories of imports; ``misled`` says why an import does without one."""
        return Memories(self.store.folder, self.memory_rule, misled)

    def get(self, import_id: str) -> Import:
        """Return the current record of the import. Raises ``NoSuchImport``."""
        with self.database.connect() as connection:
            return import_records.get_import(connection, import_id)

    def check(
        self, import_id: str, phase: Phase, on_finished: Callable[[Import], None] = lambda _: None
    ) -> PhaseResult:
        """Run one of phases 1 to 5. The import becomes ``queued`` after phase 5.

        For a ``sync`` import, or one that a caller waits for, this first finishes the imports that were accepted
        earlier, and calls ``on_finished`` with each of them.

        Raises:
            PermanentFailure: the data cannot be imported; the import has ended as ``failed``.
            TimedOut: the import took longer than its ``timeout``; it has ended as ``timed_out``.
            ImportHasEnded: the import has a final status already.
        """
        # This connection stays open during the phase. Its name shows other processes that the import is active.
        with self.database.connect(worker_name(import_id)) as connection:
            read = [import_records.get_import(connection, import_id)]
            deadline = Deadline.of(read[0], self.clock)

            def attempt() -> PhaseResult:
                # Only a later attempt reads the record again; it may have changed during the wait before that.
                import_ = read.pop() if read else import_records.get_import(connection, import_id)
                return self._run_once(connection, import_, deadline, phase, on_finished)

            return self._run_within(deadline, connection, attempt)

    def _run_within(self, deadline: Deadline, connection: Connection, work: Callable[[], T]) -> T:
        """Do the work before the deadline. Retry it if the file store does not answer; end the import if it fails."""
        import_id = deadline.import_.id
        started = self.clock()
        try:
            with (
                self.finalization.ending(connection, deadline.import_),
                store_deadline(deadline.remaining),
                shown_progress(self.database),
            ):
                try:
                    return retry_unreachable(work)
                except StoreUnreachable as error:
                    if deadline.has_passed:
                        raise TimedOut(timed_out(deadline.import_, str(error))) from None
                    raise
        except (PermanentFailure, TimedOut, ImportHasEnded):
            raise
        except Exception:
            # The phase will be retried. The time of this attempt is in no phase report, so it is counted here.
            with suppress(psycopg.Error):
                import_updates.add_waited(connection, import_id, self.clock() - started)
            raise

    def _run_once(
        self,
        connection: Connection,
        import_: Import,
        deadline: Deadline,
        phase: Phase,
        on_finished: Callable[[Import], None],
    ) -> PhaseResult:
        if import_.has_ended:
            # The process that ended the import may have died before it removed the temporary data.
            self.finalization.remove_temporary_data(connection, import_)
            raise ImportHasEnded(f"The import {import_.id} has ended ({import_.status}); start a new one.")
        done = phase_reports.report_of(import_, phase)
        if done is None:
            result = self._run_phase(connection, import_, phase, deadline, on_finished)
            import_ = import_records.get_import(connection, import_.id)
        else:
            result = PhaseResult(
                phase,
                done["total"],
                done["error"],
                phase_reports.facts(import_, phase),
                phase_reports.notices(import_, phase),
            )
        try:
            self._check_result(connection, import_, result)
        except PermanentFailure:
            if phase not in _AFTER_MATCHING or not is_outdated(
                connection, import_records.get_batch_of(connection, import_.id)
            ):
                raise
            result = self._run_again(connection, import_, phase, deadline)
        if phase is Phase.VALIDATION:
            self._queue_or_end(connection, import_)
        return result

    def _run_again(
        self, connection: Connection, import_: Import, phase: Phase, deadline: Deadline
    ) -> PhaseResult:
        """Match the rows again and run the phases up to ``phase``, while no other import can write.

        A row that was matched with a record which another import has removed since is no error of the row.

        Raises:
            PermanentFailure: the data cannot be imported now either.
        """
        first = Phase.PARSING if import_.is_batch else Phase.TRANSFORMING
        files = self.files(import_)
        for name in (PLAN_CSV, PLAN_JSON):
            # A guard may have refused the plan that is made again now.
            files.delete(name)
        deadline.limit_statements(connection)
        try:
            results = run_locked(self, connection, import_, first, phase, deadline)
        except MemoryMisled as why:
            results = run_locked(self, connection, import_, Phase.PREVALIDATION, phase, deadline, str(why))
        import_ = import_records.get_import(connection, import_.id)
        for result in results:
            self._check_result(connection, import_, result)
        return results[-1]

    def _run_phase(
        self,
        connection: Connection,
        import_: Import,
        phase: Phase,
        deadline: Deadline,
        on_finished: Callable[[Import], None],
    ) -> PhaseResult:
        started = self.clock()
        progress.begin(phase.value, phase_reports.passed_on(import_), import_id=import_.id)
        earlier: list[Import] = []
        deadline.check()
        deadline.limit_statements(connection)
        if phase is Phase.PREVALIDATION:
            # Commit at once, so that the record says that the file was uploaded even if the phase fails.
            fetch(connection, import_, self.store, self.settings, deadline.check, now=self.clock())
        if phase is (Phase.PARSING if import_.is_batch else Phase.TRANSFORMING) and self._is_waited_for(
            import_
        ):
            # Finish the earlier imports first, so that the caller's rows are compared with what those have stored.
            earlier = ordered_writes.finish_earlier(self, connection, import_, deadline, on_finished)
        try:
            return self._run_recorded(connection, import_, phase, deadline, started, earlier)
        except MemoryMisled as why:
            misled = str(why)
        for one in CHECKING_PHASES[: CHECKING_PHASES.index(phase) + 1]:
            started, import_ = self.clock(), import_records.get_import(connection, import_.id)
            result = self._run_recorded(
                connection, import_, one, deadline, started, earlier if one is phase else [], misled
            )
            if result.success == 0:
                break
        return result

    def _run_recorded(
        self,
        connection: Connection,
        import_: Import,
        phase: Phase,
        deadline: Deadline,
        started: float,
        earlier: list[Import],
        misled: str | None = None,
    ) -> PhaseResult:
        """Run a phase and record its report in one transaction; ``misled`` says why it does without a memory."""
        with reading_records(connection, import_.organization_id):
            given = self.files(import_), self.settings, deadline.check, self.memories(misled)
            result = run_phase(connection, import_, phase, *given, lambda: deadline.connect(self.database))
            result = replace(result, notices=(*result.notices, *ordered_writes.notices(earlier)))
            self.record(connection, import_, result, "sync", started)
        return result

    def _is_waited_for(self, import_: Import) -> bool:
        return import_.options.mode is Mode.SYNC or self.claim is not None

    def _check_result(self, connection: Connection, import_: Import, result: PhaseResult) -> None:
        check_result(connection, self.store, import_, result, four_eyes=self.settings.four_eyes)

    def _queue_or_end(self, connection: Connection, import_: Import) -> None:
        """Queue a validated import for writing, or end a dry run and say if the real run would fail."""
        if not import_.options.dry_run:
            claim = self.claim or (_SYNC_CLAIM if import_.options.mode is Mode.SYNC else None)
            import_updates.transition(connection, import_.id, Status.QUEUED, claim=claim)
            return
        plan = import_.plan or {}
        reason = "Dry run: nothing was written."
        try:
            check_removals(connection, import_, four_eyes=self.settings.four_eyes)
        except PermanentFailure as failure:
            reason = f"{reason} The real run would fail: {failure.reason}"
        rejected = sum(report["error"] for report in import_.phases)
        stats = {name: plan[name] for name in (*STATS, *MORE_STATS) if name in plan}
        import_updates.transition(
            connection, import_.id, Status.COMPLETED, reason=reason, stats={**stats, "rejected": rejected}
        )
        self.finalization.remove_temporary_data(connection, import_)

    def record(
        self, connection: Connection, import_: Import, result: PhaseResult, mode: str, started: float
    ) -> PhaseReport:
        """Write the findings of a checking phase to the import's record and return the phase's report."""
        report = PhaseReport.of(result, mode, started, self.clock())
        record_phase(connection, import_, self.files(import_), result, report)
        return report

    def write(
        self, import_id: str, on_finished: Callable[[Import], None] = lambda _: None
    ) -> tuple[PhaseResult, PhaseResult]:
        """Run processing and cleanup in one transaction that also ends the import as ``completed``.

        This first finishes every import of the organization and resource that was accepted earlier, and calls
        ``on_finished`` with each of them. If several callers write the same import, one of them does the work and all
        return its result. Raises the same errors as ``check``.
        """
        import_ = self.end(import_id, on_finished)
        if import_.status is not Status.COMPLETED:
            raise ImportHasEnded(f"The import {import_id} has ended ({import_.status}); start a new one.")
        return phase_reports.written(import_, Phase.PROCESSING), phase_reports.written(import_, Phase.CLEANUP)

    def end(self, import_id: str, on_finished: Callable[[Import], None] = lambda _: None) -> Import:
        """Write an accepted import or revert, as ``write`` does, and return it with whatever final status it got.

        Raises ``ImportHasEnded`` for an import that is not accepted yet.
        """
        with self.database.connect(worker_name(import_id)) as connection:
            import_ = import_records.get_import(connection, import_id)
            if import_.status is Status.REQUESTED:
                raise ImportHasEnded(
                    f"The import {import_id} is not validated yet: run its phases 1 to 5 first."
                )
            if not import_.has_ended:
                deadline = Deadline.of(import_, self.clock)
                self._run_within(
                    deadline,
                    connection,
                    lambda: ordered_writes.write_in_turn(self, connection, import_, deadline, on_finished),
                )
            import_ = import_records.get_import(connection, import_id)
            if import_.has_ended:
                self.finalization.remove_temporary_data(connection, import_)
            pre_images.prune(connection, self.settings.history_days)
            return import_

    def check_again(
        self,
        connection: Connection,
        import_: Import,
        phase: Phase,
        checkpoint: Callable[[], None],
        again: PhasesAgain,
        misled: str | None = None,
    ) -> None:
        """Run a checking phase again in the transaction of the write, on the records that are stored now."""
        started = self.clock()
        files, memories = self.files(import_), self.memories(misled)
        result = run_phase(connection, import_, phase, files, self.settings, checkpoint, memories)
        mode = "sync" if import_.options.mode is Mode.SYNC else "async"
        again.reports.append(self.record(connection, import_, result, mode, started))
        import_ = import_records.get_import(connection, import_.id)
        try:
            self._check_result(connection, import_, result)
        except PermanentFailure:
            again.refused = import_records.get_import(connection, import_.id)
            raise
