"""Write a file again with some of its records corrected, and everything else as it is."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from contextlib import ExitStack
from typing import BinaryIO, cast

from imports_pipeline.reading.correction_parts import InvalidCorrection
from imports_pipeline.reading.csv.corrections import correct_text
from imports_pipeline.reading.csv.scan import Scan
from imports_pipeline.reading.options import ReadOptions
from imports_pipeline.reading.table import TableReader, open_table
from imports_pipeline.reading.xlsx.corrections import correct_sheet

__all__ = ["InvalidCorrection", "positions_of", "write_corrected"]


def write_corrected(
    source: BinaryIO, options: ReadOptions, rows: Mapping[int, Mapping[str, str]], out: BinaryIO
) -> tuple[TableReader, dict[int, int]]:
    """Write the file with corrected rows.

    A text file keeps every other byte; one that was packed is packed as gzip. A workbook keeps every other cell.

    Args:
        source: the file, seekable.
        options: how to read it.
        rows: the corrected cells by line and header; cells that are not named stay.
        out: where the corrected file is written.

    Returns:
        The table that was read, and by how many lines a corrected record is longer than before, where it is.

    Raises:
        InvalidCorrection: a line or a header is not in the file, or a cell cannot be written there.
        NotATable: the file cannot be read as these options say.
    """
    table = open_table(source, options)
    changes = {line: positions_of(table.header, line, row) for line, row in rows.items()}
    if not isinstance(table.rows, Scan):
        correct_sheet(source, table.rows, changes, out)
        return table, {}
    with ExitStack() as stack:
        if table.detected.compression:
            packed = stack.enter_context(gzip.GzipFile(fileobj=out, mode="wb", mtime=0))
            return table, correct_text(table.rows, len(table.header), changes, cast("BinaryIO", packed))
        return table, correct_text(table.rows, len(table.header), changes, out)


def positions_of(header: tuple[str, ...], line: int, row: Mapping[str, str]) -> dict[int, str]:
    """Return the cells of a row by their position; a column without a name is ``column N``, from 1.

    Raises:
        InvalidCorrection: the file has no such column, or several of this name.
    """
    places: dict[str, list[int]] = {}
    for position, name in enumerate(header):
        places.setdefault(name or f"column {position + 1}", []).append(position)
    cells = {}
    for name, cell in row.items():
        found = places.get(name, [])
        if len(found) != 1:
            what = "no column" if not found else f"{len(found)} columns"
            raise InvalidCorrection(line, f"The file has {what} of the name {name[:100]!r}.", name)
        if "\0" in cell:
            raise InvalidCorrection(line, "The cell holds a NUL character; remove it.", name)
        cells[found[0]] = cell
    return cells
