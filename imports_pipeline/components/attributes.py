"""The attributes of the components, with types and descriptions, for ``defs.yaml`` and ``dg check yaml``.

The fields of a sync are made from the one list of options, so that ``syncs.yaml`` and ``defs.yaml`` have the same keys.
"""

# Dagster reads the annotations of components as they are, so this module does not postpone their evaluation.
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Optional

import dagster as dg
from pydantic import Field, create_model

from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_declarations import Declaration
from imports_pipeline.model.options import declarations
from imports_pipeline.sources.syncs import FIELDS


def _described(kind: Any, description: str) -> Any:
    """Return the annotation of an attribute. Only the resolver keeps the description of a field that has a default."""
    return Annotated[kind, dg.Resolver.default(description=description)]


def _kind(option: Declaration) -> Any:
    """Return the type of an option in YAML."""
    kind: Any = option.kind
    if issubclass(kind, StrEnum):
        offered = tuple(choice.value for choice in kind if choice is not Action.REVERT)
        return Literal[offered]
    if kind is tuple:
        return list[str]
    if issubclass(kind, Mapping):
        return dict[str, str]
    # `max_errors` is a number or a percentage, and other numbers may be templates.
    return int | str if option.name == "max_errors" else kind


def _fields() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, (is_required, description) in FIELDS.items():
        kind = str if is_required else Optional[str]  # noqa: UP045 - the resolver wants one annotation for each field
        fields[name] = (_described(kind, description), ... if is_required else None)
    for option in declarations().values():
        if option.name == "action":
            fields[option.name] = (_described(_kind(option), option.description), ...)
        else:
            fields[option.name] = (_described(Optional[_kind(option)], option.description), None)  # noqa: UP045
    return fields


#: One scheduled import: the keys of an entry of ``syncs.yaml``.
SyncAttributes: Final[Any] = create_model("SyncAttributes", __base__=(dg.Resolvable, dg.Model), **_fields())


def entry_of(attributes: Any) -> dict[str, Any]:
    """Return the entry of ``syncs.yaml`` that says the same as the attributes."""
    return {
        name: getattr(attributes, name) for name in SyncAttributes.model_fields if _is_given(attributes, name)
    }


def _is_given(attributes: Any, name: str) -> bool:
    return getattr(attributes, name) is not None


class Limits(dg.Resolvable, dg.Model):
    """The limits of an installation. Each is a setting of the environment; an attribute here replaces it."""

    rows: Annotated[
        int | None, dg.Resolver.default(description="The largest number of rows of one file (IMPORTS_ROWS).")
    ] = None
    sync_rows: Annotated[
        int | None,
        dg.Resolver.default(description="The largest number of rows in mode sync (IMPORTS_SYNC_ROWS)."),
    ] = None
    sync_bytes: Annotated[
        int | None,
        dg.Resolver.default(description="The largest number of bytes in mode sync (IMPORTS_SYNC_BYTES)."),
    ] = None
    history_days: Annotated[
        int | None,
        dg.Resolver.default(description="Days for which an import can be undone (IMPORTS_HISTORY_DAYS)."),
    ] = None
    files_days: Annotated[
        int | None,
        dg.Resolver.default(description="Days for which files of imports are kept (IMPORTS_FILES_DAYS)."),
    ] = None
    dropped_days: Annotated[
        int | None,
        dg.Resolver.default(
            description="Days for which dropped files are kept after their import (IMPORTS_DROPPED_DAYS)."
        ),
    ] = None

    def environment(self) -> dict[str, str]:
        """Return the settings that are given, by the names of their variables."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {f"IMPORTS_{name.upper()}": str(value) for name, value in given.items() if value is not None}


class ExpectedFolder(dg.Resolvable, dg.Model):
    """The upload folder of an organization and resource in which files are expected."""

    organization: Annotated[str, dg.Resolver.default(description="The organization.")]
    resource: Annotated[Literal["contact", "group"], dg.Resolver.default(description="The resource.")]
    expected_every: Annotated[
        str,
        dg.Resolver.default(
            description="Such as 26h: if no file was imported for this time, that is reported."
        ),
    ]


class Uploads(dg.Resolvable, dg.Model):
    """What happens to files that are dropped into the upload folders of the file store."""

    enabled: Annotated[bool, dg.Resolver.default(description="Whether dropped files are imported.")] = True
    after: Annotated[
        Literal["move", "leave"],
        dg.Resolver.default(
            description="move puts a file into done/ or failed/ after its import; leave does not."
        ),
    ] = "move"
    a_tick: Annotated[
        int | None, dg.Resolver.default(description="The largest number of files that one tick imports.")
    ] = None

    expected: Annotated[
        list[ExpectedFolder],
        dg.Resolver.default(description="The folders in which files are expected regularly."),
    ] = Field(default=[])

    def environment(self) -> dict[str, str]:
        """Return the settings that are given, by the names of their variables."""
        a_tick = {} if self.a_tick is None else {"IMPORTS_UPLOADS_A_TICK": str(self.a_tick)}
        return {"IMPORTS_UPLOADS_AFTER": self.after, **a_tick}
