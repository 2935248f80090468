"""What parsing one record returns: its rows, or the error in it. Shared by parser and record finder."""

from __future__ import annotations

from typing import Final, NamedTuple

Cells = list[bytes]
#: The number of bytes of the cell with the error that are kept as its value.
VALUE_BYTES: Final = 200


class RecordError(NamedTuple):
    """What is wrong with a record.

    Attributes:
        code: One of ``ROW_CODES``.
        cells: The cells that could be told apart.
        column: The number of the cell with the error, from 1.
        value: The beginning of that cell.
        message: The key of a sentence in ``malformed_messages`` that is more precise than the code's own.
    """

    code: str
    cells: Cells
    column: int | None = None
    value: bytes = b""
    message: str = ""


class ParseResult(NamedTuple):
    """What begins at an offset: rows, or an error.

    Attributes:
        end: The offset at which the next record begins; -1 if more of the file must be read to decide.
        rows: The offset and the cells of each row. There are several only at stray line ends.
        error: What is wrong with the record, if it is malformed.
    """

    end: int
    rows: list[tuple[int, Cells]]
    error: RecordError | None = None
