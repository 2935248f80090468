"""The checks after each checking phase: that valid rows are left, and that no guard refuses the import or its plan."""

from __future__ import annotations

from typing import Any

import psycopg

from imports_pipeline.batch_phases.planning.guards import check_deletions, check_errors
from imports_pipeline.batch_phases.planning.plan_files import write_refused_plan
from imports_pipeline.batch_phases.validation import staged_fields
from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import PHASES, Phase, PhaseResult
from imports_pipeline.registry import import_records, import_updates, organizations
from imports_pipeline.workflow import phase_reports
from imports_pipeline.workflow.decisions.plan_changes import plan_changed

Connection = psycopg.Connection[Any]


def check_result(
    connection: Connection, store: Store, import_: Import, result: PhaseResult, *, four_eyes: bool
) -> None:
    """Raise ``PermanentFailure`` if no valid row remains after a phase, or if the import or its plan is refused.

    The caller commits the phase first, so that its report is kept. A phase that is skipped because it is done is
    checked again. ``import_`` is the record with the phase's report.
    """
    planned = result.phase is Phase.VALIDATION
    changed = planned and import_.expected_plan_checksum not in (None, import_.plan_checksum)
    try:
        if result.success == 0:
            raise PermanentFailure(
                "no_valid_row", phase_reports.no_valid_row(import_, store.folder(import_.folder), result)
            )
        if not changed:
            _check_guards(connection, import_, result, four_eyes=four_eyes)
    except PermanentFailure as failure:
        if planned and result.success and not import_.options.dry_run:
            # The person who decides on the approval must see the plan. A dry run has its plan files already.
            _write_refused_plan(connection, store, import_)
        if import_.expected_plan_checksum is None or (planned and result.success):
            raise
        # The plan that was seen had rows, so the stored records have changed since.
        raise PermanentFailure(
            "plan_changed", f"The plan is another now than the one that was seen. {failure.reason}"
        ) from None
    if changed:
        _write_refused_plan(connection, store, import_)
        raise PermanentFailure("plan_changed", plan_changed(connection, store, import_))


def check_removals(connection: Connection, import_: Import, *, four_eyes: bool) -> None:
    """Raise ``PermanentFailure`` if the plan removes more records than the guards allow.

    With ``four_eyes`` the options of an import do not approve its own removals; only an approval does.
    """
    limits = organizations.limits(connection, import_.organization_id)
    cause = phase_reports.cause_of_removals(import_)
    check_deletions(
        import_.options,
        import_.resource,
        import_.plan or {},
        limits,
        cause,
        four_eyes=four_eyes and import_.approves is None,
    )


def _check_guards(connection: Connection, import_: Import, result: PhaseResult, *, four_eyes: bool) -> None:
    """Raise ``PermanentFailure`` if too many rows were rejected, or if the plan removes too many records."""
    # Ignore the reports of later phases, which a retried run may have: the result must not depend on them.
    done = [report for report in import_.phases if PHASES.index(report["name"]) <= PHASES.index(result.phase)]
    check_errors(import_.options, sum(report["error"] for report in done), done[0]["total"])
    if result.phase is Phase.VALIDATION and not import_.options.dry_run:
        check_removals(connection, import_, four_eyes=four_eyes)


def _write_refused_plan(connection: Connection, store: Store, import_: Import) -> None:
    """Write the plan files of a refused import and record the checksum of its plan."""
    files = store.folder(import_.folder)
    batch = import_records.get_batch_of(connection, import_.id)
    checksum = write_refused_plan(connection, batch, files, staged_fields(files))
    if checksum is not None:
        import_updates.update_import(connection, import_.id, plan_checksum=checksum)
