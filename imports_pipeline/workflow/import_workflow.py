"""An import's workflow through its phases: each run once, recorded, and ended with one final status.

Knows no Dagster. Ops call ``accept``, ``check`` and ``write``; so would anything else that runs imports.

A phase that uses the database commits its work together with its report, so a phase whose report is there is
done and is passed over when a crashed run is tried again. ``write`` commits the data, the reports of processing
and cleanup, the statistics and the final status in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import psycopg

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.planning.guards import check_deletions, check_errors
from imports_pipeline.batch_phases.planning.plan_files import write_refused_plan
from imports_pipeline.batch_phases.validation import staged_fields
from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.database.connections import Database
from imports_pipeline.filestore.retry import bounded, patiently
from imports_pipeline.filestore.stores import Folder, Store, StoreUnreachable
from imports_pipeline.import_phases.files.error_files import write_error_files
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.imports import STATS, Import
from imports_pipeline.model.options import Mode
from imports_pipeline.model.phases import PHASES, Phase, PhaseReport, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, organizations
from imports_pipeline.settings import Settings
from imports_pipeline.sources import part_files
from imports_pipeline.workflow import ordered_writes, phase_reports
from imports_pipeline.workflow.deadlines import Deadline
from imports_pipeline.workflow.finalization import Finalization, timed_out
from imports_pipeline.workflow.phase_runner import fetch, run_phase

Connection = psycopg.Connection[Any]
T = TypeVar("T")

# In mode `sync` the run that checked goes on to write; another one would only wait behind it.
_SYNC_CLAIM = timedelta(seconds=60)


@dataclass(frozen=True)
class ImportWorkflow:
    """The phases on one database and one file store; ``clock`` gives epoch seconds."""

    database: Database
    store: Store
    settings: Settings
    #: how long the sensor leaves a batch that is queued here alone, because the caller writes it itself
    claim: timedelta | None = None
    clock: Callable[[], float] = time.time

    @property
    def finalization(self) -> Finalization:
        """What ends imports here."""
        return Finalization(self.database, self.store)

    def files(self, import_: Import) -> Folder:
        """Return the import's folder in the file store."""
        return self.store.folder(import_.folder)

    def get(self, import_id: str) -> Import:
        """Return the import as it is recorded now. Raises ``NoSuchImport``."""
        with self.database.connect() as connection:
            return import_records.get_import(connection, import_id)

    def check(
        self, import_id: str, phase: Phase, on_finished: Callable[[Import], None] = lambda _: None
    ) -> PhaseResult:
        """Run one of phases 1 to 5; after the last the import is ``queued``.

        A ``sync`` import, or one that a caller waits for, first brings those that were accepted before it to their
        end; ``on_finished`` is told each.

        A fault of the data ends the import (``failed``) and is raised as ``PermanentFailure``; so is a
        ``timeout`` as ``TimedOut``. Raises ``ImportHasEnded`` when the import has a final status already.
        """
        # The connection is kept meanwhile: it says that the import is worked on.
        with self.database.connect(worker_name(import_id)) as connection:
            deadline = Deadline.of(import_records.get_import(connection, import_id), self.clock)
            return self._within(
                deadline, connection, lambda: self._checked(connection, deadline, phase, on_finished)
            )

    def _within(self, deadline: Deadline, connection: Connection, work: Callable[[], T]) -> T:
        """Do the work, again where the file store did not answer, and end the import where its time is up."""
        import_id = deadline.import_.id
        started = self.clock()
        try:
            with self.finalization.ending(connection, deadline.import_), bounded(deadline.remaining):
                try:
                    return patiently(work)
                except StoreUnreachable as error:
                    if deadline.has_passed:
                        raise TimedOut(timed_out(deadline.import_, str(error))) from None
                    raise
        except (PermanentFailure, TimedOut, ImportHasEnded):
            raise
        except Exception:
            # A fault that is tried again: what the attempt took is in no report of a phase.
            with suppress(psycopg.Error):
                import_records.add_waited(connection, import_id, self.clock() - started)
            raise

    def _checked(
        self, connection: Connection, deadline: Deadline, phase: Phase, on_finished: Callable[[Import], None]
    ) -> PhaseResult:
        import_ = import_records.get_import(connection, deadline.import_.id)
        if import_.has_ended:
            # Whoever ended it may have died before this.
            self.finalization.tidy(connection, import_)
            raise ImportHasEnded(f"The import {import_.id} has ended ({import_.status}); start a new one.")
        done = phase_reports.report_of(import_, phase)
        if done is None:
            result = self._check(connection, import_, phase, deadline, on_finished)
        else:
            result = PhaseResult(
                phase,
                done["total"],
                done["error"],
                phase_reports.facts(import_, phase),
                phase_reports.notices(import_, phase),
            )
        self._judge(connection, import_.id, result)
        if phase is Phase.VALIDATION:
            self._release(connection, import_.id)
        return result

    def _check(
        self,
        connection: Connection,
        import_: Import,
        phase: Phase,
        deadline: Deadline,
        on_finished: Callable[[Import], None],
    ) -> PhaseResult:
        started = self.clock()
        earlier: list[Import] = []
        deadline.check()
        deadline.limit_statements(connection)
        if phase is Phase.PREVALIDATION:
            # Committed at once: whatever becomes of the file, that it was uploaded stays known.
            fetch(connection, import_, self.store, self.settings, now=self.clock())
        if phase is (Phase.PARSING if import_.is_batch else Phase.TRANSFORMING) and self._is_waited_for(
            import_
        ):
            # The caller sees what is stored once all that was accepted before has been written.
            earlier = ordered_writes.finish_earlier(self, connection, import_, deadline, on_finished)
        with connection.transaction():
            result = run_phase(connection, import_, phase, self.files(import_), self.settings, deadline.check)
            result = replace(result, notices=(*result.notices, *ordered_writes.notices(earlier)))
            self._record(connection, import_, result, "sync", started)
        return result

    def _is_waited_for(self, import_: Import) -> bool:
        return import_.options.mode is Mode.SYNC or self.claim is not None

    def _judge(self, connection: Connection, import_id: str, result: PhaseResult) -> None:
        """Raise ``PermanentFailure`` when what a phase left may not go on: nothing valid, or a guard trips.

        After the phase is committed, so that its report stays; and again whenever it is passed over.
        """
        import_ = import_records.get_import(connection, import_id)
        if result.success == 0:
            raise PermanentFailure(
                "no_valid_row", phase_reports.no_valid_row(import_, self.files(import_), result)
            )
        try:
            self._guard(connection, import_, result)
        except PermanentFailure:
            if result.phase is Phase.VALIDATION and not import_.options.dry_run:
                # Whoever decides whether to approve it must see what it would do; a dry run has its plan already.
                write_refused_plan(
                    connection,
                    import_records.get_batch_of(connection, import_id),
                    self.files(import_),
                    staged_fields(self.files(import_)),
                )
            raise

    def _guard(self, connection: Connection, import_: Import, result: PhaseResult) -> None:
        """Raise ``PermanentFailure`` when too many rows were rejected, or the plan removes too many records."""
        # Not of the phases after it, which a run that is tried again has reports of: the verdict stays the same.
        done = [
            report for report in import_.phases if PHASES.index(report["name"]) <= PHASES.index(result.phase)
        ]
        check_errors(import_.options, sum(report["error"] for report in done), done[0]["total"])
        if result.phase is Phase.VALIDATION and not import_.options.dry_run:
            self._check_deletions(connection, import_)

    def _check_deletions(self, connection: Connection, import_: Import) -> None:
        limits = organizations.limits(connection, import_.organization_id)
        cause = phase_reports.cause_of_removals(import_)
        check_deletions(import_.options, import_.resource, import_.plan or {}, limits, cause)

    def _release(self, connection: Connection, import_id: str) -> None:
        """Let a validated import go on to be written; a dry run ends here, and says what the real one would do."""
        import_ = import_records.get_import(connection, import_id)
        if not import_.options.dry_run:
            claim = self.claim or (_SYNC_CLAIM if import_.options.mode is Mode.SYNC else None)
            import_records.transition(connection, import_id, Status.QUEUED, claim=claim)
            return
        plan = import_.plan or {}
        reason = "Dry run: nothing was written."
        try:
            self._check_deletions(connection, import_)
        except PermanentFailure as failure:
            reason = f"{reason} The real run would fail: {failure.reason}"
        rejected = sum(report["error"] for report in import_.phases)
        stats = {name: plan[name] for name in STATS if name in plan}
        import_records.transition(
            connection, import_id, Status.COMPLETED, reason=reason, stats={**stats, "rejected": rejected}
        )
        self.finalization.tidy(connection, import_)

    def _record(
        self, connection: Connection, import_: Import, result: PhaseResult, mode: str, started: float
    ) -> PhaseReport:
        """Write what a checking phase found onto the import; give its report."""
        report = PhaseReport.of(result, mode, started, self.clock())
        import_records.record_phase(connection, import_records.get_import(connection, import_.id), report)
        if result.phase is Phase.PREVALIDATION:
            detected = dict(result.facts["detected"])
            if import_.options.parts:
                detected["parts"] = part_files.parts_of(self.files(import_))
            import_records.update_import(connection, import_.id, detected=detected)
        if result.phase is Phase.VALIDATION:
            has_errors = write_error_files(self.files(import_), of_batch=import_.is_batch) > 0
            import_records.update_import(
                connection, import_.id, has_errors_file=has_errors, plan=dict(result.facts["plan"])
            )
        return report

    def write(
        self, import_id: str, on_finished: Callable[[Import], None] = lambda _: None
    ) -> tuple[PhaseResult, PhaseResult]:
        """Run processing and cleanup in one transaction that also ends the import as ``completed``.

        First every import of the organization and resource that was accepted earlier is on_finished to its end;
        ``on_finished`` is told each. Of several callers one writes and the others get its result. Raises as ``check``
        does.
        """
        import_ = self.end(import_id, on_finished)
        if import_.status is not Status.COMPLETED:
            raise ImportHasEnded(f"The import {import_id} has ended ({import_.status}); start a new one.")
        return phase_reports.written(import_, Phase.PROCESSING), phase_reports.written(import_, Phase.CLEANUP)

    def end(self, import_id: str, on_finished: Callable[[Import], None] = lambda _: None) -> Import:
        """Write an accepted import or revert, as ``write`` does, and return it as it ended, however it did.

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
                self._within(
                    deadline,
                    connection,
                    lambda: ordered_writes.write_in_turn(self, connection, import_, deadline, on_finished),
                )
            import_ = import_records.get_import(connection, import_id)
            if import_.has_ended:
                self.finalization.tidy(connection, import_)
            pre_images.prune(connection, self.settings.history_days)
            return import_

    def check_again(
        self,
        connection: Connection,
        import_: Import,
        phase: Phase,
        checkpoint: Callable[[], None],
        again: list[PhaseReport],
    ) -> None:
        """Run a checking phase once more inside the write, on what is stored now."""
        started = self.clock()
        result = run_phase(connection, import_, phase, self.files(import_), self.settings, checkpoint)
        mode = "sync" if import_.options.mode is Mode.SYNC else "async"
        again.append(self._record(connection, import_, result, mode, started))
        self._judge(connection, import_.id, result)
