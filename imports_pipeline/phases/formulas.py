"""Cells that a spreadsheet would execute: neutralised in an errors file, restored when it is uploaded again.

A formula starts with ``=``, ``@``, ``+``, ``-``, a tab or a carriage return (CWE-1236, OWASP ASVS 1.2.10). An
apostrophe before it makes it text. Numbers and phones may start with a sign and stay as they are. A cell
that already looks neutralised gets one apostrophe more, so that taking one off always gives the original.
"""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_ALREADY: Final = re.compile(r"'+[=@+\-\t\r]")
_PLAIN_SIGNED: Final = re.compile(r"[+-][0-9][0-9 ().,/\-]*(?:[eE][+-]?[0-9]+)?")


def neutralise(cell: str) -> str:
    """Give the cell as a spreadsheet may safely open it."""
    if not cell or cell[0] not in "=@+-\t\r'":
        return cell
    if cell[0] == "'":
        return f"'{cell}" if _ALREADY.match(cell) else cell
    if cell[0] in "+-" and _PLAIN_SIGNED.fullmatch(cell):
        return cell
    return f"'{cell}"


def restore(cells: pa.Array) -> pa.Array:
    """Take the apostrophe that ``neutralise`` put before a cell off again; string array in, the same out."""
    return pc.replace_substring_regex(cells, r"^'('*[=@+\-\t\r])", r"\1")
