"""The run config of an import for the Launchpad: every option with its type, default and description."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import dagster as dg

from imports_pipeline.database.connections import DEFAULT_ORGANIZATION
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_declarations import Declaration
from imports_pipeline.model.options import Options, declarations


def _text(description: str) -> dg.Field:
    return dg.Field(dg.Noneable(str), is_required=False, default_value=None, description=description)


def _field(option: Declaration) -> dg.Field:
    """Return the config field of an option. Dagster checks its type, and ``Options.of`` its value."""
    kind: Any = option.kind
    if isinstance(option.default, StrEnum):
        offered = [choice.value for choice in kind if choice is not Action.REVERT]
        kind = dg.Enum(kind.__name__, [dg.EnumValue(value, value) for value in offered])
    elif kind is tuple:
        kind = [str]
    elif kind is Mapping:
        kind = {str: str}
    elif issubclass(kind, StrEnum):
        kind = str
    if option.default is None:
        kind = dg.Noneable(kind)
    default = Options().as_dict()[option.name]
    if isinstance(default, StrEnum):
        default = default.value
    return dg.Field(kind, is_required=False, default_value=default, description=option.description)


# The fields that are not options of the import.
_ABOUT: Final[dict[str, dg.Field]] = {
    "source": dg.Field(
        str,
        description="The file: a path, file:// or s3:// URI. With a * in it, all matching files are read as one file.",
    ),
    "organization": dg.Field(
        str,
        is_required=False,
        default_value=DEFAULT_ORGANIZATION,
        description="The organization whose records the import changes.",
    ),
    "name": _text("A name for the import, 3 to 127 characters."),
}

OPTIONS: Final[dict[str, dg.Field]] = {name: _field(option) for name, option in declarations().items()}

SCHEMA: Final = {**_ABOUT, **OPTIONS}

#: The config of the op that yields `contact_batches`. Dagster's pages open the Launchpad for *Materialize* if this op
#: has a required field; they do not look at the config mapping of the asset.
CHECKED_SCHEMA: Final = {"source": SCHEMA["source"]}

#: The config of `contacts` and of the jobs that write a queued batch. It is required for the same reason.
WRITE_SCHEMA: Final[dict[str, dg.Field]] = {
    "import_id": dg.Field(
        str,
        description="The queued import to write. Leave it empty if the run also checks the file"
        " (`contact_batches` or `group_batches`).",
    ),
}

REVERT_SCHEMA: Final[dict[str, dg.Field]] = {
    "import_id": dg.Field(str, description="The import to take back."),
    "dry_run": dg.Field(bool, is_required=False, default_value=False, description="Only make the plan."),
}

APPROVE_SCHEMA: Final[dict[str, dg.Field]] = {
    "import_id": dg.Field(str, description="The import that a guard refused because of its removals."),
    "max_deletions": dg.Field(
        dg.Noneable(int),
        is_required=False,
        default_value=None,
        description="Approve up to this many removals. Without it: the number in the plan of the refused import.",
    ),
    "plan_checksum": _text(
        "The plan_checksum of the plan that was seen. Without it: that of the refused import."
    ),
    "approved_by": _text("Who approves; it is shown on the import."),
}


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a run config that is the import's options."""
    return {name: value for name, value in config.items() if name in OPTIONS}
