"""Applies number formats of a workbook: whole numbers as the sheet shows them, if they show more than the digits.

An id formatted as ``00000`` shows ``00017`` and is stored as 17; with ``"+"0`` a phone shows its plus. calamine returns
the number. Only formats of digits and literal text are applied (ECMA-376 Part 1, 18.8.31): one with decimals, thousands
separators, a percent sign, an exponent or parts of a date never changes which number a cell means.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from defusedxml import ElementTree

#: The parts of a format: a literal text, an escaped character, a width, a fill, a bracket, a digit, another character.
_PART: Final = re.compile(r'"([^"]*)"|\\(.)|_(.)|\*.|\[([^\]]*)\]|([0#?])|(.)', re.DOTALL)
# Characters that are literal text without quotes.
_PLAIN: Final = frozenset("+-() :&'~{}<>=!^")
_CONDITION: Final = re.compile(r"(<=|>=|<|>|=)([0-9]+)")
# Brackets that do not change the digits: colours, and a locale without a currency.
_IGNORED_BRACKET: Final = re.compile(
    r"(?i)\$-[0-9a-f]+|black|blue|cyan|green|magenta|red|white|yellow|color ?[0-9]+"
)
#: A number of more than 15 digits is refused, whatever its format.
_TOO_LONG: Final = 10**15
_CHUNK: Final = 1024 * 1024
_PLACE: Final = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_HOLDS: Final = {
    "<=": int.__le__,
    ">=": int.__ge__,
    "<": int.__lt__,
    ">": int.__gt__,
    "=": int.__eq__,
}


@dataclass(frozen=True)
class Section:
    """One section of a format: its parts, a digit's place as ``0``, ``#`` or ``?``, and when it applies."""

    parts: tuple[tuple[str, str], ...]
    condition: tuple[str, int] | None = None

    def applies(self, number: int) -> bool:
        """Return True if the section applies to the number."""
        return self.condition is None or _HOLDS[self.condition[0]](number, self.condition[1])

    def show(self, number: int) -> str:
        """Return a number as text. Digits fill the places from the right; surplus digits stand at the first place."""
        digits = str(number) if number else ""
        shown: list[str] = []
        places = sum(kind == "digit" for kind, _ in self.parts)
        for kind, text in reversed(self.parts):
            if kind == "text":
                shown.append(text)
                continue
            places -= 1
            digit, digits = (digits, "") if places == 0 else (digits[-1:], digits[:-1])
            shown.append(digit or {"0": "0", "?": " "}.get(text, ""))
        return "".join(reversed(shown)).strip()


@dataclass(frozen=True)
class NumberFormat:
    """A format that shows a whole number as a text other than its digits."""

    sections: tuple[Section, ...]

    def show(self, number: int) -> str:
        """Return a number that is not negative as the sheet shows it."""
        for section in self.sections:
            if section.applies(number):
                return section.show(number)
        return str(number)


def parse(code: str) -> NumberFormat | None:
    """Return the format of a code, or None if it shows whole numbers by their digits, or cannot be applied.

    >>> parse("000-00-0000").show(12345678)
    '012-34-5678'
    """
    sections = [_section(text) for text in _sections(code)]
    if not sections or sections[0] is None:
        return None
    # Without conditions, the first section is for numbers that are not negative.
    conditional = [section for section in sections[:2] if section is not None and section.condition]
    used = [section for section in sections[:2] if section is not None] if conditional else sections[:1]
    known = tuple(section for section in used if section is not None)
    if (conditional and len(known) < len(sections[:2])) or all(_is_plain(one) for one in known):
        return None
    return NumberFormat(known)


def _sections(code: str) -> list[str]:
    """Return the sections of a code, which semicolons outside literal text separate."""
    cuts = [-1, *(match.start() for match in _PART.finditer(code) if match[0] == ";"), len(code)]
    return [code[begin + 1 : end] for begin, end in pairwise(cuts)]


def _is_plain(section: Section) -> bool:
    return (
        all(kind == "digit" for kind, _ in section.parts)
        and [text for _, text in section.parts].count("0") < 2
    )


def _section(text: str) -> Section | None:
    """Return one section, or ``None`` if it has parts other than digits and literal text."""
    parts: list[tuple[str, str]] = []
    condition = None
    general = text.partition("General")
    if general[1] and "General" not in general[2]:
        text = f"{general[0]}0{general[2]}"
    for literal, escaped, width, bracket, digit, other in _PART.findall(text):
        if digit:
            parts.append(("digit", digit))
        elif bracket:
            found = _CONDITION.fullmatch(bracket)
            if found:
                condition = (found[1], int(found[2]))
            elif not _IGNORED_BRACKET.fullmatch(bracket):
                return None
        elif other and other not in _PLAIN:
            return None
        elif literal or escaped or other:
            parts.append(("text", literal or escaped or other))
        elif width:
            parts.append(("text", " "))
    return Section(tuple(parts), condition) if any(kind == "digit" for kind, _ in parts) else None


@dataclass(frozen=True)
class FormattedCells:
    """The cells of a sheet that have such a format: rows (from 1, ascending), columns (from 0) and formats."""

    rows: np.ndarray
    columns: np.ndarray
    styles: np.ndarray
    formats: dict[int, NumberFormat]

    def show(self, lines: Iterable[tuple[int, list[Any]]], first: int, last: int) -> None:
        """Replace the numbers in rows ``first`` to ``last`` with their shown text; ``lines`` are (row, cells) pairs."""
        begin, end = np.searchsorted(self.rows, [first, last + 1])
        if begin == end:
            return
        cells = dict(lines)
        some = slice(begin, end)
        for row, column, style in zip(
            self.rows[some].tolist(), self.columns[some].tolist(), self.styles[some].tolist(), strict=True
        ):
            line = cells.get(row)
            if line is None or column >= len(line):
                continue
            value = line[column]
            if type(value) in (int, float) and 0 <= value < _TOO_LONG and value == int(value):
                line[column] = self.formats[style].show(int(value))


def formatted_cells(archive: zipfile.ZipFile, part: str) -> FormattedCells | None:
    """Return the formatted cells of the sheet in ``part`` of a workbook that is safe to open; None if it has none.

    For a workbook without such a format, only its styles are read. Otherwise the sheet is read once more, in chunks,
    and eight bytes a cell are kept.
    """
    formats = _formats(archive)
    if not formats or not part:
        return None
    wanted = "|".join(map(str, formats)).encode()
    cell = re.compile(rb'<(?:\w+:)?c\s([^>]*\bs="(' + wanted + rb')"[^>]*)>')
    rows, columns, styles = array("i"), array("H"), array("H")
    with archive.open(part) as sheet:
        tail = b""
        while chunk := sheet.read(_CHUNK):
            # Without its NULs, UTF-16 text of ASCII letters is ASCII.
            piece = tail + chunk.replace(b"\0", b"")
            for match in cell.finditer(piece):
                place = _PLACE.search(match[1])
                if place is not None:
                    rows.append(int(place[2]))
                    columns.append(_column(place[1]))
                    styles.append(int(match[2]))
            begin = piece.rfind(b"<")
            tail = piece[begin:] if begin >= 0 and piece.find(b">", begin) < 0 else b""
    if not rows:
        return None
    order = np.argsort(np.asarray(rows), kind="stable")
    return FormattedCells(
        np.asarray(rows)[order], np.asarray(columns)[order], np.asarray(styles)[order], formats
    )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _formats(archive: zipfile.ZipFile) -> dict[int, NumberFormat]:
    """Return the formats that can be applied, by the index of the cell style that has them."""
    try:
        root = ElementTree.fromstring(archive.read("xl/styles.xml"))
    except (KeyError, ElementTree.ParseError):
        return {}
    codes: dict[str, str] = {}
    styles: dict[int, NumberFormat] = {}
    for one in root.iter():
        name = one.tag.rpartition("}")[2]
        if name == "numFmt":
            codes[one.get("numFmtId", "")] = one.get("formatCode", "")
        elif name == "cellXfs":
            for index, style in enumerate(one):
                found = parse(codes.get(style.get("numFmtId", ""), ""))
                if found is not None:
                    styles[index] = found
    return styles
