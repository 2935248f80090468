"""Build the Pandera schema of a resource's canonical values from the catalog.

The values are Arrow-backed text, as ``values.read`` returns it. Nothing is coerced, a null is a blank cell, and the
name of a check is the stable code of its error. A check reads one column. Rules over several columns
(``row_rules.py``) are no checks of the frame, because Pandera reports such a failure once for every column and takes
seconds for a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.model import ids
from imports_pipeline.schemas.catalog import Field, Kind, Resource
from imports_pipeline.schemas.values import CODES, FALSE, TRUE

#: The type of every column.
TEXT: Final = pd.ArrowDtype(pa.string())
_E164: Final = r"^\+[1-9][0-9]{3,18}$"


def build(resource: Resource, field_names: Sequence[str]) -> pandera.DataFrameSchema:
    """Return the schema of a table with these columns. Raise ``KeyError`` for a name that is no field."""
    return pandera.DataFrameSchema(
        {name: _column(_field(resource, name), resource) for name in field_names},
        name=resource.name,
        description=f"Rows of {resource.table} as an import reads them: canonical text, null where blank.",
        strict=True,
        coerce=False,
        metadata={"resource": resource.name, "required": list(resource.required)},
    )


def _field(resource: Resource, name: str) -> Field:
    field = resource.find(name)
    if field is None:
        raise KeyError(f"{name!r} is no field of a {resource.name}")
    return field


def _column(field: Field, resource: Resource) -> pandera.Column:
    checks = [
        _check(
            "value_too_long",
            f"at most {field.max_length} characters",
            lambda texts: pc.less_equal(pc.utf8_length(texts), field.max_length),
        )
    ]
    shape = _shape(field, resource)
    if shape is not None:
        checks.append(_check(CODES[field.kind], *shape))
    return pandera.Column(
        TEXT, checks, nullable=True, coerce=False, description=field.description, title=field.name
    )


def _shape(
    field: Field, resource: Resource
) -> tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] | None:
    """Return the description and the check of a kind's canonical text; it only finds errors of the readers."""
    match field.kind:
        case Kind.EMAIL:
            return "an email address", lambda texts: pc.match_substring(texts, "@")
        case Kind.PHONE:
            return "a phone number as E.164", lambda texts: pc.match_substring_regex(texts, _E164)
        case Kind.BOOLEAN:
            return "true or false", lambda texts: pc.is_in(texts, pa.array([TRUE, FALSE]))
        case Kind.CHOICE:
            choices = field.choices
            return " or ".join(choices), lambda texts: pc.is_in(texts, pa.array(choices))
        case Kind.ID:
            pattern = ids.pattern(resource.prefix)
            return f"an id of a {resource.name}", lambda texts: pc.match_substring_regex(texts, pattern)
        case _:
            return None


def _check(code: str, expected: str, rule: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pandera.Check:
    """Return a check that applies ``rule`` to a whole Arrow column; blank cells pass."""

    def passes(values: pd.Series) -> pd.Series:
        texts = values.array.__arrow_array__()
        blank = pc.is_null(texts)
        passed = pc.or_(blank, pc.fill_null(rule(texts), False))
        return pd.Series(np.asarray(passed), index=values.index)

    # `ignore_na=True` would copy each column without its nulls. `passes` lets nulls pass without a copy.
    return pandera.Check(passes, name=code, ignore_na=False, description=expected, title=expected)
