"""The run requests of the sensors: a run that executes an import from its file, and one that writes a queued batch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import dagster as dg
import psycopg

from imports_pipeline.defs.jobs import OF_REGISTERED, import_job_name, process_job_name
from imports_pipeline.defs.runs import size_tags, tags
from imports_pipeline.model.imports import Import
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow.import_workflow import ImportWorkflow


def import_run(
    workflow: ImportWorkflow,
    connection: psycopg.Connection[Any],
    import_: Import,
    more_tags: Mapping[str, str] = MappingProxyType({}),
) -> dg.RunRequest:
    """Return the request for the run of an import. Dagster launches only one run, even if it is requested again."""
    # The run key is the import's id. The key and version of a dropped file would not be unique: on S3, a content that
    # is dropped again after it was moved has the same ones.
    return dg.RunRequest(
        run_key=import_.id,
        job_name=import_job_name(RESOURCES[import_.resource]),
        run_config=OF_REGISTERED,
        tags={**tags.of(import_), **more_tags, **size_tags.run_tags(workflow, connection, import_)},
    )


def write_run(
    workflow: ImportWorkflow, connection: psycopg.Connection[Any], import_: Import
) -> dg.RunRequest:
    """Return the request for the run that writes a queued batch. Dagster launches only one run for each batch."""
    return dg.RunRequest(
        run_key=import_.batch_id,
        job_name=process_job_name(RESOURCES[import_.resource]),
        run_config={"import_id": import_.id},
        tags={**tags.of_write(import_), **size_tags.run_tags(workflow, connection, import_)},
    )
