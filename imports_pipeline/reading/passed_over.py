"""Removes records that are not rows from a table's batches: repeated headers, and the footer.

A different header among the rows is an error, because the rows under it belong to another table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.reading.csv.records.structural_index import Flags
from imports_pipeline.reading.detection.header_names import (
    is_column,
    is_column_of_people,
    is_name,
    spellings,
    spellings_of_languages,
)
from imports_pipeline.reading.footers import BLANK, Footer
from imports_pipeline.reading.options import NotATable
from imports_pipeline.reading.records import MalformedRecords, PassedOver, RowBatch
from imports_pipeline.schemas.column_mapping.headers.header_text import looks_like_header

_EDGES: Final = " \t\ufeff"
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
# A group's `resource` is one of these. The words are values there, although they name fields elsewhere.
_VALUES: Final = frozenset({"contact", "contacts", "location", "locations"})
# The largest number of entries on an import, so that its object stays small.
_LISTED: Final = 100
_SHOWN: Final = 100


@dataclass(frozen=True)
class PassedOverFilter:
    """Removes the records of one table that are not rows: those of its footer, and those equal to its header."""

    header: tuple[str, ...]
    delimiter: str
    quote: str
    ends: Footer | None
    # The lines of records that would be another header, or none, if a blank line were above them, or none were.
    doubtful: list[int] = field(default_factory=list, compare=False)

    def filter(self, batches: Iterable[RowBatch]) -> Iterator[RowBatch]:
        """Yield the batches without the records that are not rows; ``passed_over`` lists these.

        Raises:
            NotATable: ``second_header``: another header stands among the rows.
        """
        above: int | None = None
        for batch in batches:
            rows = np.ones(batch.cells.num_rows, np.bool_)
            bad = np.ones(len(batch.malformed), np.bool_)
            entries = [*self._headers(batch, rows, above), *self._malformed_headers(batch, bad, above)]
            above = _last_line(batch, len(rows), len(bad)) or above
            if self.ends is not None:
                entries += _in_footer(batch, self.ends, self.delimiter + self.quote, rows, bad)
            yield _without(batch, entries, rows, bad)

    def _headers(self, batch: RowBatch, rows: Flags, above: int | None) -> Iterator[PassedOver]:
        """Yield the rows that repeat the header, and set them to False in ``rows``.

        ``above`` is the last line of the record before the batch.
        """
        for index in np.flatnonzero(_begin_like_headers(batch.cells.columns[:2], self.header)).tolist():
            cells = [column[index].as_py() for column in batch.cells.columns]
            line, offset = batch.line[index].as_py(), batch.byte_offset[index].as_py()
            if entry := self._check_header(line, offset, cells, _is_below_blank(batch, line, above)):
                rows[index] = False
                yield entry

    def _malformed_headers(self, batch: RowBatch, bad: Flags, above: int | None) -> Iterator[PassedOver]:
        """Yield the malformed records that repeat the header, and set them to False in ``bad``."""
        table = batch.malformed.table
        if not table.num_rows:
            return
        lists = table["cells"]
        starts, values = lists.offsets.to_numpy(), lists.values
        several = np.flatnonzero(np.diff(starts) > 1)
        firsts = [values.take(pa.array(starts[several] + number)) for number in (0, 1)]
        for index in several[_begin_like_headers(firsts, self.header)].tolist():
            line, offset = table["line"][index].as_py(), table["byte_offset"][index].as_py()
            below_blank = _is_below_blank(batch, line, above)
            if entry := self._check_header(line, offset, lists[index].as_py(), below_blank):
                bad[index] = False
                yield entry

    def _check_header(self, line: int, offset: int, cells: list[str], below_blank: bool) -> PassedOver | None:
        if is_repeated(cells, self.header):
            text = (self.delimiter or "\t").join(cells)
            return PassedOver(line, line, text[:_SHOWN], "the header again")
        another = is_another_header(cells, self.header, below_blank=below_blank)
        if another != is_another_header(cells, self.header, below_blank=not below_blank):
            self.doubtful.append(line)
        if another:
            names = ", ".join(cell.strip() for cell in cells if cell.strip())
            raise NotATable(
                "second_header",
                f"Line {line} is another header ({names[:_SHOWN]}), so another table begins there. Import each table "
                "by itself: cut the file before that line.",
                line=line,
                byte_offset=offset,
            )
        return None


def remove_footer(batch: RowBatch, footer: Footer, marks: str = "") -> RowBatch:
    """Return a batch without the lines of a footer; ``passed_over`` lists these.

    ``marks`` are the characters that a blank line may hold besides white space: the delimiter and the quote.
    """
    rows, bad = np.ones(batch.cells.num_rows, np.bool_), np.ones(len(batch.malformed), np.bool_)
    return _without(batch, [*_in_footer(batch, footer, marks, rows, bad)], rows, bad)


def merged(entries: Iterable[PassedOver]) -> list[PassedOver]:
    """Return the entries with adjacent blank ones as one; beyond the limit, one entry stands for all others."""
    found: list[PassedOver] = []
    for entry in entries:
        if found and entry.why == found[-1].why == BLANK:
            found[-1] = replace(found[-1], last_line=entry.last_line)
        elif len(found) < _LISTED:
            found.append(entry)
        else:
            found[-1] = PassedOver(found[-1].line, entry.last_line, "", "several lines of these kinds")
    return found


def in_words(listed: Sequence[Mapping[str, Any]]) -> str:
    """Return the ``passed_over`` list of an import as text, one line an entry."""
    return "\n".join(
        f"line {one['line']:,}"
        + (f" to {one['last_line']:,}" if one["last_line"] > one["line"] else "")
        + f": {one['what']} ({one['why']})".replace(":  (", " (")
        for one in listed
    )


def is_repeated(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Return True if the record repeats the header. A single name must be equal including its case."""
    if len(header) == 1:
        return [cell.strip(_EDGES) for cell in cells] == [header[0].strip(_EDGES)]
    return _bare(cells) == _bare(header)


def is_another_header(cells: Sequence[str], header: Sequence[str], *, below_blank: bool = False) -> bool:
    """Return True if the record is a header of another table, and not a person or a group.

    All of its cells (two or more), or two of three (of at least four), must be names of fields or of this file's
    columns. None may be data or occur twice. Other usual names of columns, in any language of headers, count too if all
    cells are such names, and there are three, or one is a name of a column of people, or a blank line is above the
    record (``below_blank``).
    """
    filled = [cell for cell in _bare(cells) if cell]
    if len(filled) < 2 or not looks_like_header(filled):
        return False
    own = set(_bare(header))
    if len(filled) == 2 and not _VALUES.isdisjoint(filled):
        return False
    known = [cell for cell in filled if cell in own or is_name(cell)]
    if len(known) == len(filled):
        return True
    if len(known) >= 3 and len(known) * 3 >= len(filled) * 2:
        return True
    if not _VALUES.isdisjoint(filled) or not all(cell in own or is_column(cell) for cell in filled):
        return False
    return len(filled) > 2 or below_blank or any(map(is_column_of_people, filled))


def _bare(cells: Sequence[str]) -> list[str]:
    names = [cell.strip(_EDGES).casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


@cache
def _is_in_another_language(header: tuple[str, ...]) -> bool:
    """Return True if a name of the header is no documented one, and is understood by the words of a language."""
    return any(not is_name(name) and is_column(name) for name in header if name.strip())


@cache
def _names(own: tuple[str, ...], foreign: bool) -> pa.Array:
    """Return the texts that make a record a candidate: names of columns, and the header's in usual spellings."""
    forms = (str, str.strip, str.lower, str.upper, str.title, str.capitalize)
    written = {form(name) for name in own for form in forms}
    around = {
        f"{before}{name}{after}" for name in written for before in ("", " ", "\ufeff") for after in ("", " ")
    }
    others = spellings_of_languages() if foreign else frozenset()
    return pa.array(sorted(spellings() | around | others), pa.string())


def _begin_like_headers(columns: Sequence[pa.Array], header: tuple[str, ...]) -> Flags:
    """Return True for each record with a name of a field or column in one of its first two cells."""
    names = _names(tuple(header[:2]), _is_in_another_language(header))
    found: Flags = np.zeros(len(columns[0]), np.bool_)
    for column in columns:
        found |= pc.is_in(column, names).to_numpy(zero_copy_only=False)
    return found


def _is_below_blank(batch: RowBatch, line: int, above: int | None) -> bool:
    """Return True if a blank line is above the record at ``line``; ``above`` is the last line before the batch."""
    rows = int(np.searchsorted(batch.line.to_numpy(), line))
    bad = int(np.searchsorted(batch.malformed.table["line"].to_numpy(), line))
    last = _last_line(batch, rows, bad) or above
    return last is not None and line > last + 1


def _last_line(batch: RowBatch, rows: int, bad: int) -> int | None:
    """Return the last line of the first ``rows`` rows and ``bad`` malformed records, or ``None`` if there are none."""
    found = []
    if rows:
        texts = [column[rows - 1].as_py() for column in batch.cells.columns]
        found.append(batch.line[rows - 1].as_py() + sum(len(_LINE_END.findall(text)) for text in texts))
    if bad:
        table = batch.malformed.table
        found.append(table["line"][bad - 1].as_py() + len(_LINE_END.findall(table["raw"][bad - 1].as_py())))
    return max(found, default=None)


def _is_blank(texts: pa.Array, marks: str) -> Flags:
    return pc.equal(pc.utf8_trim(texts, " \t\u00a0\x1a" + marks), "").to_numpy(zero_copy_only=False)


def _listed(ends: Footer, offsets: Any, lines: Any, blank: Flags, keep: Flags) -> Iterator[PassedOver]:
    """Yield the entries of the footer, each run of blank records as one, and set them to False in ``keep``."""
    for index in np.flatnonzero(np.isin(offsets, list(ends.lines))).tolist():
        what, why = ends.lines[int(offsets[index])]
        keep[index] = blank[index] = False
        yield PassedOver(int(lines[index]), int(lines[index]), what, why)
    at = np.flatnonzero(blank)
    keep[at] = False
    for run in np.split(at, np.flatnonzero(np.diff(at) != 1) + 1):
        if len(run):
            yield PassedOver(int(lines[run[0]]), int(lines[run[-1]]), "", BLANK)


def _in_footer(batch: RowBatch, ends: Footer, marks: str, rows: Flags, bad: Flags) -> Iterator[PassedOver]:
    """Yield the lines of the footer, and set them to False in ``rows`` and ``bad``."""
    offsets, table = batch.byte_offset.to_numpy(), batch.malformed.table
    begin = int(np.searchsorted(offsets, ends.begin))
    if begin < len(offsets):
        blank = np.ones(len(offsets) - begin, np.bool_)
        for column in batch.cells.columns:
            blank &= _is_blank(column.slice(begin), "")
        yield from _listed(ends, offsets[begin:], batch.line.to_numpy()[begin:], blank, rows[begin:])
    bad_offsets = table["byte_offset"].to_numpy()
    begin = int(np.searchsorted(bad_offsets, ends.begin))
    if begin < len(bad_offsets):
        blank = _is_blank(table["raw"].slice(begin), marks)
        yield from _listed(ends, bad_offsets[begin:], table["line"].to_numpy()[begin:], blank, bad[begin:])


def _without(batch: RowBatch, entries: list[PassedOver], rows: Flags, bad: Flags) -> RowBatch:
    """Return a batch with ``entries`` among what was passed over, and only the rows and records flagged as kept."""
    if not entries:
        return batch
    entries = sorted([*batch.passed_over, *entries], key=lambda one: one.line)
    return replace(_kept(batch, rows, bad), passed_over=tuple(merged(entries)))


def _kept(batch: RowBatch, rows: Flags, bad: Flags) -> RowBatch:
    if not rows.all():
        mask = pa.array(rows)
        batch = replace(
            batch,
            cells=batch.cells.filter(mask),
            line=batch.line.filter(mask),
            byte_offset=batch.byte_offset.filter(mask),
        )
    if not bad.all():
        batch = replace(batch, malformed=MalformedRecords(batch.malformed.table.filter(pa.array(bad))))
    return batch
