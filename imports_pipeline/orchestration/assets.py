"""The assets: for each resource, what an import checked (``contact_batches``) and what it wrote (``contacts``)."""

from typing import Any

import dagster as dg

from imports_pipeline.orchestration import config, ops
from imports_pipeline.orchestration.metadata import column_schema
from imports_pipeline.schemas.catalog import Resource

_OWNERS = ["team:imports"]


def names(resource: Resource) -> tuple[str, str]:
    """Give the names of a resource's two assets."""
    return f"{resource.name}_batches", resource.table


def build_assets(resource: Resource) -> tuple[dg.AssetSpec, dg.AssetsDefinition, dg.AssetsDefinition]:
    """Make the external uploads and the two graph-backed assets of a resource."""
    batches, records = names(resource)
    uploads = dg.AssetSpec(
        dg.AssetKey(["uploads", resource.table]),
        group_name=resource.table,
        description=f"Files of {resource.table} that people and systems send.",
        kinds={"csv"},
    )

    def to_ops(given: dict[str, Any]) -> dict[str, Any]:
        return {"prevalidation": {"config": {**given, "resource": resource.name}}}

    @dg.graph_asset(
        name=batches,
        group_name=resource.table,
        ins={"upload": dg.AssetIn(key=uploads.key, dagster_type=dg.Nothing)},
        config=dg.ConfigMapping(config_fn=to_ops, config_schema=config.SCHEMA),
        description=f"A file of {resource.table}, checked and planned: phases 1 to 5 of an import.",
        kinds={"pandas", "postgres"},
        owners=_OWNERS,
        metadata={"dagster/column_schema": column_schema(resource)},
    )
    def checked(upload: Any) -> Any:
        return ops.validation(ops.parsing(ops.transforming(ops.preparsing(ops.prevalidation(upload)))))

    @dg.graph_asset(
        name=records,
        group_name=resource.table,
        ins={batches: dg.AssetIn(dagster_type=dg.Nothing)},
        description=f"The stored {resource.table}, as the last import left them: phases 6 and 7.",
        kinds={"postgres"},
        owners=_OWNERS,
        metadata={
            "dagster/column_schema": column_schema(resource),
            "dagster/table_name": f"public.{resource.table}",
        },
    )
    def written(**after: Any) -> Any:
        return ops.cleanup(ops.processing(after[batches]))

    return uploads, checked, written
