"""The assets of each resource: the checked imports (``contact_batches``) and the stored records (``contacts``)."""

from typing import Any, Final

import dagster as dg

from imports_pipeline.defs import config, ops
from imports_pipeline.defs.metadata import column_schemas
from imports_pipeline.schemas.catalog import Resource

_OWNERS: Final = ["team:imports"]


def names(resource: Resource) -> tuple[str, str]:
    """Return the names of a resource's two assets."""
    return ops.batches_name(resource), resource.table


def build_assets(resource: Resource) -> tuple[dg.AssetSpec, dg.AssetsDefinition, dg.AssetsDefinition]:
    """Return the external uploads asset and the two graph-backed assets of a resource."""
    batches, records = names(resource)
    tags = {"imports/resource": resource.name}
    words = {"one": resource.name, "many": records, "batches": batches}
    uploads = dg.AssetSpec(
        dg.AssetKey(["uploads", resource.table]),
        group_name=resource.table,
        description=_UPLOADS.format(**words),
        kinds={"csv"},
        owners=_OWNERS,
        tags=tags,
    )

    def to_ops(given: dict[str, Any]) -> dict[str, Any]:
        return {
            "prevalidation": {"config": {**given, "resource": resource.name}},
            "validation": {"config": {"source": given["source"]}},
        }

    def to_writing_ops(given: dict[str, Any]) -> dict[str, Any]:
        config_of_op = {"config": {**given, "resource": resource.name}}
        return {"processing": config_of_op, "cleanup": config_of_op}

    @dg.graph_asset(
        name=batches,
        group_name=resource.table,
        ins={"upload": dg.AssetIn(key=uploads.key, dagster_type=dg.Nothing)},
        config=dg.ConfigMapping(config_fn=to_ops, config_schema=config.SCHEMA),
        description=_BATCHES.format(**words),
        kinds={"pandas", "postgres"},
        owners=_OWNERS,
        tags=tags,
        metadata={"dagster/column_schema": column_schemas.of_file(resource)},
    )
    def checked(upload: Any) -> Any:
        return ops.validation(ops.parsing(ops.transforming(ops.preparsing(ops.prevalidation(upload)))))

    @dg.graph_asset(
        name=records,
        group_name=resource.table,
        ins={batches: dg.AssetIn(dagster_type=dg.Nothing)},
        config=dg.ConfigMapping(config_fn=to_writing_ops, config_schema=config.WRITE_SCHEMA),
        description=_RECORDS.format(**words),
        kinds={"postgres"},
        owners=_OWNERS,
        tags=tags,
        metadata={
            "dagster/column_schema": column_schemas.of_table(resource),
            "dagster/table_name": f"public.{resource.table}",
        },
    )
    def written(**after: Any) -> Any:
        return ops.cleanup(ops.processing(after[batches]))

    return uploads, checked, written


_UPLOADS: Final = """
Files of {many} that people and systems send: CSV or XLSX, with or without compression.

To import one, open the job `import_{many}`, press *Materialize*, and give its path or URI as `source`.
"""

_BATCHES: Final = """
A file of {many}, checked and planned: phases 1 to 5 of an import. **Nothing is stored yet.**

- **Launch**: *Materialize* on the page of the job `import_{many}`. With `dry_run: true` the import stops here.
- **Rejected rows**: `rejections` has the first ones with the reason. `errors_csv` contains every rejected row as it was
  written, with line, code and message. Correct the rows and import this file.
- **Look at**: `plan` (what will happen to the stored {many}), `guards`, `funnel` (rows through the phases).
- Files of all organizations are checked here. What concerns one import is on its run.
"""

_RECORDS: Final = """
The stored {many} after the last import: phases 6 and 7, in one transaction.

- **Launch**: *Materialize* on the page of the job `import_{many}`. An import of mode `sync` is written by the same
  run. An import of mode `mixed` is written by a second run, `process_{many}`, which the sensor `queued_batches` starts.
- **Look at**: `rejections`, `errors_csv`, `plan` (planned and done).
- **Undo an import**: the job `revert_import` with its `import` id. A revert is a materialization too.
- `dagster/row_count` counts the stored {many} of all organizations, and is an estimate from 100,000 on. It is the only
  number that is plotted. The assets of syncs and of expected uploads plot the numbers of their own imports.
"""
