"""What reading delivers: batches of rows, and the records that are not rows with what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import Final, overload

import pyarrow as pa

#: The columns of ``MalformedRecords``; the meanings are those of ``MalformedRecord``.
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
    r"""A record that cannot be a row, exactly once, where it stands.

    ``line`` is the physical line (from 1) and ``byte_offset`` the offset in the original file at which it
    starts. ``code`` is one of ``ROW_CODES``. ``raw`` is the record's text without its line end; bytes that
    are no text in the file's encoding show as ``\xNN``, and of a record over the size limit only the
    beginning is kept. ``cells`` are the cells as far as they can be told apart (none where the quotes went
    wrong). ``column`` (from 1) and ``value`` name the cell to blame, where it is one.
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
    """Malformed records in file order, in columns (``table``, of ``MALFORMED``): there can be millions."""

    __slots__ = ("table",)

    def __init__(self, table: pa.RecordBatch) -> None:
        """Keep the columns."""
        self.table = table

    @classmethod
    def of(cls, records: Iterable[MalformedRecord]) -> MalformedRecords:
        """Put records into columns."""
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
                raise ValueError("malformed records are given in file order; take a plain slice")
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
    """Lines of a file, ``line`` to ``last_line``, that are no rows: ``what`` stands there, and ``why`` it is none."""

    line: int
    last_line: int
    what: str
    why: str


@dataclass(frozen=True)
class RowBatch:
    """Some rows in file order, and the malformed records of the same stretch of the file.

    ``cells`` has a string column ``c0``, ``c1``, … for every header position; a cell is its text as written,
    without its quotes, and ``""`` when empty, never null. ``line`` and ``byte_offset`` (int64, as long as
    ``cells``) say where each row starts: the physical line from 1, and the offset in the original file (in
    the unpacked file for gzip and zip; the 0-based row of the sheet for XLSX). ``passed_over`` are records that are
    no rows and no errors.
    """

    cells: pa.RecordBatch
    line: pa.Array
    byte_offset: pa.Array
    malformed: MalformedRecords = field(default=NONE_MALFORMED)
    passed_over: tuple[PassedOver, ...] = ()
