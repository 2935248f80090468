"""Build the Pandera schema of a resource's canonical values from the catalog.

The values are Arrow-backed text, as ``values.read`` returns it. Nothing is coerced, a null is a blank cell, and the
name of a check is the stable code of its error. A check reads one column. Rules over several columns
(``row_rules.py``) are no checks of the frame, because Pandera reports such a failure once for every column and takes
seconds for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from imports_pipeline.schemas.catalog import Resource
from imports_pipeline.schemas.value_rules import Rule, rules_of

#: The type of every column.
TEXT: Final = pd.ArrowDtype(pa.string())


def build(resource: Resource, field_names: Sequence[str]) -> pandera.DataFrameSchema:
    """Return the schema of a table with these columns. Raise ``KeyError`` for a name that is no field."""
    return pandera.DataFrameSchema(
        {name: _column(resource, name) for name in field_names},
        name=resource.name,
        description=f"Rows of {resource.table} as an import reads them: canonical text, null where blank.",
        strict=True,
        coerce=False,
        metadata={"resource": resource.name, "required": list(resource.required)},
    )


def _column(resource: Resource, name: str) -> pandera.Column:
    checks = [_check(rule) for rule in rules_of(resource, name)]
    field = resource.find(name)
    description = field.description if field else None
    return pandera.Column(TEXT, checks, nullable=True, coerce=False, description=description, title=name)


def _check(rule: Rule) -> pandera.Check:
    """Return a check that applies a rule to a whole Arrow column; blank cells pass."""

    def passes(values: pd.Series) -> pd.Series:
        passed = rule.holds(values.array.__arrow_array__())
        return pd.Series(np.asarray(passed), index=values.index)

    # `ignore_na=True` would copy each column without its nulls. `passes` lets nulls pass without a copy.
    return pandera.Check(
        passes, name=rule.code, ignore_na=False, description=rule.expected, title=rule.expected
    )
