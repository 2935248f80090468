"""Plain records to Arrow columns, by ``pyarrow.csv``, and a count that proves nothing was lost on the way."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.csv as pc

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.parse_result import Cells

_MARK: Final = b"\xef\xbb\xbf"
_WHOLE: Final = 1 << 30


class ColumnParser:
    """Turns the bytes of well-formed records into a record batch of ``width`` string columns."""

    def __init__(self, dialect: Dialect, width: int) -> None:
        """Prepare pyarrow's options."""
        self._dialect = dialect
        names = [f"c{number}" for number in range(width)]
        self.schema = pa.schema([(name, pa.string()) for name in names])
        self._reading = pc.ReadOptions(use_threads=False, block_size=_WHOLE, column_names=names)
        self._parsing = pc.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            double_quote=bool(dialect.quote),
            escape_char=dialect.escape or False,
            newlines_in_values=bool(dialect.quote),
            ignore_empty_lines=False,
        )
        self._converting = pc.ConvertOptions(
            column_types=self.schema,
            strings_can_be_null=False,
            # The bytes were checked before they came here.
            check_utf8=False,
        )
        self._first = dialect.delimiter.encode() * (width - 1) or b"-"

    def parse(self, records: bytes | memoryview, count: int) -> pa.RecordBatch:
        """Read ``records``, which hold exactly ``count`` well-formed records of the right width.

        Raises ``ValueError`` if pyarrow sees it differently: never rows that are shifted or short.
        """
        if not count:
            return pa.RecordBatch.from_pylist([], schema=self.schema)
        marked = bytes(records[:3]) == _MARK
        if marked:
            # pyarrow would take a cell that begins with U+FEFF for a byte-order mark and drop it.
            records = self._first + b"\n" + records
        try:
            table = pc.read_csv(
                pa.BufferReader(pa.py_buffer(records)),
                read_options=self._reading,
                parse_options=self._parsing,
                convert_options=self._converting,
            )
        except pa.ArrowInvalid as error:
            raise ValueError(f"records that are well formed were not read as such: {error}") from error
        if marked:
            table = table.slice(1)
        if table.num_rows != count:
            raise ValueError(f"{count} records were read as {table.num_rows}")
        batches = table.combine_chunks().to_batches()
        return batches[0]

    def write(self, cells: Cells) -> bytes:
        """Write one record so that ``parse`` reads exactly these cells, whatever they hold."""
        delimiter, quote, escape = (
            mark.encode() for mark in (self._dialect.delimiter, self._dialect.quote, self._dialect.escape)
        )
        if quote:
            if escape:
                cells = [cell.replace(escape, escape * 2) for cell in cells]
            return delimiter.join(quote + cell.replace(quote, quote * 2) + quote for cell in cells) + b"\n"
        if escape:
            cells = [
                cell.replace(escape, escape * 2).replace(delimiter, escape + delimiter) for cell in cells
            ]
        return delimiter.join(cells) + b"\n"
