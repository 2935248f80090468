"""Validates canonical values against the Pandera schema of their resource."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.errors import SchemaErrors

from imports_pipeline.schemas.catalog import RESOURCES, Resource
from imports_pipeline.schemas.pandera_schemas import schema_builder

# A command has loaded pyarrow without pandas (cli/later_pandas.py). From now on it takes a Series for what it is.
pa.array([0]).to_pandas()


@lru_cache(maxsize=64)
def _schema(name: str, field_names: tuple[str, ...]) -> pandera.DataFrameSchema:
    return schema_builder.build(RESOURCES[name], field_names)


def failures(resource: Resource, canonical: pa.RecordBatch) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the name of a column, the code of an error, and the rows (0-based) that have it.

    Args:
        resource: the resource of the rows.
        canonical: its canonical values; refused cells are null and pass.

    Raises:
        RuntimeError: the columns are not of the schema's type.
    """
    names = tuple(canonical.schema.names)
    frame = pd.DataFrame(
        {
            name: pd.Series(pd.arrays.ArrowExtensionArray(column), copy=False)
            for name, column in zip(names, canonical.columns, strict=True)
        },
        copy=False,
    )
    try:
        _schema(resource.name, names).validate(frame, lazy=True, inplace=True)
    except SchemaErrors as found:
        cases = found.failure_cases
    else:
        return
    if cases["index"].isna().any():
        # A failure without a row is a wrong column type of the frame: an error of this code, not of the data.
        raise RuntimeError(f"canonical values of a {resource.name} do not fit their schema: {cases.iloc[0]}")
    for (name, code), some in cases.groupby(["column", "check"], sort=False):
        yield name, code, np.unique(some["index"].to_numpy(dtype=np.int64))
