"""What commands take: choices, and the options that several of them share, each described once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from imports_pipeline.model.options import BlankCells, Compression, DuplicateHandling, LineEnd, UnknownColumns


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
Duplicates = Annotated[
    DuplicateHandling, typer.Option(help="Rows that share an identity value: reject all, or keep the first.")
]
MatchOn = Annotated[str, typer.Option(help="Identity keys in order, such as email,external_id.")]
Blank = Annotated[BlankCells, typer.Option(help="What a blank cell does to the stored value.")]
Unknown = Annotated[UnknownColumns, typer.Option(help="Columns that the resource does not have.")]
Mapping = Annotated[
    list[str] | None, typer.Option(metavar="FIELD=HEADER", help="Which column a field is; may be repeated.")
]
Region = Annotated[
    str | None, typer.Option(help="Country of phone numbers without a country code, such as DE.")
]
Encoding = Annotated[str | None, typer.Option(help="The file's encoding, instead of finding out.")]
Delimiter = Annotated[str | None, typer.Option(help="The file's delimiter, instead of finding out.")]
Quote = Annotated[str | None, typer.Option(help="The file's quote character, instead of finding out.")]
Escape = Annotated[
    str | None, typer.Option(help="What stands before a quote that is not doubled, instead of finding out.")
]
LineEnds = Annotated[LineEnd | None, typer.Option(help="What ends a line, instead of finding out.")]
Packed = Annotated[
    Compression | None, typer.Option("--compression", help="How the file is packed, instead of finding out.")
]
HeaderLine = Annotated[int | None, typer.Option(min=1, help="The line of the header, from 1.")]
Sheet = Annotated[str | None, typer.Option(help="The sheet of an XLSX file.")]
MaxErrors = Annotated[
    str | None, typer.Option(help="Fail before writing when more rows are rejected: a count, or 5%.")
]
ImportId = Annotated[str, typer.Argument(metavar="ID", help="The import's id.")]
Floor = Annotated[int | None, typer.Option(min=0, help="Guard: so many removals are always fine.")]
Percent = Annotated[
    float | None,
    typer.Option(min=0, max=100, help="Guard: beyond the floor, the largest share of the scope."),
]
Total = Annotated[int | None, typer.Option(min=0, help="Guard: never more removals than this.")]


def mapping_of(pairs: list[str] | None) -> dict[str, str]:
    """Give field to header; a pair that is none is wrong usage."""
    mapping = {}
    for pair in pairs or []:
        field, separator, header = pair.partition("=")
        if not separator or not field:
            raise typer.BadParameter(f"{pair!r} is not FIELD=HEADER", param_hint="--column-mapping")
        mapping[field.strip()] = header
    return mapping
