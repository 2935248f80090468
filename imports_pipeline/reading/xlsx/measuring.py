"""Measures a workbook before it is loaded, because its reader holds a whole sheet in memory.

Every part is unpacked once, in pieces that are not kept. Sizes and numbers of rows are measured: the sizes that the
archive states are used only to refuse a workbook early.
"""

from __future__ import annotations

import copy
import re
import zipfile
from typing import Final

from imports_pipeline.reading.archives import chunks, too_large
from imports_pipeline.reading.options import NotATable
from imports_pipeline.reading.unpacking import UnpackingLimits

#: The largest number of rows of a sheet in Excel since 2007.
MOST_ROWS: Final = 1_048_576
_ROW: Final = re.compile(rb"<(?:\w+:)?row[\s/>]")
# A tag that begins within this many bytes of the end of a piece is examined together with the next piece.
_TAG_BYTES: Final = 64


def measure(archive: zipfile.ZipFile, packed: int, unpacking: UnpackingLimits) -> None:
    """Check that a workbook of ``packed`` bytes is small enough to be loaded.

    Raises:
        NotATable: it unpacks to more bytes than it may, a sheet has more rows than a sheet can have, or a part has
            another size than the archive states (the reader of workbooks would unpack that to its end).
    """
    limit = unpacking.limit(packed, xml=True)
    if sum(entry.file_size for entry in archive.infolist()) > limit:
        raise too_large("XLSX", limit, unpacking)
    left = limit
    for entry in archive.infolist():
        if entry.flag_bits & 1:
            continue  # refused, with its own reason, when the workbook is opened
        left -= _unpacked(archive, entry, left, limit, unpacking)


def _unpacked(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, limit: int, unpacking: UnpackingLimits
) -> int:
    """Return the number of bytes of a part, by unpacking it."""
    to_its_end = copy.copy(entry)
    to_its_end.file_size = left + 1
    del to_its_end.CRC  # checked when the part is read by the reader
    is_sheet = entry.filename.startswith("xl/worksheets/")
    size = rows = 0
    tail = b""
    try:
        with archive.open(to_its_end) as part:
            for chunk in chunks(part, left + 1, "XLSX", unpacking):
                size += len(chunk)
                if size > left:
                    raise too_large("XLSX", limit, unpacking)
                if is_sheet:
                    # Without its NULs, UTF-16 text of ASCII letters is ASCII.
                    piece = tail + chunk.replace(b"\0", b"")
                    begun = piece.rfind(b"<")
                    cut = begun if begun >= len(piece) - _TAG_BYTES else len(piece)
                    rows += len(_ROW.findall(piece, 0, cut))
                    tail = piece[max(cut, 0) :]
                    _check_rows(rows)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise _damaged(str(error)) from error
    if size != entry.file_size:
        raise _damaged(f"{entry.filename[:100]!r} has {size:,} bytes and {entry.file_size:,} are stated")
    return size


def _check_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise NotATable(
            "too_many_rows",
            f"A sheet has more than the {MOST_ROWS:,} rows that a sheet can have: send the rows as a CSV file.",
        )


def _damaged(what: str) -> NotATable:
    return NotATable("not_a_table", f"The workbook is damaged ({what}): save it again as XLSX or CSV.")
