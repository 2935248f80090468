"""Cells that a spreadsheet would execute: neutralised in an errors file, restored when it is uploaded again.

A formula starts with ``=``, ``@``, ``+``, ``-``, a tab or a carriage return (CWE-1236, OWASP ASVS 1.2.10). An
apostrophe before it makes it text. Numbers and phones may start with a sign and stay as they are. A cell
that already looks neutralised gets one apostrophe more, so that taking one off always gives the original.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import first_bytes

_SUSPECT: Final = np.zeros(256, np.bool_)
_SUSPECT[list(b"=@+-\t\r'")] = True
#: A cell that begins like this is neutralised, unless the whole of it is ``PLAIN_SIGNED``. Both are regular
#: expressions that Python, RE2 and PostgreSQL read alike.
SUSPECT: Final = r"'*[=@+\-\t\r]"
PLAIN_SIGNED: Final = r"[+-][0-9][0-9 ().,/\-]*(?:[eE][+-]?[0-9]+)?"
#: The column of an exported file whose cells are neutralised.
EXPORT_COLUMN: Final = "_export"
_ALREADY: Final = re.compile(r"'+[=@+\-\t\r]")
_PLAIN_SIGNED: Final = re.compile(PLAIN_SIGNED)


def neutralise(cell: str) -> str:
    """Return the cell as a spreadsheet may safely open it."""
    if not cell or cell[0] not in "=@+-\t\r'":
        return cell
    if cell[0] == "'":
        return f"'{cell}" if _ALREADY.match(cell) else cell
    if cell[0] in "+-" and _PLAIN_SIGNED.fullmatch(cell):
        return cell
    return f"'{cell}"


def neutralise_all(cells: pa.Array) -> pa.Array:
    """Do the same to a column; a string array without nulls, the same out."""
    suspect = _SUSPECT[first_bytes(cells)]
    if not suspect.any():
        return cells
    chosen = pa.array(suspect)
    some = cells.filter(chosen)
    harmless = pc.or_(
        pc.match_substring_regex(some, rf"\A{_PLAIN_SIGNED.pattern}\z"),
        pc.and_not(pc.starts_with(some, "'"), pc.match_substring_regex(some, rf"\A{_ALREADY.pattern}")),
    )
    some = pc.if_else(harmless, some, pc.binary_join_element_wise("'", some, ""))
    return pc.replace_with_mask(cells, chosen, some)


def restore(cells: pa.Array) -> pa.Array:
    """Take the apostrophe that ``neutralise`` put before a cell off again; string array in, the same out."""
    return pc.replace_substring_regex(cells, r"^'('*[=@+\-\t\r])", r"\1")
