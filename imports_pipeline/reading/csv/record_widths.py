"""Headers and rows whose numbers of cells differ by cells that are empty in every row, and headers that are wrong.

Many programs end each row, or the header, with a delimiter too many. Nothing is lost when cells without a name
that are empty are left out. Where no row has the header's number of cells and all rows agree with each other, the
header is what is wrong, and the file is refused once, instead of every row of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imports_pipeline.reading.csv.parse_result import Cells, ParseResult, RecordError
from imports_pipeline.reading.csv.record_finder import Records
from imports_pipeline.reading.csv.structural_index import Flags, Offsets
from imports_pipeline.reading.csv.tokenizer import Tokenizer
from imports_pipeline.reading.detection.header_names import names_in
from imports_pipeline.reading.detection.sample import Record
from imports_pipeline.reading.options import NotATable


class Widths(NamedTuple):
    """Numbers of cells: of the header without (``named``) and with the blank names at its end, and of most rows.

    ``given`` is how many columns the table has: blank names at its end are none where the first rows are blank
    there.
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
        return Widths(named, whole, whole, whole)
    usual, times = max(counts.items(), key=lambda one: (one[1], one[0]))
    if usual > whole:
        surplus = not any(cell.strip() for row in rows if len(row) == usual for cell in row[named:])
        # A header whose delimiter was lost is another thing: "name,emailphone".
        surplus = surplus and names_in(header) <= named
        if surplus and times * 2 > len(rows) and (len(rows) > 1 or all(map(str.strip, rows[0][:named]))):
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


def normalize_widths(data: bytes, records: Records, tokenizer: Tokenizer, widths: Widths) -> Records:
    """Make rows of records that only have other numbers of empty cells at their end than most, and of no others.

    Args:
        data: The block that the records are in.
        records: What was found by a ``tokenizer`` of the usual number of cells.
        tokenizer: Reads the cells of single records.
        widths: What the header and the first rows have.

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
    """Return which records end with so many delimiters."""
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

    A delimiter that was lost or doubled within a row leaves a blank cell at its end, or among the others: then
    the number of cells alone proves nothing.
    """
    filled = [bool(cell.strip()) for cell in cells]
    named, usual, count = widths.named, widths.usual, len(cells)
    if count == usual:
        good = not any(filled[widths.given :])
    elif count == named:
        good = filled[-1]
    else:
        good = count == widths.header and not any(filled[named:]) and all(filled[:named])
    if good:
        return ParseResult(end, [(start, [*cells[:usual], *[b""] * (usual - count)])])
    code = "too_few_cells" if count < named else "too_many_cells"
    return ParseResult(end, [], RecordError(code, cells))
