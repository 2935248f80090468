"""The columns that the assets show: those of the table, and those that a file may have."""

from __future__ import annotations

import pytest

from imports_pipeline.defs.metadata import column_schemas
from imports_pipeline.schemas.catalog import RESOURCES, Resource
from imports_pipeline_tests.journeys import Imports

_CALLED = {"timestamp with time zone": "timestamptz"}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_stored_records_have_the_columns_of_their_table(imports: Imports, resource: Resource) -> None:
    found = imports.query(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'records' AND table_name = %s",
        resource.table,
    )
    shown = column_schemas.of_table(resource).columns
    assert {(one.name, one.type, one.constraints.nullable) for one in shown} == {
        (one["column_name"], _CALLED.get(one["data_type"], one["data_type"]), one["is_nullable"] == "YES")
        for one in found
    }
    assert all(one.description for one in shown)


def test_files_have_the_fields_of_the_resource() -> None:
    shown = {one.name: one for one in column_schemas.of_file(RESOURCES["contact"]).columns}
    assert {name: shown[name].type for name in ("name", "email", "alternate_phones.work", "groups.add")} == {
        "name": "text",
        "email": "email",
        "alternate_phones.work": "phone",
        "groups.add": "references",
    }
    assert shown["external_id"].constraints.unique
