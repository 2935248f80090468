"""The Pandera schema of a contact's row."""

from __future__ import annotations

from collections.abc import Sequence

import pandera.pandas as pandera

from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.pandera_schemas import schema_builder


def schema(field_names: Sequence[str]) -> pandera.DataFrameSchema:
    """Return the Pandera schema of a table of contacts with these columns, in this order."""
    return schema_builder.build(catalog.CONTACT, field_names)
