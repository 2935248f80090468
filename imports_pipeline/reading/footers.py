"""Finds the footer of a table: totals, counts, copyright lines and blank cells after the last row.

The end of the file is read backwards, line by line, before the rows are read. This costs nothing a row, and each part
of a large file knows the footer. A line is passed over only by its form, such as a count of records, a copyright line,
a ruler or blank cells. A line that could be a row is never passed over: ``Ann,`` is a row, and so is every line above
it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.records.split_points import unit_type
from imports_pipeline.reading.csv.tokenizer import Tokenizer
from imports_pipeline.reading.detection.encodings import Encoding, WideUnits
from imports_pipeline.reading.footer_forms import form_of, is_reserved, is_total
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates

# The number of bytes at the end that are searched. Blank cells do not count: there may be any number of them.
_END_BYTES: Final = 64 * 1024
_MOST_BYTES: Final = 16 * 1024 * 1024
_LINE_END: Final = re.compile(r"(\r\n|\r|\n)")
# The number of bytes of blank cells that are searched line by line.
_BEHIND_BYTES: Final = 1024
#: The number of lines at the end of a table that may be its footer.
MOST_FOOTER_LINES: Final = 50
_SHOWN: Final = 100

_RULER: Final = re.compile(r"[-=_*+~#.|]{3,}")
_SMALL_NUMBER: Final = re.compile(r"-?[1-9]\d{0,8}(?:[.,]\d+)?|0|-?\d{1,3}(?:[.,]\d{3})*(?:[.,]\d+)?")
# Numbers in columns of these fields may belong to a person or group that is named Total.
_NUMBERED: Final = ("id", "external_id", "id_number", "phone", "alternate_phones")
_IDENTITY: Final = re.compile(r"@|\d(?:[\s()./-]?\d){6}|(?:ctct|grp|loc)_")
BLANK: Final = "every cell is blank, and no row follows"
_WHYS: Final = {
    "mark": "the mark at the end of a file (Ctrl-Z)",
    "blank": BLANK,
    "count": "a count or total behind the last row",
    "end": "a line that says that the file ends",
    "legal": "a copyright or confidentiality line behind the last row",
    "made": "a line that says how the file was made, behind the last row",
    "ruler": "a ruler behind the last row",
    "beside": "a line of the footer, behind the last row",
}


class Line(NamedTuple):
    """A line at the end of a table. ``cells`` is ``None`` if the line is not a record by itself."""

    byte_offset: int
    text: str
    cells: list[str] | None


class Footer(NamedTuple):
    """The lines after the last row. Other records after ``begin`` are passed over only if they are blank.

    Attributes:
        begin: The offset at which the footer begins.
        lines: The text of each line and the reason why it is not a row, by offset.
    """

    begin: int
    lines: dict[int, tuple[str, str]]


def find_footer(
    source: BinaryIO, encoding: Encoding, dialect: Dialect, header: Sequence[str], begin: int
) -> Footer | None:
    """Return the footer of a text table whose rows begin at the offset ``begin``, or ``None`` if it has none."""
    kind = unit_type(encoding)
    if kind is None:
        return None
    end = source.seek(0, 2)
    end -= (end - begin) % kind.itemsize
    text = _Text(source, encoding, dialect, begin, kind.itemsize)
    found: Footer | None = None
    while end > begin:
        blank = text.blank_from(end)
        lines = text.lines(blank, end)
        more = footer_of(lines, header)
        if more is None and end - blank > _BEHIND_BYTES:
            more = Footer(blank, {})
        if more is None:
            break
        found = Footer(more.begin, {**more.lines, **(found.lines if found else {})})
        if not lines or more.begin != lines[0].byte_offset or len(found.lines) >= MOST_FOOTER_LINES:
            break
        end = more.begin
    return found


class _Text:
    """The end of a text table, read backwards."""

    def __init__(self, source: BinaryIO, encoding: Encoding, dialect: Dialect, begin: int, unit: int) -> None:
        """Keep the properties of the file; ``unit`` is the size of the encoding's unit in bytes."""
        self._source, self._begin, self._unit = source, begin, unit
        # Text that is decoded in this way can be encoded again to the same bytes, which gives offsets.
        self._codec = "utf-8" if encoding.name == "utf-8-sig" else encoding.name
        self._errors = "replace" if isinstance(encoding, WideUnits) else "surrogateescape"
        self._blanks = " \t\r\n\x1a" + dialect.delimiter + dialect.quote
        self._tokenizer = Tokenizer(dialect, 0)

    def blank_from(self, end: int) -> int:
        """Return the offset after which, up to ``end``, there are only blanks, delimiters, quotes and line ends."""
        step = _END_BYTES
        while end > self._begin:
            at = max(self._begin, end - step)
            body = self._decoded(at, end).rstrip(self._blanks)
            if body:
                return at + self._size(body)
            end, step = at, min(2 * step, _MOST_BYTES)
        return end

    def lines(self, blank: int, end: int) -> list[Line]:
        """Return the lines before ``blank`` and some after it, without a line whose beginning was not read."""
        at = max(self._begin, blank - _END_BYTES)
        at += (self._begin - at) % self._unit
        text = self._decoded(at, min(end, blank + _BEHIND_BYTES))
        lines: list[Line] = []
        place = at
        for number, part in enumerate(_LINE_END.split(text)):
            if number % 2 == 0 and (number or at == self._begin):
                line = part.encode("utf-8", "replace")
                cells = self._tokenizer.split(line) or self._tokenizer.padded(line)
                shown = None if cells is None else [cell.decode("utf-8", "replace") for cell in cells]
                lines.append(Line(place, part, shown))
            place += self._size(part)
        return lines

    def _decoded(self, begin: int, end: int) -> str:
        self._source.seek(begin)
        return self._source.read(end - begin).decode(self._codec, self._errors)

    def _size(self, text: str) -> int:
        return len(text.encode(self._codec, self._errors))


def footer_of(lines: Sequence[Line], header: Sequence[str]) -> Footer | None:
    """Return the footer in the last ``lines`` of a table, or ``None`` if the last one could be a row."""
    found: dict[int, tuple[str, str]] = {}
    first: int | None = None
    at = len(lines)
    whole = True
    while at and whole and len(found) < MOST_FOOTER_LINES:
        block, whole = _block(lines[:at], header)
        # Lines of any text belong to a footer only beside a copyright line, and below a blank line.
        told = whole and any(kind in ("legal", "made") for kind in block)
        for kind in block:
            if kind == "beside" and not told:
                whole = False
                break
            at -= 1
            line = lines[at]
            if kind != "blank":
                found[line.byte_offset] = (_shown(line.text), _WHYS[kind])
            if line.text:
                first = line.byte_offset
    return None if first is None else Footer(first, found)


def _block(lines: Sequence[Line], header: Sequence[str]) -> tuple[list[str], bool]:
    """Return the kinds of the lines from the last one up to a blank one, and True if there is a blank one."""
    kinds: list[str] = []
    for line in reversed(lines[-MOST_FOOTER_LINES:]):
        kind = "blank" if not line.text.strip("\ufeff") else _kind(line, header)
        if kind is None:
            return kinds, False
        kinds.append(kind)
        if kind == "blank":
            return kinds, True
    return kinds, False


def _kind(line: Line, header: Sequence[str]) -> str | None:
    """Return the kind of a line that is not a row, or ``None`` if it could be one."""
    cells, width = line.cells, len(header)
    if cells is None:
        return None
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return "blank"
    if "\x1a" in filled[0] and not "".join(filled).strip("\x1a\0"):
        # Old programs fill the last block of a file with NULs behind the mark.
        return "mark"
    if all(_RULER.fullmatch(text) for text in filled):
        return "ruler"
    if len(filled) == 1 and not cells[0].strip() and form_of(filled[0]) == "count":
        # Reports write their totals below any column: the first may be an id's.
        return "count"
    if len(filled) == 1 and cells[0].strip():
        kind = form_of(filled[0])
        if kind:
            return kind
        return "beside" if len(cells) == 1 < width and not _IDENTITY.search(filled[0]) else None
    if _is_totals(cells, header) or _is_count_beside_its_word(filled):
        return "count"
    # A line with another number of cells is not a row, so its delimiters may be text.
    text = line.text.strip()
    return form_of(text) if len(cells) != width or is_reserved(text) else None


def _is_count_beside_its_word(filled: Sequence[str]) -> bool:
    """Return True for two cells that are a count together: ``Anzahl Mitglieder:`` and ``3``."""
    return len(filled) == 2 and filled[0].endswith(":") and form_of(" ".join(filled)) == "count"


def _is_totals(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Return True for the word "total" and numbers, none of which is in a column that may identify a record."""
    filled = [(at, cell.strip()) for at, cell in enumerate(cells) if cell.strip()]
    (_, word), *numbers = filled
    if not numbers or len(cells) > len(header) or not is_total(word):
        return False
    return all(
        _SMALL_NUMBER.fullmatch(text) and (word.endswith(":") or not _is_numbered(header[at]))
        for at, text in numbers
    )


def _is_numbered(name: str) -> bool:
    fields = [field for resource in RESOURCES.values() for field in candidates(name, resource)]
    return any(field.split(".")[0] in _NUMBERED for field in fields)


def _shown(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
