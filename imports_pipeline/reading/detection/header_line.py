"""Finds the header among a table's first rows. Titles, notes and blank lines may stand above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from imports_pipeline.reading.detection.header_names import count_names, names_in
from imports_pipeline.schemas.column_mapping.headers.header_text import looks_like_header

#: A row above the header fills in at most this share of the cells most rows have.
_PREAMBLE_SHARE: Final = 0.5
# At least this share of the names of a header below a line of settings are distinct.
_DISTINCT: Final = 0.75
# The number of first records that are searched for a damaged header.
_ABOVE: Final = 30


def header_index(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the index of the header among a table's first ``rows``, or ``None`` if all are blank.

    Rows above the header fill in no more than half of the cells that most rows have, and the header itself
    looks like one. Where that cannot be had, the first row that is not blank is the header: a table is
    never begun below a row that could be its header.
    """
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    counts = Counter(len(row) for row, used in zip(rows, filled, strict=True) if used)
    if not counts:
        return None
    first = next(index for index, used in enumerate(filled) if used)
    best = max(counts.values())
    width = max(size for size, count in counts.items() if count == best)
    for index in range(first, len(rows)):
        if filled[index] > width * _PREAMBLE_SHARE or _index_header(rows[index], width):
            if index == first or looks_like_header(rows[index]) or _is_below_data(rows[first], rows[index]):
                return index
            return first
    return first


def _is_below_data(first: Sequence[str], row: Sequence[str]) -> bool:
    """Return whether a row is the header below a line of settings: names, few of which stand twice, below numbers.

    Files for accounting programs begin with such a line, and name all columns that they leave blank alike.
    """
    names = {cell.strip().lower(): cell for cell in row if cell.strip()}
    few = len(names) >= _DISTINCT * sum(1 for cell in row if cell.strip())
    return few and looks_like_header(list(names.values())) and not looks_like_header(first)


def damaged_header(rows: Sequence[Sequence[str]], sound: Sequence[bool], index: int) -> int:
    """Return the index of the first rows' header, which may be a damaged line, where ``index`` is the best sound one.

    ``rows`` holds the pieces of a line that is not ``sound``. A line that is or holds more names of fields than
    the row at ``index``, or that is not sound and holds as many, is the header: it is reported, and no row is
    taken for it.
    """
    known = count_names(rows[index])
    usual = Counter(len(row) for row, good in zip(rows, sound, strict=True) if good)
    width = usual.most_common(1)[0][0] if usual else 0
    for at, (row, good) in enumerate(zip(rows[:_ABOVE], sound, strict=False)):
        if at == index or not any(cell.strip() for cell in row) or (good and at > index):
            continue
        names = max(count_names(row), names_in(row))
        wide = len(row) > width * _PREAMBLE_SHARE
        if (names > 1 and names > known) or (not good and at < index and wide and names >= known):
            return at
    return index


def _index_header(row: Sequence[str], width: int) -> bool:
    """Return True for a header of an unnamed and a named column, as data frames are saved; a title has another form."""
    return len(row) == width == 2 and not row[0].strip() and bool(row[1].strip())
