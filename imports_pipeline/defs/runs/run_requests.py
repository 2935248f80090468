"""The runs that sensors ask for: one that takes an import from its file on, one that writes a queued batch."""

from __future__ import annotations

from typing import Any

import dagster as dg
import psycopg

from imports_pipeline.defs.jobs import import_job_name, process_job_name
from imports_pipeline.defs.runs import size_tags, tags
from imports_pipeline.model.imports import Import
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow.import_workflow import ImportWorkflow


def import_run(
    workflow: ImportWorkflow, connection: psycopg.Connection[Any], import_: Import
) -> dg.RunRequest:
    """Ask for the run of an import; asked for again, Dagster launches no second one."""
    # The import's id stands for the content in the run key. Of a dropped file, key and version would not do: the
    # same content dropped again after it was moved has the same ones on S3.
    return dg.RunRequest(
        run_key=import_.id,
        job_name=import_job_name(RESOURCES[import_.resource]),
        tags={**tags.of(import_), **size_tags.run_tags(workflow, connection, import_)},
    )


def write_run(
    workflow: ImportWorkflow, connection: psycopg.Connection[Any], import_: Import
) -> dg.RunRequest:
    """Ask for the run that writes a queued batch; asked for again, Dagster launches no second one."""
    return dg.RunRequest(
        run_key=import_.batch_id,
        job_name=process_job_name(RESOURCES[import_.resource]),
        tags={**tags.of_write(import_), **size_tags.run_tags(workflow, connection, import_)},
    )
