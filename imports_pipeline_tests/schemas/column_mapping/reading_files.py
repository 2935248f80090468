"""Reads small CSV texts as prevalidation does: their plan of columns, and the values of their rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import pyarrow as pa

from imports_pipeline.model.option_choices import Action, MissingGroups, UnknownColumns
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping.field_values import FieldValues, field_values
from imports_pipeline.schemas.column_mapping.known_files.presets import Preset
from imports_pipeline.schemas.column_mapping.mapping import map_columns
from imports_pipeline.schemas.column_mapping.plan import ColumnMap


def cells_of(rows: Sequence[Sequence[str]], width: int) -> pa.RecordBatch:
    columns = [pa.array([row[at] for row in rows], pa.string()) for at in range(width)]
    return pa.record_batch(columns, names=[f"c{at}" for at in range(width)])


def plan_of(
    header: Sequence[str],
    rows: Sequence[Sequence[str]] = (),
    *,
    resource: catalog.Resource = catalog.CONTACT,
    action: Action = Action.MERGE,
    column_mapping: Mapping[str, str] | None = None,
    preset: Preset | None = None,
    create_groups: bool = False,
) -> ColumnMap:
    return map_columns(
        header,
        resource,
        action=action,
        match_on=[],
        column_mapping=column_mapping or {},
        unknown_columns=UnknownColumns.IGNORE,
        sample=cells_of(rows, len(header)) if rows else None,
        preset=preset,
        missing_groups=MissingGroups.CREATE if create_groups else None,
    )


def values_of(
    text: str,
    *,
    column_mapping: Mapping[str, str] | None = None,
    preset: Preset | None = None,
    create_groups: bool = False,
) -> FieldValues:
    header, *rows = csv.reader(io.StringIO(text))
    plan = plan_of(header, rows, column_mapping=column_mapping, preset=preset, create_groups=create_groups)
    return field_values(cells_of(rows, len(header)), plan)


def records_of(
    text: str,
    *,
    column_mapping: Mapping[str, str] | None = None,
    preset: Preset | None = None,
    create_groups: bool = False,
) -> list[dict[str, str]]:
    """Return the filled-in fields of each row."""
    values = values_of(text, column_mapping=column_mapping, preset=preset, create_groups=create_groups).values
    return [{name: value for name, value in row.items() if value} for row in values.to_pylist()]
