"""Opens a file of any supported kind as a table: what it is, its header, and its rows as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from imports_pipeline.reading.detection import guess_dialect, guess_encoding
from imports_pipeline.reading.dialects import Dialect
from imports_pipeline.reading.encodings import coding
from imports_pipeline.reading.options import Detected, NotATable, ReadOptions
from imports_pipeline.reading.records import RowBatch
from imports_pipeline.reading.scan import Scan

#: How much of a file is looked at to find out what it is.
SAMPLE_BYTES: Final = 256 * 1024


class TableReader:
    """A file that was found to be a table. Holds no rows; each ``batches()`` reads from the top."""

    def __init__(self, scan: Scan, detected: Detected) -> None:
        """Read the header. Raises ``NotATable`` if there is none."""
        self._scan = scan
        self.detected = detected
        self.header, self.header_line = scan.header()

    def batches(self) -> Iterator[RowBatch]:
        """Read all rows and malformed records, in file order."""
        return self._scan.batches()


def open_table(source: BinaryIO, options: ReadOptions | None = None, *, name: str = "") -> TableReader:
    """Find out what ``source``, a seekable binary file, is, and open it; ``name`` only helps messages.

    Raises ``NotATable`` if it is no table: empty, binary, in no known encoding, without a header, or an
    archive that is not safe to unpack.
    """
    options = options or ReadOptions()
    source.seek(0)
    head = source.read(SAMPLE_BYTES)
    if not head:
        raise NotATable("empty_file", "The file holds nothing: upload a file with a header and rows.")
    return _open_text(source, head, options)


def _open_text(source: BinaryIO, head: bytes, options: ReadOptions) -> TableReader:
    whole = len(head) < SAMPLE_BYTES
    codec = coding(options.encoding or guess_encoding(head, whole), head)
    decoder = codec.decoder()
    body = head[codec.signature :]
    text = body.decode("utf-8", "replace") if decoder is None else decoder.decode(body, whole)
    dialect, header_line = guess_dialect(text, options)
    scan = Scan(source, codec, dialect, header_line, options)
    detected = Detected(
        encoding=codec.name,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        header_line=header_line,
        line_end=dialect.line_end,
    )
    return TableReader(scan, detected)


__all__ = ["Dialect", "TableReader", "open_table"]
