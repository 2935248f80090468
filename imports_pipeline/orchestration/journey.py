"""An import's journey through its phases: each run once, recorded, and ended with one final status.

Knows no Dagster. Ops call ``accept``, ``check`` and ``write``; so would anything else that runs imports.

A phase that uses the database commits its work together with its report, so a phase whose report is there is
done and is passed over when a crashed run is tried again. ``write`` commits the data, the reports of processing
and cleanup, the statistics and the final status in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from imports_pipeline.batches import generations, history
from imports_pipeline.batches.cleanup import cleanup
from imports_pipeline.batches.guards import check_deletions, check_errors
from imports_pipeline.batches.processing import processing
from imports_pipeline.batches.staging import Staging
from imports_pipeline.batches.validation import staged_fields
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.imports import STATS, Import
from imports_pipeline.model.options import Mode
from imports_pipeline.model.phases import (
    CHECKING_PHASES,
    PHASES,
    Phase,
    PhaseReport,
    PhaseResult,
)
from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration import reports
from imports_pipeline.orchestration.endings import Endings, timed_out
from imports_pipeline.orchestration.phase_steps import fetch, run_phase
from imports_pipeline.phases.error_files import write_error_files
from imports_pipeline.settings import Settings
from imports_pipeline.storage import organizations, parts, registry
from imports_pipeline.storage.database import Database
from imports_pipeline.storage.files import Folder, Store
from imports_pipeline.storage.patience import patiently
from imports_pipeline.storage.workers import worker_name

Connection = psycopg.Connection[Any]

#: How often a write is planned again when another write has crossed it.
_ATTEMPTS = 3
#: In mode `sync` the run that checked goes on to write; another one would only wait behind it.
_SYNC_CLAIM = timedelta(seconds=60)


@dataclass(frozen=True)
class Journey:
    """The phases on one database and one file store; ``clock`` gives epoch seconds."""

    database: Database
    store: Store
    settings: Settings
    #: how long the sensor leaves a batch that is queued here alone, because the caller writes it itself
    claim: timedelta | None = None
    clock: Callable[[], float] = time.time

    @property
    def endings(self) -> Endings:
        """What ends imports here."""
        return Endings(self.database, self.store)

    def files(self, import_: Import) -> Folder:
        """Give the import's folder in the file store."""
        return self.store.folder(import_.folder)

    def get(self, import_id: str) -> Import:
        """Give the import as it is recorded now. Raises ``NoSuchImport``."""
        with self.database.connect() as connection:
            return registry.get_import(connection, import_id)

    def check(self, import_id: str, phase: Phase) -> PhaseResult:
        """Run one of phases 1 to 5; after the last the import is ``queued``.

        A fault of the data ends the import (``failed``) and is raised as ``PermanentFailure``; so is a
        ``timeout`` as ``TimedOut``. Raises ``ImportHasEnded`` when the import has a final status already.
        """
        # The connection is kept meanwhile: it says that the import is worked on.
        with self.database.connect(worker_name(import_id)) as connection:
            return patiently(lambda: self._checked(connection, import_id, phase))

    def _checked(self, connection: Connection, import_id: str, phase: Phase) -> PhaseResult:
        import_ = registry.get_import(connection, import_id)
        if import_.has_ended:
            # Whoever ended it may have died before this.
            self.endings.tidy(connection, import_)
            raise ImportHasEnded(f"The import {import_id} has ended ({import_.status}); start a new one.")
        with self.endings.ending(connection, import_):
            done = reports.of(import_, phase)
            if done is None:
                result = self._check(connection, import_, phase)
            else:
                result = PhaseResult(
                    phase,
                    done["total"],
                    done["error"],
                    reports.facts(import_, phase),
                    reports.notices(import_, phase),
                )
            self._judge(connection, import_.id, result)
            if phase is Phase.VALIDATION:
                self._release(connection, import_.id)
            return result

    def _check(self, connection: Connection, import_: Import, phase: Phase) -> PhaseResult:
        started = self.clock()
        checkpoint = self.deadline(connection, import_)
        if phase is Phase.PREVALIDATION:
            # Committed at once: whatever becomes of the file, that it was uploaded stays known.
            fetch(connection, import_, self.store, self.settings, now=self.clock())
        with connection.transaction():
            result = run_phase(connection, import_, phase, self.files(import_), self.settings, checkpoint)
            self._record(connection, import_, result, "sync", started)
        return result

    def _judge(self, connection: Connection, import_id: str, result: PhaseResult) -> None:
        """Raise ``PermanentFailure`` when what a phase left may not go on: nothing valid, or a guard trips.

        After the phase is committed, so that its report stays; and again whenever it is passed over.
        """
        import_ = registry.get_import(connection, import_id)
        if result.success == 0:
            raise PermanentFailure("no_valid_row", reports.no_valid_row(import_, self.files(import_), result))
        # Not of the phases after it, which a run that is tried again has reports of: the verdict stays the same.
        done = [
            report for report in import_.phases if PHASES.index(report["name"]) <= PHASES.index(result.phase)
        ]
        check_errors(import_.options, sum(report["error"] for report in done), done[0]["total"])
        if result.phase is Phase.VALIDATION and not import_.options.dry_run:
            self._check_deletions(connection, import_)

    def _check_deletions(self, connection: Connection, import_: Import) -> None:
        limits = organizations.limits(connection, import_.organization_id)
        cause = reports.cause_of_removals(import_)
        check_deletions(import_.options, import_.resource, import_.plan or {}, limits, cause)

    def _release(self, connection: Connection, import_id: str) -> None:
        """Let a validated import go on to be written; a dry run ends here, and says what the real one would do."""
        import_ = registry.get_import(connection, import_id)
        if not import_.options.dry_run:
            claim = self.claim or (_SYNC_CLAIM if import_.options.mode is Mode.SYNC else None)
            registry.transition(connection, import_id, Status.QUEUED, claim=claim)
            return
        plan = import_.plan or {}
        reason = "Dry run: nothing was written."
        try:
            self._check_deletions(connection, import_)
        except PermanentFailure as failure:
            reason = f"{reason} The real run would fail: {failure.reason}"
        rejected = sum(report["error"] for report in import_.phases)
        stats = {name: plan[name] for name in STATS if name in plan}
        registry.transition(
            connection, import_id, Status.COMPLETED, reason=reason, stats={**stats, "rejected": rejected}
        )
        self.endings.tidy(connection, import_)

    def _record(
        self, connection: Connection, import_: Import, result: PhaseResult, mode: str, started: float
    ) -> PhaseReport:
        """Write what a checking phase found onto the import; give its report."""
        report = PhaseReport.of(result, mode, started, self.clock())
        registry.record_phase(connection, registry.get_import(connection, import_.id), report)
        if result.phase is Phase.PREVALIDATION:
            detected = dict(result.facts["detected"])
            if import_.options.parts:
                detected["parts"] = parts.parts_of(self.files(import_))
            registry.update_import(connection, import_.id, detected=detected)
        if result.phase is Phase.VALIDATION:
            has_errors = write_error_files(self.files(import_), of_batch=import_.is_batch) > 0
            registry.update_import(
                connection, import_.id, has_errors_file=has_errors, plan=dict(result.facts["plan"])
            )
        return report

    def write(self, import_id: str) -> tuple[PhaseResult, PhaseResult]:
        """Run processing and cleanup in one transaction that also ends the import as ``completed``.

        Of several callers one writes and the others get its result. Raises as ``check`` does.
        """
        with self.database.connect(worker_name(import_id)) as connection:
            import_ = patiently(lambda: self._written(connection, import_id))
            history.prune(connection, self.settings.history_days)
        return reports.written(import_, Phase.PROCESSING), reports.written(import_, Phase.CLEANUP)

    def _written(self, connection: Connection, import_id: str) -> Import:
        import_ = registry.get_import(connection, import_id)
        if not import_.has_ended:
            registry.transition(connection, import_id, Status.PROCESSING)
            if registry.get_import(connection, import_id).status is Status.REQUESTED:
                raise ImportHasEnded(
                    f"The import {import_id} is not validated yet: run its phases 1 to 5 first."
                )
            with self.endings.ending(connection, import_):
                self._write(connection, import_)
            import_ = registry.get_import(connection, import_id)
        if import_.status is not Status.COMPLETED:
            raise ImportHasEnded(f"The import {import_id} has ended ({import_.status}); start a new one.")
        self.endings.tidy(connection, import_)
        return import_

    def _write(self, connection: Connection, import_: Import) -> None:
        crossed = (
            psycopg.errors.DeadlockDetected,
            psycopg.errors.SerializationFailure,
            psycopg.errors.UniqueViolation,
        )
        for attempt in range(_ATTEMPTS):
            again: list[PhaseReport] = []
            try:
                with connection.transaction():
                    self._write_once(connection, import_, again, plan_again=attempt > 0)
                return
            except (PermanentFailure, TimedOut, psycopg.errors.QueryCanceled):
                # The plan that failed was rolled back with its reports, and the errors files speak of it.
                connection.execute("SET statement_timeout = 0")
                for report in again:
                    registry.record_phase(connection, registry.get_import(connection, import_.id), report)
                raise
            except crossed:
                # Another write crossed this one; on what it left the plan is made again.
                if attempt == _ATTEMPTS - 1:
                    raise

    def _write_once(
        self, connection: Connection, import_: Import, again: list[PhaseReport], *, plan_again: bool
    ) -> None:
        """Write in the caller's transaction; ``again`` gets the reports of phases that had to run again."""
        organization, resource = import_.organization_id, import_.resource
        checkpoint = self.deadline(connection, import_)
        generations.lock(connection, organization, resource)
        import_ = registry.get_import(connection, import_.id)
        if import_.has_ended:
            return
        batch = registry.get_batch_of(connection, import_.id)
        if (
            plan_again
            or batch.generations != generations.read(connection, organization)
            or batch.staged != Staging(batch.id).count(connection)
        ):
            for phase in CHECKING_PHASES[3 if import_.is_batch else 2 :]:
                self._again(connection, import_, phase, checkpoint, again)
            import_ = registry.get_import(connection, import_.id)
            batch = registry.get_batch_of(connection, import_.id)
        mode = "sync" if import_.options.mode is Mode.SYNC else "async"
        started = self.clock()
        processed = processing(batch, connection, staged_fields(self.files(import_)))
        checkpoint()
        halfway = self.clock()
        cleaned = cleanup(batch, connection, processed.success)
        checkpoint()
        generations.bump(connection, organization, resource)
        registry.record_phase(connection, import_, PhaseReport.of(processed, mode, started, halfway))
        registry.record_phase(connection, import_, PhaseReport.of(cleaned, mode, halfway, self.clock()))
        rejected = sum(report["error"] for report in import_.phases)
        if not registry.transition(
            connection,
            import_.id,
            Status.COMPLETED,
            stats={**processed.facts, **cleaned.facts, "rejected": rejected},
            written=True,
        ):
            # Canceled, or given up for dead, while this was writing: then it has written nothing.
            raise ImportHasEnded(f"The import {import_.id} was ended while its write was under way.")

    def _again(
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

    def deadline(self, connection: Connection, import_: Import) -> Callable[[], None]:
        """Bound the statements that follow by what is left of the import's ``timeout``; give a checkpoint."""
        spent = sum(report["ended_at"] - report["started_at"] for report in import_.phases)
        left = import_.options.timeout - spent
        deadline = self.clock() + left
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false)", (str(max(1, int(left * 1000))),)
        )

        def checkpoint() -> None:
            if self.clock() > deadline:
                raise TimedOut(timed_out(import_))

        checkpoint()
        return checkpoint
