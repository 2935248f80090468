"""The Pandera schema of a group's row, and the rule that only a group of contacts has a location."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.pandera_schemas import schema_builder
from imports_pipeline.schemas.row_rules import Violation


def schema(field_names: Sequence[str]) -> pandera.DataFrameSchema:
    """Return the Pandera schema of a table of groups with these columns, in this order."""
    return schema_builder.build(catalog.GROUP, field_names)


def misplaced_locations(canonical: pa.RecordBatch) -> Violation:
    """Return the rows that give a location to a group of locations.

    A row without ``resource`` is an update; ``batch_phases/checks.py`` checks it with the stored group.
    """
    names = canonical.schema.names
    rows = np.zeros(0, dtype=np.int64)
    if "resource" in names and "location" in names:
        of_locations = pc.fill_null(pc.equal(canonical.column("resource"), "location"), False)
        rows = np.flatnonzero(np.asarray(pc.and_(of_locations, canonical.column("location").is_valid())))
    message = "only a group of contacts has a location; leave the cell blank, or make `resource` contact"
    return Violation(rows, "invalid_value", "location", message)
