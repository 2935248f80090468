"""The flat run config of an import: every option with its type, default and description, for the Launchpad."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import dagster as dg

from imports_pipeline.model.options import Action, Options
from imports_pipeline.storage.database import DEFAULT_ORGANIZATION

_DEFAULTS: Final = Options()


def _choice(default: StrEnum, description: str) -> dg.Field:
    choices = type(default)
    return dg.Field(
        dg.Enum(
            choices.__name__, [dg.EnumValue(v.value, v.value) for v in choices if v is not Action.REVERT]
        ),
        is_required=False,
        default_value=default.value,
        description=description,
    )


def _text(description: str) -> dg.Field:
    return dg.Field(dg.Noneable(str), is_required=False, default_value=None, description=description)


#: What is not an option of the import itself.
_ABOUT: Final[dict[str, dg.Field]] = {
    "source": dg.Field(
        str,
        is_required=False,
        default_value="",
        description="The file: a path, file:// or s3:// URI; with a * in it, all files that match, read as one."
        " Needed unless the run belongs to a registered import.",
    ),
    "organization": dg.Field(
        str,
        is_required=False,
        default_value=DEFAULT_ORGANIZATION,
        description="Whose records the import changes.",
    ),
    "name": _text("A name for the import, 3 to 127 characters."),
}

OPTIONS: Final[dict[str, dg.Field]] = {
    "action": _choice(
        _DEFAULTS.action,
        "merge: create and update. overwrite: merge, then delete every other record of the scope."
        " delete: delete the records whose ids the file names.",
    ),
    "mode": _choice(
        _DEFAULTS.mode,
        "mixed: phases 1 to 5 in this run, the write in a second one. sync: everything in this run, small files only.",
    ),
    "duplicate_handling": _choice(
        _DEFAULTS.duplicate_handling,
        "Rows of the file that share an identity value: ignore_all rejects all of them, use_first keeps the first.",
    ),
    "blank_cells": _choice(
        _DEFAULTS.blank_cells, "What a blank cell does to the stored value: keep it, or clear it."
    ),
    "unknown_columns": _choice(
        _DEFAULTS.unknown_columns,
        "Columns the resource does not have: ignore and list them, or reject the file.",
    ),
    "match_on": dg.Field(
        [str],
        is_required=False,
        default_value=[],
        description="Identity keys in order; empty means the resource's own (id, external_id, email for contacts).",
    ),
    "location_id": _text("Limits the import, and what an overwrite deletes, to one location."),
    "column_mapping": dg.Field(
        {str: str},
        is_required=False,
        default_value={},
        description="Field to header, where the headers do not speak for themselves.",
    ),
    "default_region": _text("Two-letter country of phone numbers without a country code, such as DE."),
    "encoding": _text("The file's encoding, where it is not to be found out."),
    "delimiter": _text("The file's delimiter, where it is not to be found out."),
    "quote": _text("The file's quote character, where it is not to be found out."),
    "escape": _text("What stands before a quote inside a quoted cell, where it is not doubled: a backslash."),
    "line_end": _text("lf, crlf or cr, where it is not to be found out."),
    "header_line": dg.Field(
        dg.Noneable(int),
        is_required=False,
        default_value=None,
        description="The line the header is on, from 1, where it is not to be found out.",
    ),
    "sheet": _text("The sheet of an XLSX file; the first one unless given."),
    "compression": _text("none, gzip or zip, where it is not to be found out. A workbook (XLSX) is none."),
    "parts": dg.Field(
        bool,
        is_required=False,
        default_value=False,
        description="The source is a glob: the files it matches are read as one. A source with a * always is.",
    ),
    "max_age": _text("Fail when the source is older than this: a number and s, m, h or d, such as 26h."),
    "dry_run": dg.Field(
        bool,
        is_required=False,
        default_value=False,
        description="Make the plan, line by line, and write nothing.",
    ),
    "max_deletions": dg.Field(
        dg.Noneable(int),
        is_required=False,
        default_value=None,
        description="Approves the removal of up to so many records, in place of the guards.",
    ),
    "max_errors": _text(
        "Fail before writing when more rows than this are rejected: a count, or a share such as 5%."
    ),
    "deletion_floor": dg.Field(
        dg.Noneable(int),
        is_required=False,
        default_value=None,
        description="Guard: so many removals are always fine. The organization's (10) unless given.",
    ),
    "deletion_percent": dg.Field(
        dg.Noneable(float),
        is_required=False,
        default_value=None,
        description="Guard: beyond the floor at most this share of the scope. The organization's (10) unless given.",
    ),
    "deletion_total": dg.Field(
        dg.Noneable(int),
        is_required=False,
        default_value=None,
        description="Guard: never more removals than this. The organization's (500) unless given.",
    ),
    "timeout": dg.Field(
        int,
        is_required=False,
        default_value=3600,
        description="Seconds after which the import is rolled back.",
    ),
    "save_upload": dg.Field(
        bool, is_required=False, default_value=True, description="Keep the uploaded file."
    ),
    "save_result": dg.Field(
        bool, is_required=False, default_value=False, description="Write a file of what became of each line."
    ),
}

SCHEMA: Final = {**_ABOUT, **OPTIONS}

REVERT_SCHEMA: Final[dict[str, dg.Field]] = {
    "import_id": dg.Field(str, is_required=False, default_value="", description="The import to take back."),
    "dry_run": dg.Field(bool, is_required=False, default_value=False, description="Only make the plan."),
}


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give the part of a run config that is the import's options."""
    return {name: value for name, value in config.items() if name in OPTIONS}
