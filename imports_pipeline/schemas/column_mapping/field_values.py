"""A batch of cells becomes one column a field, as the plan of columns says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import joined, trimmed
from imports_pipeline.schemas.column_mapping.families import lists
from imports_pipeline.schemas.column_mapping.families.family_values import Distributed, distribute
from imports_pipeline.schemas.column_mapping.plan import (
    Cell,
    ColumnMap,
    FirstFilled,
    FromFamily,
    Joined,
    Lists,
    Source,
    Template,
)


@dataclass(frozen=True)
class FieldValues:
    """One column a field, as written in the file or as put together from it.

    Attributes:
        values: A string column for each field of the plan, in its order.
        origins: Field of a family → the position of the column that each row's value is from, -1 for none.
        left_out: Position of a column → how many of its values found no field.
    """

    values: pa.RecordBatch
    origins: dict[str, np.ndarray] = field(default_factory=dict)
    left_out: dict[int, int] = field(default_factory=dict)


def field_values(cells: pa.RecordBatch, plan: ColumnMap) -> FieldValues:
    """Read the fields of a batch. The source of a documented column is the column itself, without a copy."""
    families = [distribute(family, cells) for family in plan.families]
    columns, origins = [], {}
    for column in plan.columns:
        columns.append(_read(cells, column.source, families))
        if isinstance(column.source, FromFamily):
            origins[column.field] = families[column.source.family].origins[column.source.slot]
    left_out: dict[int, int] = {}
    for one in families:
        for position, count in one.left_out.items():
            left_out[position] = left_out.get(position, 0) + count
    values = pa.record_batch(columns, names=[column.field for column in plan.columns])
    return FieldValues(values, origins, left_out)


def _read(cells: pa.RecordBatch, source: Source, families: list[Distributed]) -> pa.Array:
    match source:
        case Cell(position):
            return cells.column(position)
        case Joined(positions, separator):
            return joined([trimmed(cells.column(at)) for at in positions], separator)
        case Template():
            return _template(cells, source)
        case FirstFilled(sources):
            return pc.coalesce(*(trimmed(_read(cells, one, families)) for one in sources))
        case Lists():
            return lists.read(cells, source)
        case FromFamily(number, slot, _, line):
            distributed = families[number]
            return (distributed.texts if line == 1 else distributed.second_lines)[slot]


def _template(cells: pa.RecordBatch, template: Template) -> pa.Array:
    parts = [trimmed(cells.column(at)) for at in template.positions]
    filled = joined(parts, "").is_valid()
    pieces: list[pa.Array | str] = [template.texts[0]]
    for part, text in zip(parts, template.texts[1:], strict=True):
        pieces += [pc.fill_null(part, ""), text]
    written = pc.binary_join_element_wise(*pieces, "")
    tidy = pc.utf8_trim(pc.replace_substring_regex(written, r"\s+", " "), characters=" ,;-")
    return pc.if_else(filled, tidy, pa.scalar(None, pa.string()))
