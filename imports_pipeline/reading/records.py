"""The results of reading: batches of rows, and malformed records with their errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import Final, overload

import pyarrow as pa

#: The columns of ``MalformedRecords``; ``MalformedRecord`` explains them.
MALFORMED: Final = pa.schema(
    [
        ("line", pa.int64()),
        ("byte_offset", pa.int64()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("raw", pa.string()),
        ("cells", pa.list_(pa.string())),
        ("column", pa.int64()),
        ("value", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class MalformedRecord:
    r"""A record that cannot be a row. Every such record is reported exactly once.

    Attributes:
        line: The physical line at which it starts, from 1.
        byte_offset: The offset in the original file at which it starts.
        code: One of ``ROW_CODES``.
        message: One sentence that says what is wrong and what to do.
        raw: Its text without the line end. Bytes that are not text in the file's encoding are written as ``\xNN``.
            Only the beginning is kept of a record over the size limit.
        cells: Its cells, if they can be distinguished; empty if quotes are misplaced.
        column: The number of the cell with the error, from 1, if it is one cell.
        value: The text of that cell.
    """

    line: int
    byte_offset: int
    code: str
    message: str
    raw: str
    cells: tuple[str, ...] = ()
    column: int | None = None
    value: str = ""


class MalformedRecords(Sequence[MalformedRecord]):
    """Malformed records in file order, in columns (``table``, of schema ``MALFORMED``): there can be millions."""

    __slots__ = ("table",)

    def __init__(self, table: pa.RecordBatch) -> None:
        """Keep the columns."""
        self.table = table

    @classmethod
    def of(cls, records: Iterable[MalformedRecord]) -> MalformedRecords:
        """Return these records in columns."""
        columns = list(zip(*map(astuple, records), strict=True)) or [()] * len(MALFORMED)
        arrays = [pa.array(one, kind.type) for one, kind in zip(columns, MALFORMED, strict=True)]
        return cls(pa.record_batch(arrays, schema=MALFORMED))

    def __len__(self) -> int:
        return self.table.num_rows

    @overload
    def __getitem__(self, at: int) -> MalformedRecord: ...
    @overload
    def __getitem__(self, at: slice) -> MalformedRecords: ...
    def __getitem__(self, at: int | slice) -> MalformedRecord | MalformedRecords:
        if isinstance(at, slice):
            begin, end, step = at.indices(len(self))
            if step != 1:
                raise ValueError("malformed records keep file order; use a slice without a step")
            return MalformedRecords(self.table.slice(begin, max(0, end - begin)))
        at = range(len(self))[at]
        return next(iter(self[at : at + 1]))

    def __iter__(self) -> Iterator[MalformedRecord]:
        for row in zip(*(column.to_pylist() for column in self.table.columns), strict=True):
            line, byte_offset, code, message, raw, cells, column, value = row
            yield MalformedRecord(line, byte_offset, code, message, raw, tuple(cells), column, value)


NONE_MALFORMED: Final = MalformedRecords.of(())


@dataclass(frozen=True)
class PassedOver:
    """Lines of a file that are not rows: ``line`` to ``last_line``, the text (``what``) and the reason (``why``)."""

    line: int
    last_line: int
    what: str
    why: str


@dataclass(frozen=True)
class RowBatch:
    """Some rows in file order, and the malformed records of the same part of the file.

    Attributes:
        cells: A string column ``c0``, ``c1``, … for every cell of the header. A cell is its text as written, without
            its quotes; an empty cell is ``""``, never null.
        line: The physical line at which each row starts, from 1 (int64).
        byte_offset: The offset in the original file at which each row starts (int64). It counts in the unpacked file
            for gzip and zip, and is the 0-based row of the sheet for XLSX.
        malformed: The malformed records.
        passed_over: Records that are neither rows nor errors.
    """

    cells: pa.RecordBatch
    line: pa.Array
    byte_offset: pa.Array
    malformed: MalformedRecords = field(default=NONE_MALFORMED)
    passed_over: tuple[PassedOver, ...] = ()
