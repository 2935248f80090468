"""Records on the asset of a sync or of an expected upload folder that an import of it has been completed.

The first run of such an import has the tag ``tags.ARRIVAL`` with the key of the asset, whoever launched the run.
"""

from __future__ import annotations

import dagster as dg

from imports_pipeline.defs.metadata import import_metadata
from imports_pipeline.defs.runs import tags
from imports_pipeline.model.imports import Import
from imports_pipeline.sources.syncs import Sync
from imports_pipeline.workflow.import_workflow import ImportWorkflow


def of_sync(name: str) -> dg.AssetKey:
    """Return the key of the asset of a sync."""
    return dg.AssetKey(["syncs", name])


def of_folder(organization_id: str, resource: str) -> dg.AssetKey:
    """Return the key of the asset of an upload folder."""
    return dg.AssetKey(["uploads", organization_id, resource])


def tags_of_sync(sync: Sync) -> dict[str, str]:
    """Return the tags by which the first run of a sync's import belongs to the asset of the sync."""
    return {tags.ARRIVAL: of_sync(sync.name).to_user_string()}


def log_arrival(context: dg.OpExecutionContext, workflow: ImportWorkflow, import_: Import) -> None:
    """Record a completed import as a materialization of its sync or upload folder, if it belongs to one."""
    if import_.options.dry_run:
        return
    key = _find_key(context.instance, workflow, import_)
    if key is not None:
        context.log_event(dg.AssetMaterialization(key, metadata=import_metadata.of_arrival(import_)))


def _find_key(instance: dg.DagsterInstance, workflow: ImportWorkflow, import_: Import) -> dg.AssetKey | None:
    """Return the key of the asset that an import belongs to, or None.

    An approval imports the file of a refused import, and belongs to the asset of that import. The run that completes
    an import may be a second one, or that of another import.
    """
    for run in instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_.id})):
        if tags.ARRIVAL in run.tags:
            return dg.AssetKey(run.tags[tags.ARRIVAL].split("/"))
    if import_.approves is None:
        return None
    return _find_key(instance, workflow, workflow.get(import_.approves))
