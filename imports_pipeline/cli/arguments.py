"""Parameters that several commands share, and their choices."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class ResourceName(StrEnum):
    """The resources that can be imported."""

    CONTACT = "contact"
    GROUP = "group"


class ActionName(StrEnum):
    """The actions of an import."""

    MERGE = "merge"
    OVERWRITE = "overwrite"
    DELETE = "delete"


class ErrorsFormat(StrEnum):
    """The formats of the errors file."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"


class UploadState(StrEnum):
    """The states of a dropped file."""

    SEEN = "seen"
    SKIPPED = "skipped"
    IMPORTED = "imported"
    LEFT = "left"
    MOVED = "moved"
    SUPERSEDED = "superseded"
    GONE = "gone"


class ExportFormat(StrEnum):
    """The formats of an export."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"


Organization = Annotated[
    str,
    typer.Option(help="The organization whose records are read or changed.", envvar="IMPORTS_ORGANIZATION"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Source = Annotated[str, typer.Argument(help="The file: a path, or a file:// or s3:// URI.")]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="A path, or a file:// or s3:// URI; - is standard input. Several files, or a glob in quotes, are imported"
        " one by one.",
    ),
]
Resource = Annotated[ResourceName, typer.Option(help="The resource of the rows.")]
ImportId = Annotated[str, typer.Argument(metavar="ID", help="The import's id.")]
Floor = Annotated[
    int | None, typer.Option(min=0, help="Guard: up to this number of removals needs no approval.")
]
Percent = Annotated[
    float | None,
    typer.Option(min=0, max=100, help="Guard: above the floor, the largest share of the scope in percent."),
]
Total = Annotated[
    int | None, typer.Option(min=0, help="Guard: more removals than this always need approval.")
]


def mapping_of(pairs: list[str] | None) -> dict[str, str]:
    """Return the mapping of fields to headers from texts FIELD=HEADER.

    Raises:
        typer.BadParameter: a text has another form.
    """
    mapping = {}
    for pair in pairs or []:
        field, separator, header = pair.partition("=")
        if not separator or not field:
            raise typer.BadParameter(f"{pair!r} is not FIELD=HEADER", param_hint="--column-mapping")
        mapping[field.strip()] = header
    return mapping
