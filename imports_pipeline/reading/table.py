"""Opens a file of any supported format as a table: detects its format, reads its header, and yields its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

import pyarrow as pa

from imports_pipeline.reading.archives import (
    check_packed_once,
    open_zip,
    resolve_compression,
    unpack_gzip,
    unpack_zip,
)
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.records.byte_ranges import ByteRange
from imports_pipeline.reading.csv.records.record_filter import RecordFilter
from imports_pipeline.reading.csv.records.record_widths import compare_widths
from imports_pipeline.reading.csv.records.split_points import SplitPoint
from imports_pipeline.reading.csv.scan import Header, Scan
from imports_pipeline.reading.detection import other_formats, separator_line
from imports_pipeline.reading.detection.dialect_detection import detect_dialect
from imports_pipeline.reading.detection.encoding_detection import detect_encoding, non_ascii_sample
from imports_pipeline.reading.detection.encodings import find_encoding
from imports_pipeline.reading.detection.header_names import is_name, is_two_names
from imports_pipeline.reading.detection.sample import SAMPLE_BYTES, Record, begin_of, first_records
from imports_pipeline.reading.detection.single_column import refuse_undelimited
from imports_pipeline.reading.footers import Footer, find_footer
from imports_pipeline.reading.options import Detected, NotATable, ReadOptions
from imports_pipeline.reading.passed_over import PassedOverFilter
from imports_pipeline.reading.records import RowBatch
from imports_pipeline.reading.xlsx.measuring import measure
from imports_pipeline.reading.xlsx.sheet_reader import SpreadsheetReader, is_spreadsheet

# How many bytes at the beginning of a file format, encoding and dialect are detected from.
_HEAD_BYTES: Final = 256 * 1024

# How many rows show what the columns hold.
SAMPLE_ROWS: Final = 1_000


class TableReader:
    """A file that is a table. It holds no rows: each call of ``batches`` reads from the top.

    ``rows`` reads the records as they are in the file, also those that are no rows of the table.
    """

    def __init__(
        self,
        rows: Scan | SpreadsheetReader,
        detected: Detected,
        header: tuple[str, ...],
        ends: Footer | None = None,
    ) -> None:
        """Keep the detected properties and the footer. Use ``open_table`` to create a reader."""
        self.rows = rows
        self._passed_over = PassedOverFilter(header, detected.delimiter, detected.quote, ends)
        self.detected = detected
        self.header = header
        self.header_line = detected.header_line

    def batches(self) -> Iterator[RowBatch]:
        """Yield all rows and malformed records in file order, and list the records that are passed over.

        Raises:
            NotATable: another table begins in the file.
        """
        return self._passed_over.filter(self.rows.batches())

    def sample(self) -> pa.RecordBatch | None:
        """Return the cells of some of the first rows, or ``None`` if no row can be read.

        Raises:
            NotATable: another table begins among them.
        """
        batch = self.rows.sample()
        if batch is None:
            return None
        (rows,) = self._passed_over.filter([batch])
        return rows.cells.slice(0, SAMPLE_ROWS) if rows.cells.num_rows else None

    @property
    def text_format(self) -> str | None:
        """How bytes become cells, for comparison with another file; None for a spreadsheet."""
        if not isinstance(self.rows, Scan):
            return None
        return repr((self.rows.encoding.name, self.rows.dialect, self.rows.widths, self.header))

    def leave_out(self, record_filter: RecordFilter | None) -> None:
        """Let a filter decide which plain records ``batches`` reads. The file must be text."""
        assert isinstance(self.rows, Scan), "a spreadsheet has no records"
        self.rows.record_filter = record_filter
        if record_filter is not None:
            self._passed_over.doubtful.clear()

    @property
    def doubtful(self) -> bool:
        """True if ``batches`` has found a record whose meaning depends on the line above it, with the last filter."""
        return bool(self._passed_over.doubtful)

    @property
    def footer_begin(self) -> int | None:
        """The offset at which the footer begins, if there is one."""
        ends = self._passed_over.ends
        return None if ends is None else ends.begin

    @property
    def in_one_piece(self) -> bool:
        """True if the file can only be read from its beginning: a spreadsheet, or a packed file."""
        return not isinstance(self.rows, Scan) or bool(self.detected.compression)

    def split_points(self, part_bytes: int) -> list[SplitPoint]:
        """Return where parts of about ``part_bytes`` begin: guesses, except the first. Empty if ``in_one_piece``."""
        if not isinstance(self.rows, Scan) or self.in_one_piece:
            return []
        return list(self.rows.split_points(part_bytes))

    def byte_range(self, begin: SplitPoint, end: int | None) -> ByteRange:
        """Return the records from ``begin``, at which a record must begin, to the last one that begins before ``end``.

        Raises ``ValueError`` for a file without split points.
        """
        if not isinstance(self.rows, Scan):
            raise ValueError("a spreadsheet cannot be read in byte ranges")
        return self.rows.byte_range(begin, end).through(self._passed_over.filter)


def open_table(source: BinaryIO, options: ReadOptions | None = None, *, name: str = "") -> TableReader:
    """Detect the format of a file and return a reader for it.

    Args:
        source: A seekable binary file.
        options: How to read it; what they leave open is detected.
        name: The file's name, for messages.

    Raises:
        NotATable: the file is empty, binary, in no known encoding, without a header, or an archive that is not safe to
            unpack.
    """
    options = options or ReadOptions()
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    passed_over: tuple[str, ...] = ()
    compression = resolve_compression(head, options.compression)
    if compression == "gzip":
        source = unpack_gzip(source, options.unpacking)
    elif compression == "zip":
        archive = open_zip(source)
        if is_spreadsheet(archive) and options.compression != "zip":
            measure(archive, source.seek(0, 2), options.unpacking)
            reader = SpreadsheetReader(source, archive, options)
            return TableReader(reader, reader.detected, reader.header)
        if options.compression == "none":
            compression = ""
        else:
            source, passed_over = unpack_zip(archive, options.unpacking)
    if compression:
        head = source.read(_HEAD_BYTES)
        check_packed_once(head, compression)
    if not head:
        what = f"The file {name}".rstrip() if not compression else f"The {compression} file"
        raise NotATable("empty_file", f"{what} holds nothing: upload a file with a header and rows.")
    return _open_text(source, head, compression, options, passed_over)


def _open_text(
    source: BinaryIO, head: bytes, compression: str, options: ReadOptions, passed_over: tuple[str, ...]
) -> TableReader:
    whole = len(head) < _HEAD_BYTES
    encoding = options.encoding
    if encoding is None:
        sample = non_ascii_sample(source, head)
        encoding = detect_encoding(
            sample, whole and len(sample) == len(head), source, at_start=sample is head
        )
    codec = find_encoding(encoding, head)
    body, decoder = head[codec.signature :], codec.decoder()
    text = body if decoder is None else decoder.decode(body, whole).encode()
    if not text.strip(b"\r\n\t \x1a"):
        raise NotATable("empty_file", "The file holds only blank lines: upload one with a header and rows.")
    if options.header_line is None:
        begin = text.decode(errors="replace")
        other_formats.check_text(begin)
        if options.delimiter is None:
            separator_line.check(begin)
    try:
        dialect, header_line = detect_dialect(text, whole, options)
    except ValueError as error:
        raise NotATable("not_a_table", f"The file cannot be read like this: {error}.") from error
    scan = Scan(source, codec, dialect, header_line, options)
    header = scan.header()
    _refuse_quotes(header)
    below = _rows_below(text, header, dialect, whole)
    if options.delimiter is None:
        quoted = bool(dialect.quote) and text.startswith(dialect.quote.encode(), begin_of(text, header.line))
        refuse_undelimited(header.cells, header.line, quoted, dialect, below)
    widths = compare_widths(header.cells, header.line, below)
    scan.set_widths(widths)
    detected = Detected(
        encoding=codec.name,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        header_line=header.line,
        line_end=dialect.line_end,
        compression=compression,
        passed_over_files=passed_over,
    )
    ends = find_footer(source, codec, dialect, header.cells, header.rows_offset)
    return TableReader(scan, detected, header.cells[: widths.given], ends)


def _refuse_quotes(header: Header) -> None:
    """Raise ``NotATable`` for a name that is a field's only without its quotes, because its column would be ignored."""
    for cell in header.cells:
        bare = cell.replace('"', "").replace("'", "").strip()
        if bare != cell.strip() and (is_name(bare) or is_two_names(bare)) and not is_name(cell):
            raise NotATable(
                "no_header",
                f"Line {header.line} cannot be the header: there is a quote in the name {cell.strip()!r}. Remove it, "
                "and put a delimiter between two names.",
                line=header.line,
            )


def _rows_below(text: bytes, header: Header, dialect: Dialect, whole: bool) -> list[Record]:
    begin = begin_of(text, header.rows_line)
    sample = text[begin : begin + SAMPLE_BYTES]
    return first_records(sample, not whole or len(sample) == SAMPLE_BYTES, dialect)


__all__ = ["TableReader", "open_table"]
