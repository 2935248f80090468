"""Records on the asset of a sync or of an expected upload folder that an import of it has been completed."""

from __future__ import annotations

import dagster as dg

from imports_pipeline.defs.metadata import import_metadata
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.imports import Import

# The ways in of imports that may belong to such an asset.
_SOURCES = ("schedule", "bucket")


def of_sync(name: str) -> dg.AssetKey:
    """Return the key of the asset of a sync."""
    return dg.AssetKey(["syncs", name])


def of_folder(organization_id: str, resource: str) -> dg.AssetKey:
    """Return the key of the asset of an upload folder."""
    return dg.AssetKey(["uploads", organization_id, resource])


def log_arrival(context: dg.OpExecutionContext, import_: Import) -> None:
    """Record a completed import as a materialization of its sync or upload folder, if it belongs to one.

    The first run of an import knows it by a tag. This run may be a second one, or that of another import.
    """
    if import_.source not in _SOURCES or import_.options.dry_run:
        return
    for run in context.instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_.id})):
        if tags.ARRIVAL in run.tags:
            key = dg.AssetKey(run.tags[tags.ARRIVAL].split("/"))
            context.log_event(dg.AssetMaterialization(key, metadata=import_metadata.of_arrival(import_)))
            return
