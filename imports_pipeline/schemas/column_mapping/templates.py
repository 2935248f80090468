"""Templates of ``column_mapping``: ``name={First Name} {Last Name}`` reads one field from several columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from imports_pipeline.schemas.column_mapping.plan import Template

_COLUMN: Final = re.compile(r"\{([^{}]+)\}")


def is_template(text: str) -> bool:
    """Return whether the right side of a mapping names columns in braces."""
    return _COLUMN.search(text) is not None


def headers(text: str) -> list[str]:
    """Return the headers that a template names."""
    return _COLUMN.findall(text)


def parse(text: str, position: Callable[[str], int]) -> Template:
    """Return the template that a text writes.

    Args:
        text: Headers in braces, with any text between them.
        position: Returns the column of a header, and raises where the file has none.
    """
    pieces = _COLUMN.split(text)
    return Template(tuple(pieces[0::2]), tuple(position(header) for header in pieces[1::2]))
