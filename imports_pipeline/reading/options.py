"""What a caller may fix about a file, what was found out about it, and the refusal of a file that is no table."""

from __future__ import annotations

from dataclasses import dataclass

from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file. Whatever is given is taken as it is and not guessed; ``None`` means: find out.

    ``quote=""`` says that the file has no quoting at all, ``escape=""`` that nothing escapes a quote;
    ``line_end`` is ``lf``, ``crlf`` or ``cr``. ``header_line`` is a physical line, from 1. ``compression`` is
    ``none`` (a workbook is, though it is a zip file), ``gzip`` or ``zip``.
    ``max_record_bytes`` bounds one record, counted as UTF-8; ``unpacking`` bounds what a gzip, zip or XLSX
    file may unpack to. ``batch_rows`` is about how many rows come at a time.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    line_end: str | None = None
    header_line: int | None = None
    sheet: str | None = None
    compression: str | None = None
    max_record_bytes: int = 1_048_576
    unpacking: UnpackingLimits = DEFAULT_UNPACKING
    batch_rows: int = 50_000


@dataclass(frozen=True)
class Detected:
    """What the file was found, or told, to be.

    ``encoding`` is a name Python's codecs know; a UTF-8 file with a byte-order mark is ``utf-8-sig``.
    ``escape`` is ``""`` (quotes are doubled) or a backslash. ``line_end`` is ``lf``, ``crlf`` or ``cr``: the
    one most lines have. ``compression`` is ``""``, ``gzip`` or ``zip``. ``sheet`` is set for XLSX only, where
    ``delimiter``, ``quote`` and ``line_end`` are empty; ``other_sheets`` are those that were not read, with their
    state: ``Old (hidden)``. ``passed_over_files`` names what a zip holds beside the file that was read: what an
    operating system adds to a folder.
    """

    encoding: str
    delimiter: str
    quote: str
    escape: str = ""
    header_line: int = 1
    line_end: str = "lf"
    compression: str = ""
    sheet: str = ""
    passed_over_files: tuple[str, ...] = ()
    other_sheets: tuple[str, ...] = ()


class NotATable(PermanentFailure):
    """The file as a whole cannot be read; ``code`` is one of ``IMPORT_CODES``.

    ``line`` (from 1, 0 where there is none) and ``byte_offset`` say where reading had to stop.
    """

    def __init__(self, code: str, reason: str, *, line: int = 0, byte_offset: int = 0) -> None:
        """Keep the stable ``code``, the sentence for the user and the place."""
        if code not in IMPORT_CODES:
            raise ValueError(f"{code!r} is no code of an import")
        super().__init__(code, reason)
        self.line = line
        self.byte_offset = byte_offset
