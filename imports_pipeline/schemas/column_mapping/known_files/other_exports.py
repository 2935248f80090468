"""Exports of products that are no known file: recognised by what their headers are, and read with the same defaults.

A file of another product has many columns that are no fields here, and some whose words the rules know. Its owner wants
the people of the file, and not every cell to be right: so values that are invalid are left out and listed, tags become
groups, and a nameless person has the email as name. A notice says so, and ``known_file: none`` switches it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imports_pipeline.schemas.catalog import CONTACT
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates, trimmed
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning
from imports_pipeline.schemas.column_mapping.known_files.known_file import KnownFile
from imports_pipeline.schemas.column_mapping.known_files.presets import Preset

#: The name that the option ``known_file`` takes.
NAME: Final = "other-export"
# The smallest number of columns, and of columns that have not the name of a field, at least one of them understood.
_COLUMNS: Final = 6
_OTHERS: Final = 4

OTHER_EXPORT: Final = KnownFile(
    NAME,
    "Another product",
    (),
    Preset(NAME),
    "any export of a product that is not listed",
    {"bad_cells": "leave_out", "missing_groups": "create", "missing_name": "email"},
)


def is_other_export(header: Sequence[str]) -> bool:
    """Return True if a header is one that another product writes.

    It is none if a header is written as this project writes it (``groups``, ``metadata.team``): whoever fills in such a
    column knows what it takes.
    """
    names = [name for name in map(trimmed, header) if name and not name.startswith("_")]
    fields = [candidates(name, CONTACT) for name in names]
    if len(names) < _COLUMNS or any(_is_ours(name, found) for name, found in zip(names, fields, strict=True)):
        return False
    others = [name for name, found in zip(names, fields, strict=True) if not found]
    return len(others) >= _OTHERS and any(_is_understood(name) for name in others)


def _is_ours(name: str, fields: Sequence[str]) -> bool:
    return any(
        ("." in field and "." in name) or name == field.partition(".")[0] == "groups" for field in fields
    )


def _is_understood(name: str) -> bool:
    found = meaning(name)
    return found is not None and found.kind != "ignored"
