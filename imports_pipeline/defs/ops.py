"""The ops, one for each phase. Each op reads its import, runs the phase and attaches metadata.

Ops pass no data to each other; their edges only define the order. An op finds its import by its run, so each op can be
executed again on another machine.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import dagster as dg

from imports_pipeline.defs import checks, config
from imports_pipeline.defs.metadata import approval_link, import_metadata
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import arrived, run_imports, run_logs, tags
from imports_pipeline.filestore.retry import retry_unreachable, store_timeout

# Dagster reads the annotations of ops as they are, so this module does not postpone their evaluation.
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.phases import IMPORT_PHASES, Phase, PhaseResult
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.schemas.catalog import RESOURCES, Resource
from imports_pipeline.workflow import revert, signals
from imports_pipeline.workflow.approval import request_approval
from imports_pipeline.workflow.finalization import timed_out
from imports_pipeline.workflow.import_workflow import ImportWorkflow

# Infrastructure errors are retried. Errors of the data are raised with `allow_retries=False`.
_RETRIES: Final = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL)

# A field that assets add to the config of their ops.
_RESOURCE: Final = {"resource": dg.Field(str, description="contact or group.")}

# Seconds to wait for the files that are shown for a failed import. It may have failed because of the file store.
_SHOWN_SECONDS: Final = 10.0


def batches_name(resource: Resource) -> str:
    """Return the name of the asset of checked and planned files of this resource."""
    return f"{resource.name}_batches"


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=_RETRIES,
    config_schema=config.REVERT_SCHEMA,
    description="Undoes what an import created, updated, deleted and overwrote, in one transaction.",
)
def reverting(context: dg.OpExecutionContext, imports: Imports) -> None:
    """Revert an import: the one for which this run was launched, or the one in its config."""
    workflow = imports.workflow()
    import_ = run_imports.import_of(context, workflow)
    if import_ is None:
        import_ = _request_revert(context, workflow)
    run_logs.set_context(import_, context.op.name)
    ended = _run_until_ended(
        context,
        workflow,
        import_,
        lambda: revert.run_revert(workflow, import_.id, _show_finished(context, workflow)),
    )
    _show_status(context, workflow, ended.id)
    if ended.written_at is not None:
        tags.show_reverted(context.instance, ended)
    shown = _of_records(workflow, ended)
    if ended.options.dry_run:
        context.add_output_metadata(shown)
    else:
        asset = RESOURCES[ended.resource].table
        context.log_event(dg.AssetMaterialization(asset, metadata=shown))
        checks.log(context, asset, ended, checks.of_records(ended))


@dg.op(
    out=dg.Out(dg.Nothing),
    retry_policy=_RETRIES,
    config_schema=config.APPROVE_SCHEMA,
    description="Approves the removals of a refused import: registers the import of its stored file with a ceiling.",
)
def approving(context: dg.OpExecutionContext, imports: Imports) -> None:
    """Register the approval of a refused import. The sensor `awaited_uploads` launches its run within seconds."""
    workflow = imports.workflow()
    given = context.op_config
    try:
        refused = workflow.get(given["import_id"])
        with workflow.database.connect() as connection:
            import_ = request_approval(
                connection,
                workflow.store,
                refused,
                max_deletions=given["max_deletions"],
                source="ui",
                approved_by=given["approved_by"],
                plan_checksum=given["plan_checksum"],
                four_eyes=workflow.settings.four_eyes,
            )
    except (InvalidOption, import_records.NoSuchImport) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    ceiling = import_.options.max_deletions
    context.log.info(
        f"{import_.id} imports the file of {refused.id} again, with at most {ceiling:,} removals"
    )
    context.add_output_metadata(
        {"import": import_.id, "approves": refused.id, "max_deletions": ceiling, "name": import_.name or ""}
    )


def _show_status(context: dg.OpExecutionContext, workflow: ImportWorkflow, import_id: str) -> None:
    """Set the status tag of the import's runs. Do it again if another run has ended the import in the meantime."""
    shown = None
    while (import_ := workflow.get(import_id)).status is not shown:
        tags.show_status(context.instance, import_)
        shown = import_.status


def _of_records(workflow: ImportWorkflow, import_: Import) -> dict[str, Any]:
    with workflow.database.connect() as connection:
        row_count = import_records.count_records(connection, import_.resource)
    return retry_unreachable(lambda: import_metadata.of_records(import_, row_count, workflow.files(import_)))


def _of_phase(workflow: ImportWorkflow, import_: Import, result: PhaseResult) -> dict[str, Any]:
    return retry_unreachable(lambda: import_metadata.of_phase(import_, result, workflow.files(import_)))


def _of_failure(workflow: ImportWorkflow, import_: Import) -> dict[str, Any]:
    """Return the metadata of a failed import, without its files if the file store does not respond in time."""
    try:
        with store_timeout(_SHOWN_SECONDS):
            shown = retry_unreachable(lambda: import_metadata.of_failure(import_, workflow.files(import_)))
            return {**approval_link.of(workflow.settings, import_), **shown}
    except OSError as error:
        return {"import": import_.id, "reason": import_.reason or "", "files": " ".join(str(error).split())}


def _request_revert(context: dg.OpExecutionContext, workflow: ImportWorkflow) -> Import:
    given = context.op_config
    if not given["import_id"]:
        raise dg.Failure("Name the import to revert in the run config (`import_id`).", allow_retries=False)
    try:
        import_ = revert.request_revert(
            workflow, given["import_id"], dry_run=given["dry_run"], source="ui", created_by=None
        )
    except (InvalidOption, import_records.NoSuchImport) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    with workflow.database.connect() as connection:
        import_updates.update_import(connection, import_.id, run_id=context.run_id)
    context.instance.add_run_tags(context.run_id, tags.of(import_))
    return import_


def _run(context: dg.OpExecutionContext, workflow: ImportWorkflow, import_: Import, phase: Phase) -> None:
    """Run a checking phase and attach its metadata."""
    if import_.is_batch and phase in IMPORT_PHASES:
        context.log.info(f"{import_.id} is a batch of items: it begins with parsing")
        return
    result = _run_until_ended(
        context,
        workflow,
        import_,
        lambda: workflow.check(import_.id, phase, _show_finished(context, workflow)),
    )
    checked = workflow.get(import_.id)
    files = workflow.files(checked)
    reasons = retry_unreachable(lambda: import_metadata.first_reasons(result, files))
    context.log.info(
        f"{import_.id} {phase}: {result.success:,} passed on, {result.error:,} rejected{reasons}"
    )
    if phase is not Phase.VALIDATION:
        context.add_output_metadata(_of_phase(workflow, checked, result))
        return
    checks.log(context, batches_name(RESOURCES[checked.resource]), checked, checks.of_batch(checked))
    _add_asset_metadata(retry_unreachable(lambda: import_metadata.of_batch(checked, files)))


def _add_asset_metadata(metadata: Mapping[str, Any]) -> None:
    """Write metadata to the materialization of this step. Dagster would store that of the output in two events."""
    dg.AssetExecutionContext.get().add_asset_metadata(metadata)


def _run_until_ended(
    context: dg.OpExecutionContext, workflow: ImportWorkflow, import_: Import, run: Any
) -> Any:
    """Run the function. If it ends the import, raise a ``dg.Failure`` without retries, with links to the errors."""
    try:
        _stop_if_canceled(context, workflow, import_)
        with signals.interruptible():
            return run()
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        # Dagster would retry the op, even if it was interrupted because a person has canceled the run.
        _stop_if_canceled(context, workflow, import_)
        if signals.signal_received() is not None:
            # The write was already committed when the signal came.
            return run()
        raise
    except (PermanentFailure, TimedOut) as failure:
        ended = workflow.get(import_.id)
        _show_status(context, workflow, ended.id)
        raise dg.Failure(failure.reason, metadata=_of_failure(workflow, ended), allow_retries=False) from None
    except ImportHasEnded as error:
        _show_status(context, workflow, import_.id)
        raise dg.Failure(str(error), allow_retries=False) from None


def _stop_if_canceled(context: dg.OpExecutionContext, workflow: ImportWorkflow, import_: Import) -> None:
    """End the import of a run that a person or a signal cancels, or that takes too long."""
    if signals.signal_received() is not None:
        if workflow.finalization.cancel(import_.id).status is Status.COMPLETED:
            return
    else:
        run = context.instance.get_run_by_id(context.run_id)
        if run is None or run.status is not dg.DagsterRunStatus.CANCELING:
            return
        if tags.overran(context.instance, run):
            workflow.finalization.fail(import_.id, "timed_out", timed_out(import_), Status.TIMED_OUT)
        else:
            workflow.finalization.cancel(import_.id)
    ended = workflow.get(import_.id)
    _show_status(context, workflow, ended.id)
    raise dg.Failure(ended.reason or f"The import has ended ({ended.status}).", allow_retries=False)


@dg.op(
    ins={"after": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    retry_policy=_RETRIES,
    config_schema={**config.SCHEMA, **_RESOURCE},
    description="Parses the file, maps its columns and checks every row (phase 1).",
)
def prevalidation(context: dg.OpExecutionContext, imports: Imports) -> None:
    """Run phase 1, and register the import if the run was launched manually."""
    workflow = imports.workflow()
    import_ = run_imports.accept_import(context, workflow)
    _run(context, workflow, import_, Phase.PREVALIDATION)


def _checking_op(
    phase: Phase, description: str, config_schema: Mapping[str, dg.Field] | None = None
) -> dg.OpDefinition:
    @dg.op(
        name=phase.value,
        ins={"after": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        retry_policy=_RETRIES,
        config_schema=config_schema,
        description=description,
    )
    def checking(context: dg.OpExecutionContext, imports: Imports) -> None:
        workflow = imports.workflow()
        _run(context, workflow, run_imports.require_import(context, workflow), phase)

    return checking


preparsing = _checking_op(Phase.PREPARSING, "Removes duplicates within the file (phase 2).")
transforming = _checking_op(
    Phase.TRANSFORMING, "Resolves identities and references, and turns rows into batch items (phase 3)."
)
parsing = _checking_op(Phase.PARSING, "Reads the items and removes duplicates by id (phase 4).")
validation = _checking_op(
    Phase.VALIDATION,
    "Rejects items with invalid ids or references, and makes the plan (phase 5).",
    config.CHECKED_SCHEMA,
)


@dg.op(
    ins={"after": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing, is_required=False),
    retry_policy=_RETRIES,
    config_schema={**config.WRITE_SCHEMA, **_RESOURCE},
    description="Writes or deletes the items. Commits together with cleanup (phase 6).",
)
def processing(context: dg.OpExecutionContext, imports: Imports) -> Iterator[dg.Output[None]]:
    """Run phases 6 and 7 in one transaction. A `mixed` import that this run has validated stays queued."""
    workflow = imports.workflow()
    import_ = run_imports.adopt_import(context, workflow)
    if import_.options.dry_run:
        context.log.info(f"{import_.id} is a dry run: nothing is written")
        _show_status(context, workflow, import_.id)
        return
    writes = tags.WRITE_LOCK in context.run.tags or context.op_config["import_id"]
    if import_.options.mode is Mode.MIXED and not writes:
        context.log.info(f"{import_.id} is queued (mode mixed); a second run writes it")
        _show_status(context, workflow, import_.id)
        return
    result, _ = _run_until_ended(
        context, workflow, import_, lambda: workflow.write(import_.id, _show_finished(context, workflow))
    )
    context.log.info(f"{import_.id} processing: {result.success:,} items written")
    done = workflow.get(import_.id)
    yield dg.Output(None, metadata=_of_phase(workflow, done, result))


def _show_finished(context: dg.OpExecutionContext, workflow: ImportWorkflow) -> Callable[[Import], None]:
    """Return a function that shows an earlier import that this run has ended, because no other run will show it."""

    def show(earlier: Import) -> None:
        context.log.info(f"{earlier.id} was accepted earlier and ended first: {earlier.status}")
        _show_status(context, workflow, earlier.id)
        if earlier.status is Status.COMPLETED:
            asset = RESOURCES[earlier.resource].table
            context.log_event(dg.AssetMaterialization(asset, metadata=_of_records(workflow, earlier)))
            arrived.log_arrival(context, workflow, earlier)

    return show


@dg.op(
    ins={"after": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    retry_policy=_RETRIES,
    config_schema={**config.WRITE_SCHEMA, **_RESOURCE},
    description="Removes, for overwrite, the records that the file does not name (phase 7). Reports the import's end.",
)
def cleanup(context: dg.OpExecutionContext, imports: Imports) -> None:
    """Report the result of cleanup, which was committed together with processing."""
    workflow = imports.workflow()
    import_ = run_imports.require_import(context, workflow)
    _run_until_ended(context, workflow, import_, lambda: workflow.write(import_.id))
    done = workflow.get(import_.id)
    _show_status(context, workflow, done.id)
    checks.log(context, RESOURCES[done.resource].table, done, checks.of_records(done))
    arrived.log_arrival(context, workflow, done)
    _add_asset_metadata(_of_records(workflow, done))
