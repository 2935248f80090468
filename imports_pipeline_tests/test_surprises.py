"""Guards against surprises of libraries (docs/reference/surprises.md) that no other test holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import imports_pipeline
from imports_pipeline.schemas import catalog, value_rules
from imports_pipeline.schemas.pandera_schemas import schema_builder

PACKAGE = Path(imports_pipeline.__file__).parent
SOURCES = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize("resource", list(catalog.RESOURCES.values()), ids=lambda resource: resource.name)
def test_pandera_judges_by_our_rules_alone(resource: catalog.Resource) -> None:
    schema = schema_builder.build(resource, [field.name for field in resource.fields])
    assert not schema.drop_invalid_rows
    assert not schema.unique
    for column in schema.columns.values():
        assert str(column.dtype) == value_rules.COLUMN_TYPE
        assert not column.unique
        # Its own checks, such as `str_matches`, judge by the column's type.
        assert all(check.name in catalog_codes() for check in column.checks)


def catalog_codes() -> set[str]:
    return {"value_too_long", *value_rules.CODES.values()}


def test_rows_are_never_written_by_binary_copy_and_what_is_read_has_types() -> None:
    for path, text in SOURCES.items():
        if re.search(r"FORMAT binary", text, re.IGNORECASE):
            assert not re.search(r"FROM STDIN[^\"']*FORMAT binary", text, re.IGNORECASE), path
            assert "set_types(" in text, path


def test_groups_of_a_regular_expression_keep_the_nulls_of_their_texts() -> None:
    for path, text in SOURCES.items():
        if "extract_regex(" in text:
            assert not re.search(r"extract_regex\([^\n]*\)\.field\(", text), path
