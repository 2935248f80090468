"""The plan of columns as JSON, which the files of an import's rows carry, and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

from imports_pipeline.schemas.column_mapping import plan

_TYPES: Final[dict[str, type[Any]]] = {
    one.__name__: one
    for one in (
        *(plan.ColumnMap, plan.Assumptions, plan.MappedColumn, plan.Family, plan.Member, plan.AddressParts),
        *(
            plan.Cell,
            plan.Joined,
            plan.Template,
            plan.FirstFilled,
            plan.Lists,
            plan.ListCell,
            plan.FromFamily,
        ),
    )
}


def to_json(value: Any) -> Any:
    """Return a plan, or a part of one, as objects, lists and plain values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "is": type(value).__name__,
            **{one.name: to_json(getattr(value, one.name)) for one in fields(value)},
        }
    return [to_json(item) for item in value] if isinstance(value, tuple) else value


def from_json(value: Any) -> Any:
    """Return the plan, or the part of one, that ``to_json`` wrote."""
    if isinstance(value, dict):
        return _TYPES[value["is"]](**{name: from_json(item) for name, item in value.items() if name != "is"})
    return tuple(from_json(item) for item in value) if isinstance(value, list) else value
