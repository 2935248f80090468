"""Finds the import of a run, or registers one for a run that a person or a schedule launched."""

import dagster as dg

from imports_pipeline.defs import config
from imports_pipeline.defs.runs import run_logs, tags
from imports_pipeline.model.import_names import name_of_file
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.sources import import_options
from imports_pipeline.sources.globs import is_glob
from imports_pipeline.workflow.import_workflow import ImportWorkflow


def import_of(context: dg.OpExecutionContext, workflow: ImportWorkflow) -> Import | None:
    """Return the import of this run: registered by it, in its tag, or that of the run that it repeats; else None."""
    run = context.run
    with workflow.database.connect() as connection:
        found = import_records.find_import_of_run(connection, [run.run_id])
        if found is None and tags.IMPORT_ID in run.tags:
            found = import_records.get_import(connection, run.tags[tags.IMPORT_ID])
        if found is None:
            earlier = [one for one in (run.parent_run_id, run.root_run_id) if one]
            found = import_records.find_import_of_run(connection, earlier)
        return found


def require_import(context: dg.OpExecutionContext, workflow: ImportWorkflow) -> Import:
    """Return the import of this run. Raises ``dg.Failure`` if it has none."""
    found = import_of(context, workflow)
    if found is None:
        raise dg.Failure(
            "This run does not belong to an import. Open the job import_contacts or import_groups, press Materialize,"
            " and give a source.",
            allow_retries=False,
        )
    run_logs.set_context(found, context.op.name)
    return found


def adopt_import(context: dg.OpExecutionContext, workflow: ImportWorkflow) -> Import:
    """Return the import of this run, or the queued import that a person named in the config of a run that only writes.

    Raises:
        dg.Failure: the run has no import, or the named import cannot be written by this run.
    """
    named = context.op_config["import_id"]
    if not named or import_of(context, workflow) is not None:
        return require_import(context, workflow)
    try:
        import_ = workflow.get(named)
    except import_records.NoSuchImport as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    if import_.resource != context.op_config["resource"]:
        job = f"process_{RESOURCES[import_.resource].table}"
        raise dg.Failure(
            f"{named} is an import of {import_.resource}s; launch the job {job}.", allow_retries=False
        )
    if import_.status is not Status.QUEUED:
        raise dg.Failure(
            f"{named} is {import_.status}; only a queued import can be written.", allow_retries=False
        )
    with workflow.database.connect() as connection:
        import_updates.update_import(connection, import_.id, run_id=context.run_id)
    context.instance.add_run_tags(context.run_id, tags.of_write(import_))
    run_logs.set_context(import_, context.op.name)
    return workflow.get(import_.id)


def accept_import(context: dg.OpExecutionContext, workflow: ImportWorkflow) -> Import:
    """Return the import of this run. Register one if the run was launched manually or repeats a whole run."""
    found = import_of(context, workflow)
    given = context.op_config
    repeated = found is not None and found.has_ended and context.run.parent_run_id is not None
    if found is not None and not repeated:
        run_logs.set_context(found, context.op.name)
        return found
    source = given["source"] or (found.source_uri if found else None)
    if not source:
        raise dg.Failure(
            "There is no source: give the file to import in the run config (`source`).", allow_retries=False
        )
    try:
        options = (
            found.options
            if found
            else import_options.options_of(
                given["resource"],
                {**config.options_of(given), "parts": given["parts"] or is_glob(source)},
                given["name"],
            )
        )
    except InvalidOption as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    with workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=found.organization_id if found else given["organization"],
            resource=given["resource"],
            options=options,
            source="schedule" if tags.SYNC in context.run.tags else "ui",
            source_uri=source,
            name=given["name"] or (found.name if found else name_of_file(source)),
            run_id=context.run_id,
        )
    context.instance.add_run_tags(context.run_id, tags.of(import_))
    run_logs.set_context(import_, context.op.name)
    return import_
