"""The rules of canonical values find the same columns as the Pandera schemas that are built from them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from imports_pipeline.model import ids
from imports_pipeline.schemas import catalog, value_rules
from imports_pipeline.schemas.pandera_schemas import validation

CTCT, GRP = ids.new_id(ids.CONTACT), ids.new_id(ids.GROUP)


@pytest.mark.parametrize("resource", catalog.RESOURCES.values(), ids=lambda resource: resource.name)
def test_the_columns_that_pandera_is_asked_about_are_all_that_it_refuses(resource: catalog.Resource) -> None:
    """A batch in which no column breaks a rule is not shown to Pandera, which would find nothing."""
    texts = [None, "", "a@b.com", "+4930123456", "true", "contact", CTCT, GRP, "x" * 5, "x" * 100_000]
    for field in resource.fields:
        for text in texts:
            batch = pa.RecordBatch.from_pydict(
                {field.name: pa.array(["b", text, None], pa.string()).slice(1)}
            )
            refused = [(name, *rows) for name, _code, rows in validation.failures(resource, batch)]
            broken = value_rules.broken_columns(resource, batch)
            assert broken == list(dict.fromkeys(name for name, *_ in refused)), (field.name, text)
            assert not refused or {row for _, *rows in refused for row in rows} == {0}
