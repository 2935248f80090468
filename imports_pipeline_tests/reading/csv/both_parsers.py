"""A CSV text read in two ways: record by record with the reference parser, and as every import reads it.

Both must have the same result.
"""

from __future__ import annotations

import io
import re

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.records.record_filter import RecordFilter
from imports_pipeline.reading.csv.reference_parser import ReferenceParser
from imports_pipeline.reading.csv.scan import Scan
from imports_pipeline.reading.detection.encodings import find_encoding
from imports_pipeline.reading.options import ReadOptions

#: What ends a physical line. In a file of CR lines, an LF right after one begins the next line's record.
LINE_END = {False: re.compile(rb"\r\n|\r|\n"), True: re.compile(rb"\r|(?<!\r)\n")}


def by_reference_parser(data: bytes, dialect: Dialect, width: int, limit: int) -> tuple[list, list]:
    """Return rows and malformed records of UTF-8 text that begins with a header.

    Returns:
        Rows as (line, offset, cells), malformed records as (line, offset, code, column, cells).
    """
    reader = ReferenceParser(dialect, width, limit)
    ends = [match.end() for match in LINE_END[dialect.line_end == "cr"].finditer(data)]
    undecodable = find_encoding("utf-8", b"").undecodable(data, len(data)).tolist()

    def line(at: int) -> int:
        return 1 + sum(end <= at for end in ends)

    at = ReferenceParser(dialect, 0, limit).read(data, 0, True, undecodable).end
    rows, faults = [], []
    while at < len(data):
        result = reader.read(data, at, True, undecodable)
        assert result.end > at, "every result moves on"
        for start, cells in result.rows:
            if cells != [b""] or data[start : start + 1] not in (b"\r", b"\n"):
                rows.append((line(start), start, [cell.decode() for cell in cells]))
        blank = data[at : result.end].strip(b"\r\n") == b""
        if result.error is not None and not blank:
            cells = [cell.decode("utf-8", "backslashreplace") for cell in result.error.cells]
            faults.append((line(at), at, result.error.code, result.error.column, cells))
        at = result.end
    return rows, faults


def by_scan(
    data: bytes,
    dialect: Dialect,
    block_bytes: int,
    limit: int,
    record_filter: RecordFilter | None = None,
    **options,
) -> tuple[list, list, tuple]:
    """Return rows, malformed records and header, read with ``Scan`` in blocks of ``block_bytes``."""
    codec = find_encoding(options.pop("encoding", "utf-8"), data)
    scan = Scan(io.BytesIO(data), codec, dialect, 1, ReadOptions(max_record_bytes=limit, **options))
    scan.block_bytes, scan.record_filter = block_bytes, record_filter
    header = scan.header()
    rows, malformed = [], []
    for batch in scan.batches():
        columns = [column.to_pylist() for column in batch.cells.columns]
        assert all(None not in column for column in columns)
        cells = [list(row) for row in zip(*columns, strict=True)]
        rows += list(zip(batch.line.to_pylist(), batch.byte_offset.to_pylist(), cells, strict=True))
        malformed += batch.malformed
    return rows, malformed, header.cells
