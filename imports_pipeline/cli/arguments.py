"""What commands take: choices, and the options that several of them share, each described once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class ResourceName(StrEnum):
    """What an import changes."""

    CONTACT = "contact"
    GROUP = "group"


class ActionName(StrEnum):
    """What the rows do to the stored records."""

    MERGE = "merge"
    OVERWRITE = "overwrite"
    DELETE = "delete"


class ErrorsFormat(StrEnum):
    """How errors are printed."""

    CSV = "csv"
    JSON = "json"


class UploadState(StrEnum):
    """What became of a dropped file."""

    SEEN = "seen"
    SKIPPED = "skipped"
    IMPORTED = "imported"
    LEFT = "left"
    MOVED = "moved"
    SUPERSEDED = "superseded"
    GONE = "gone"


class ExportFormat(StrEnum):
    """How records are printed."""

    CSV = "csv"
    JSONL = "jsonl"


Organization = Annotated[str, typer.Option(help="Whose records.", envvar="IMPORTS_ORGANIZATION")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Source = Annotated[str, typer.Argument(help="The file: a path, file:// or s3:// URI.")]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="The file: a path, file:// or s3:// URI; or several, or a glob in quotes: each is an import.",
    ),
]
Resource = Annotated[ResourceName, typer.Option(help="What the rows are.")]
ImportId = Annotated[str, typer.Argument(metavar="ID", help="The import's id.")]
Floor = Annotated[int | None, typer.Option(min=0, help="Guard: so many removals are always fine.")]
Percent = Annotated[
    float | None,
    typer.Option(min=0, max=100, help="Guard: beyond the floor, the largest share of the scope."),
]
Total = Annotated[int | None, typer.Option(min=0, help="Guard: never more removals than this.")]


def mapping_of(pairs: list[str] | None) -> dict[str, str]:
    """Return field to header. Raises ``typer.BadParameter`` for a pair that is not FIELD=HEADER."""
    mapping = {}
    for pair in pairs or []:
        field, separator, header = pair.partition("=")
        if not separator or not field:
            raise typer.BadParameter(f"{pair!r} is not FIELD=HEADER", param_hint="--column-mapping")
        mapping[field.strip()] = header
    return mapping
