"""What reading delivers: batches of rows, and the records that are not rows with what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pyarrow as pa


@dataclass(init=False, frozen=True, slots=True)
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

    def __init__(
        self,
        line: int,
        byte_offset: int,
        code: str,
        message: str,
        raw: str,
        cells: tuple[str, ...] = (),
        column: int | None = None,
        value: str = "",
    ) -> None:
        """Set the fields as the generated method would, in a third of its time: there can be millions."""
        _set_line(self, line)
        _set_byte_offset(self, byte_offset)
        _set_code(self, code)
        _set_message(self, message)
        _set_raw(self, raw)
        _set_cells(self, cells)
        _set_column(self, column)
        _set_value(self, value)


_set_line, _set_byte_offset, _set_code, _set_message, _set_raw, _set_cells, _set_column, _set_value = (
    MalformedRecord.__dict__[field.name].__set__ for field in fields(MalformedRecord)
)


@dataclass(frozen=True)
class RowBatch:
    """Some rows in file order, and the malformed records of the same stretch of the file.

    ``cells`` has a string column ``c0``, ``c1``, … for every header position; a cell is its text as written,
    without its quotes, and ``""`` when empty, never null. ``line`` and ``byte_offset`` (int64, as long as
    ``cells``) say where each row starts: the physical line from 1, and the offset in the original file (in
    the unpacked file for gzip and zip; the 0-based row of the sheet for XLSX).
    """

    cells: pa.RecordBatch
    line: pa.Array
    byte_offset: pa.Array
    malformed: tuple[MalformedRecord, ...] = ()
