"""The line ``sep=;``, from which Excel takes the delimiter, compared with the lines below it."""

from __future__ import annotations

import re
from typing import Final

from imports_pipeline.reading.options import NotATable

_SEPARATOR_LINE: Final = re.compile(r'\ufeff?"?sep=(.)[^\r\n]*(?:\r\n|\r|\n)', re.IGNORECASE)
_LINE: Final = re.compile(r"[^\r\n]+")
_QUOTED: Final = re.compile(r'"[^"]*+"')
_OTHERS: Final = ",;\t|^"
# How many lines below it are compared, with the header.
_LINES: Final = 20


def check(text: str) -> None:
    """Check that the delimiter of line 1 occurs in the header, or that no other one divides all lines alike.

    Raises:
        NotATable: The delimiter of line 1 is not in the header, and another one is equally often in every line.
    """
    named = _SEPARATOR_LINE.match(text)
    if named is None or named[1] in "\r\n\"'":
        return
    lines = [_QUOTED.sub("", line) for line in _LINE.findall(text, named.end(), named.end() + 64 * 1024)]
    lines = [line for line in lines[:_LINES] if line.strip()]
    if not lines or named[1] in lines[0]:
        return
    for delimiter in _OTHERS:
        counts = {line.count(delimiter) for line in lines}
        if delimiter != named[1] and len(counts) == 1 and counts != {0}:
            raise NotATable(
                "wrong_separator_line",
                f"Line 1 says that the delimiter is {_shown(named[1])}, and the lines below it are divided by"
                f" {_shown(delimiter)}: correct line 1, remove it, or give the option delimiter.",
                line=1,
            )


def _shown(delimiter: str) -> str:
    return "the tab" if delimiter == "\t" else f"`{delimiter}`"
