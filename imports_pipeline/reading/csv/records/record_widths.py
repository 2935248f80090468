"""Reconciles the number of cells in the header with that in the rows.

Many programs end each row, or the header, with one delimiter too many. Leaving out cells that have no name and are
empty in every row loses nothing. If no row has the header's number of cells and all rows have the same one, the header
is wrong: the file is refused once, instead of each row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imports_pipeline.reading.csv.parse_result import Cells, ParseResult, RecordError
from imports_pipeline.reading.csv.records.record_finder import Records
from imports_pipeline.reading.csv.records.structural_index import Flags, Offsets
from imports_pipeline.reading.csv.tokenizer import Tokenizer
from imports_pipeline.reading.detection.header_names import names_in
from imports_pipeline.reading.detection.sample import Record
from imports_pipeline.reading.options import NotATable


class Widths(NamedTuple):
    """Numbers of cells.

    Attributes:
        named: The header's, without blank names at its end.
        header: The header's, with blank names at its end.
        usual: That of most rows.
        given: The number of columns of the table. Blank names at the end of the header count only if some of the first
            rows have a value there.
    """

    named: int
    header: int
    usual: int
    given: int

    @property
    def plain(self) -> bool:
        """True if every row has the header's number of cells, or is malformed."""
        return self.named == self.header == self.usual


def compare_widths(header: Sequence[str], line: int, records: Sequence[Record]) -> Widths:
    """Compare the header's number of cells with that of the first rows.

    Raises:
        NotATable: ``header_mismatch``: no row has the header's number of cells, and all have another one.
    """
    whole = named = len(header)
    while named > 1 and not header[named - 1].strip():
        named -= 1
    # A row of one cell may be a footer.
    rows = [one.cells for one in records if one.sound and sum(map(bool, map(str.strip, one.cells))) > 1]
    counts = Counter(map(len, rows))
    if not counts:
        return _of_sparse_rows(named, whole, [one.cells for one in records if one.sound])
    usual, times = max(counts.items(), key=lambda one: (one[1], one[0]))
    if usual > whole:
        surplus = not any(cell.strip() for row in rows if len(row) == usual for cell in row[named:])
        # A header that lost a delimiter ("name,emailphone") is an error of its own.
        surplus = surplus and names_in(header) <= named
        # In a file of one row a delimiter may as well have been doubled within the row.
        if surplus and times * 2 > len(rows) and len(rows) > 1:
            return Widths(named, whole, usual, named)
    fitting = [width for width in counts if named <= width <= whole]
    if fitting:
        usual = max(fitting, key=lambda width: (counts[width], width))
        blank = not any(cell.strip() for row in rows for cell in row[named:])
        return Widths(named, whole, usual, whole if usual == whole and not blank else named)
    if len(counts) > 1:
        return Widths(named, whole, whole, whole)
    if len(rows) > 1 or whole == 1:
        what = (
            "a delimiter or a name is missing in it"
            if whole < usual
            else "it has a name or delimiter too many"
        )
        raise NotATable(
            "header_mismatch",
            f"The header in line {line} has {whole} name{'s' * (whole != 1)}, and every row below it has "
            f"{usual} cells: {what}. Correct the header, or give header_line if it is in another line.",
            line=line,
        )
    return Widths(named, whole, whole, whole)


def _of_sparse_rows(named: int, whole: int, rows: Sequence[Sequence[str]]) -> Widths:
    """Return the widths of a table whose first rows fill in one cell each, or none."""
    blank = not any(cell.strip() for row in rows for cell in row[named:])
    fitting = Counter(len(row) for row in rows if named <= len(row) <= whole)
    usual = max(fitting, key=lambda width: (fitting[width], width)) if fitting else whole
    return Widths(named, whole, usual, named if blank else whole)


def normalize_widths(data: bytes, records: Records, tokenizer: Tokenizer, widths: Widths) -> Records:
    """Return the records with those as rows that differ from the usual width only in empty cells at their end.

    Args:
        data: The text of the block.
        records: The records that were found with the usual number of cells.
        tokenizer: Splits single records into cells.
        widths: The numbers of cells of the header and the first rows.

    Returns:
        The records, every row with the usual number of cells.
    """
    bare: Flags = np.ones(len(records.starts), np.bool_)
    if widths.usual > widths.given:
        bare = _ends_bare(data, records.starts, records.ends, tokenizer, widths.usual - widths.given)
    others: list[tuple[int, ParseResult]] = []
    for start, end in zip(records.starts[~bare].tolist(), records.ends[~bare].tolist(), strict=True):
        cells = tokenizer.split(data[start:end].rstrip(b"\r\n"))
        assert cells is not None, "a plain record is well formed"
        others.append((start, _row(start, end, cells, widths)))
    counted: Flags = np.ones(len(records.miscounted), np.bool_)
    miscounted = zip(records.miscounted.tolist(), records.miscounted_ends.tolist(), strict=True)
    for at, (start, end) in enumerate(miscounted):
        cells = tokenizer.split(data[start:end].rstrip(b"\r\n"))
        if cells is not None and (result := _row(start, end, cells, widths)).rows:
            others.append((start, result))
            counted[at] = False
    for start, result in records.others:
        if len(result.rows) == 1 and widths.usual > widths.given:
            result = _row(result.rows[0][0], result.end, result.rows[0][1], widths)
        elif result.error is not None and result.error.code in ("too_many_cells", "too_few_cells"):
            result = _row(start, result.end, result.error.cells, widths)
        others.append((start, result))
    return records._replace(
        starts=records.starts[bare],
        ends=records.ends[bare],
        miscounted=records.miscounted[counted],
        miscounted_ends=records.miscounted_ends[counted],
        others=sorted(others, key=lambda one: one[0]),
    )


def _ends_bare(data: bytes, starts: Offsets, ends: Offsets, tokenizer: Tokenizer, count: int) -> Flags:
    """Return True for each record that ends with at least ``count`` delimiters."""
    buffer = np.frombuffer(data, np.uint8)
    for mark in b"\n\r":
        ends = ends - ((buffer[ends - 1] == mark) & (ends > starts))
    delimiter = ord(tokenizer.dialect.delimiter)
    bare = ends - starts >= count
    for back in range(1, count + 1):
        bare &= buffer[np.maximum(ends - back, 0)] == delimiter
    return bare


def _row(start: int, end: int, cells: Cells, widths: Widths) -> ParseResult:
    """Return the record as a row of the usual width, or its error.

    If a delimiter was lost or doubled within a row, a cell at its end or among the others is blank. The number of
    cells alone then proves nothing.
    """
    filled = [bool(cell.strip()) for cell in cells]
    named, usual, count = widths.named, widths.usual, len(cells)
    if count == usual:
        good = not any(filled[widths.given :])
    elif named <= count < widths.header or count == named:
        good = filled[named - 1] and not any(filled[named:])
    else:
        good = count == widths.header and not any(filled[named:]) and all(filled[:named])
    if good:
        return ParseResult(end, [(start, [*cells[:usual], *[b""] * (usual - count)])])
    code = "too_few_cells" if count < named else "too_many_cells"
    return ParseResult(end, [], RecordError(code, cells))
