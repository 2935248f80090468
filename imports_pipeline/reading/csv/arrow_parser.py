"""Parses plain records to Arrow columns by ``pyarrow.csv``, and counts the rows to prove that none was lost."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.csv as pc

from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.parse_result import Cells

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# Larger than any block, so that pyarrow parses all records in one piece.
_BLOCK_BYTES: Final = 1 << 30


class ColumnParser:
    """Parses the bytes of well-formed records to a record batch of ``width`` string columns."""

    def __init__(self, dialect: Dialect, width: int) -> None:
        """Prepare pyarrow's options for ``dialect``."""
        self._dialect = dialect
        names = [f"c{number}" for number in range(width)]
        self.schema = pa.schema([(name, pa.string()) for name in names])
        self._reading = pc.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names)
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
            # The caller has already validated the bytes.
            check_utf8=False,
        )
        self._first = dialect.delimiter.encode() * (width - 1) or b"-"

    def parse(self, records: bytes | memoryview, count: int) -> pa.RecordBatch:
        """Return the cells of ``records``, which must be ``count`` well-formed records of the right width.

        Raises:
            ValueError: pyarrow rejects the records or finds another number of them. No shifted or short rows result.
        """
        if not count:
            return pa.RecordBatch.from_pylist([], schema=self.schema)
        marked = bytes(records[:3]) == _BYTE_ORDER_MARK
        if marked:
            # pyarrow would drop U+FEFF at the beginning of the first cell, as a byte-order mark.
            records = self._first + b"\n" + records
        try:
            table = pc.read_csv(
                pa.BufferReader(pa.py_buffer(records)),
                read_options=self._reading,
                parse_options=self._parsing,
                convert_options=self._converting,
            )
        except pa.ArrowInvalid as error:
            raise ValueError(f"pyarrow rejects records that are well formed: {error}") from error
        if marked:
            table = table.slice(1)
        if table.num_rows != count:
            raise ValueError(f"pyarrow read {count} records as {table.num_rows}")
        batches = table.combine_chunks().to_batches()
        return batches[0]

    def write(self, cells: Cells) -> bytes:
        """Return one record as bytes from which ``parse`` reads exactly these cells, whatever they contain."""
        delimiter, quote, escape = (
            character.encode()
            for character in (self._dialect.delimiter, self._dialect.quote, self._dialect.escape)
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
