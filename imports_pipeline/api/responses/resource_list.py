"""The resources with their fields and the options of imports, for programs that let a person choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_declarations import Declaration, Group
from imports_pipeline.model.options import declarations
from imports_pipeline.schemas.catalog import RESOURCES, Field, Kind, Resource
from imports_pipeline.schemas.column_mapping.headers.known_headers import known_headers

# A name of the free fields, whose last part the caller chooses.
_FREE: Final = "metadata.KEY"
_TYPES: Final = {bool: "boolean", int: "integer", float: "number", tuple: "array", Mapping: "object"}


@cache
def resource_list() -> tuple[dict[str, Any], ...]:
    """Return the objects of all resources."""
    options = [_option(one) for one in declarations().values() if one.group is not Group.SOURCE]
    return tuple(
        {
            "object": "resource",
            "name": resource.name,
            "label": resource.name.capitalize(),
            "plural": resource.table.capitalize(),
            "fields": [_field(resource, field) for field in _fields(resource)],
            "options": options,
        }
        for resource in RESOURCES.values()
    )


def _fields(resource: Resource) -> list[Field]:
    free = resource.find(_FREE)
    assert free is not None, "every resource has metadata"
    return [*resource.fields, free]


def _field(resource: Resource, field: Field) -> dict[str, Any]:
    keys = {name for key in resource.keys for name in key.fields}
    return {
        "name": field.name,
        "label": field_label(field),
        "type": field.kind.value,
        "aliases": list(known_headers(resource).get(field.name, ())),
        "choices": list(field.choices) or None,
        "repeated": field.kind is Kind.REFERENCES,
        "identity": field.name in keys,
        "required": field.name in resource.required,
        "description": field.description,
    }


def field_label(field: Field) -> str:
    """Return the name of a field in words.

    Example:
        >>> field_label(RESOURCES["contact"].by_name["alternate_emails.work"])
        'Alternate emails (work)'
    """
    head, _, rest = field.name.partition(".")
    words = _words(head).capitalize().replace(" id", " ID")
    words = "ID" if words == "Id" else words.replace("Id ", "ID ")
    return f"{words} ({_words(rest)})" if rest else words


def _words(name: str) -> str:
    return name.replace("_", " ").replace("line2", "line 2")


def _option(option: Declaration) -> dict[str, Any]:
    is_choice = issubclass(option.kind, StrEnum)
    default = option.default if option.otherwise is None else option.otherwise
    return {
        "name": option.name,
        "group": option.group.value,
        "type": "string" if is_choice else _TYPES.get(option.kind, "string"),
        "default": list(default) if isinstance(default, tuple) else default,
        "choices": (
            [one.value for one in option.kind if one is not Action.REVERT]
            if issubclass(option.kind, StrEnum)
            else None
        ),
        "minimum": option.minimum,
        "maximum": option.maximum,
        "of_a_file": option.of_a_file,
        "description": option.description,
    }
