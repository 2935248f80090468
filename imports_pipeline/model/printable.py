"""Escapes invisible characters in names from outside before they are shown in logs, messages and pages."""

from __future__ import annotations

import unicodedata
from typing import Final

# Characters of the class of letters that are blank: the Hangul fillers.
_BLANK: Final = "\u115f\u1160\u3164\uffa0"


def printable(text: str) -> str:
    r"""Return the text with control, direction and invisible characters escaped as in a Python string.

    A file name with a line break or a terminal's escape sequence could otherwise forge lines of a log.

    >>> printable("people\n2026.csv")
    'people\\n2026.csv'
    """
    if text.isprintable() and not any(blank in text for blank in _BLANK):
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    seen = character.isprintable() or unicodedata.category(character) == "Zs"
    if seen and character not in _BLANK:
        return character
    return character.encode("unicode_escape").decode() if not seen else f"\\u{ord(character):04x}"
