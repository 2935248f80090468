"""How to read a file (``ReadOptions``), what was detected (``Detected``), and the refusal of a file (``NotATable``)."""

from __future__ import annotations

from dataclasses import dataclass

from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file. A value that is given is used as it is; ``None`` means that it is detected.

    Attributes:
        encoding: A name that Python's codecs know.
        delimiter: The character between cells.
        quote: The quote character; ``""`` for a file without quoting.
        escape: The character that escapes a quote; ``""`` if quotes are doubled.
        line_end: ``lf``, ``crlf`` or ``cr``.
        header_line: A physical line, from 1.
        sheet: The sheet of a workbook.
        compression: ``none`` (also for a workbook, although it is a zip file), ``gzip`` or ``zip``.
        max_record_bytes: The size limit of one record, counted as UTF-8.
        unpacking: The size limits of the unpacked content of a gzip, zip or XLSX file.
        batch_rows: The approximate number of rows in a batch.
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
    """The properties of a file, as detected or as given in ``ReadOptions``.

    Attributes:
        encoding: A name that Python's codecs know; ``utf-8-sig`` for UTF-8 with a byte-order mark.
        delimiter: The character between cells; empty for XLSX.
        quote: The quote character; empty for XLSX and for files without quoting.
        escape: ``""`` (quotes are doubled) or a backslash.
        header_line: The physical line of the header, from 1.
        line_end: That of most lines: ``lf``, ``crlf`` or ``cr``; empty for XLSX.
        compression: ``""``, ``gzip`` or ``zip``.
        sheet: The sheet that was read; XLSX only.
        passed_over_files: Other files in a zip, which operating systems add to a folder.
        other_sheets: The sheets that were not read, with their state, such as ``Old (hidden)``.
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

    ``line`` (from 1, or 0 if there is none) and ``byte_offset`` are the place at which reading stopped.
    """

    def __init__(self, code: str, reason: str, *, line: int = 0, byte_offset: int = 0) -> None:
        """Keep the stable code, the sentence for the user and the place. Raises ``ValueError`` for an unknown code."""
        if code not in IMPORT_CODES:
            raise ValueError(f"{code!r} is not a code of an import")
        super().__init__(code, reason)
        self.line = line
        self.byte_offset = byte_offset
