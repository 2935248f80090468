"""Neutralise cells that a spreadsheet would execute in an errors file, and restore them when it is uploaded again.

A formula begins with ``=``, ``@``, ``+``, ``-``, a tab or a carriage return (CWE-1236, OWASP ASVS 1.2.10). An
apostrophe before it makes it a text. Numbers and phones may begin with a sign and stay as they are. A cell that already
looks neutralised gets one apostrophe more, so that removing one always restores the original.
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
#: A cell that begins like this is neutralised, unless the whole cell matches ``PLAIN_SIGNED``. Python, RE2 and
#: PostgreSQL read both regular expressions in the same way.
SUSPECT: Final = r"'*[=@+\-\t\r]"
PLAIN_SIGNED: Final = r"[+-][0-9][0-9 ().,/\-]*(?:[eE][+-]?[0-9]+)?"
#: The column of an exported file whose cells are neutralised.
EXPORT_COLUMN: Final = "_export"
_ALREADY: Final = re.compile(r"'+[=@+\-\t\r]")
_PLAIN_SIGNED: Final = re.compile(PLAIN_SIGNED)


def neutralise(cell: str) -> str:
    """Return the cell in a form that a spreadsheet can open safely.

    >>> neutralise("=1+1")
    "'=1+1"
    """
    if not cell or cell[0] not in "=@+-\t\r'":
        return cell
    if cell[0] == "'":
        return f"'{cell}" if _ALREADY.match(cell) else cell
    if cell[0] in "+-" and _PLAIN_SIGNED.fullmatch(cell):
        return cell
    return f"'{cell}"


def neutralise_all(cells: pa.Array) -> pa.Array:
    """Return a column of cells, each as ``neutralise`` returns it: a string array without nulls in and out."""
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
    """Return a column of cells without the apostrophes that ``neutralise`` has added: a string array in and out."""
    return pc.replace_substring_regex(cells, r"^'('*[=@+\-\t\r])", r"\1")
