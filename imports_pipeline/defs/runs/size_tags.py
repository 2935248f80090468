"""The run tags for the size of an import's file, if the size is known before the run begins."""

from __future__ import annotations

from typing import Any

import psycopg

from imports_pipeline.defs.runs.tags import SIZE
from imports_pipeline.model.files import UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import dropped_files
from imports_pipeline.settings import Settings
from imports_pipeline.sources import fetching
from imports_pipeline.workflow.import_workflow import ImportWorkflow


def run_tags(
    workflow: ImportWorkflow, connection: psycopg.Connection[Any], import_: Import
) -> dict[str, str]:
    """Return the run tags for the size of an import's file. Raises ``OSError`` if the file store does."""
    return tags_of(_bytes(workflow, connection, import_), workflow.settings)


def tags_of(size: int | None, settings: Settings) -> dict[str, str]:
    """Return the run tags for a file of ``size`` bytes as it was sent (compressed or not), or none for None."""
    if size is None:
        return {}
    if size <= settings.large_bytes:
        return {SIZE: "small"}
    return {**settings.large_run_tags, SIZE: "large"}


def _bytes(workflow: ImportWorkflow, connection: psycopg.Connection[Any], import_: Import) -> int | None:
    if import_.source == "bucket" and (size := dropped_files.size_of(connection, import_.id)) is not None:
        return size
    if import_.has_upload_file:
        found = workflow.store.stat(f"{import_.folder}/{UPLOAD}")
        return None if found is None else found.size
    return None if import_.source_uri is None else fetching.local_size(import_.source_uri)
