"""Joins several part files to one upload, with the header of the first part and the rows of all parts.

The parts are copied in chunks, and gzip files are unpacked. Only the header record of each part is parsed, in the
dialect of the first part, and the headers of later parts are left out. The file ``parts.json`` beside the upload says
which of its lines came from which part.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final

from imports_pipeline.import_phases.prevalidation import read_options
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import PARTS, UPLOAD, Files
from imports_pipeline.model.options import Options
from imports_pipeline.reading.archives import gunzipped, resolve_compression
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.scan import Header, Scan
from imports_pipeline.reading.detection.dialect_detection import detect_dialect
from imports_pipeline.reading.detection.encoding_detection import detect_encoding, non_ascii_sample
from imports_pipeline.reading.detection.encodings import Encoding, find_encoding
from imports_pipeline.reading.options import NotATable, ReadOptions
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits
from imports_pipeline.sources import fetching, globs
from imports_pipeline.sources.fetching import check_size, open_source

# The header of a part must end within this many bytes.
_HEAD_BYTES: Final = 2 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
# The number of bytes around the first non-ASCII character from which the encoding is detected.
_SAMPLE_BYTES: Final = 64 * 1024
# Delimiters, quotes and line ends are the same in every 8-bit code page.
_ANY_CODE_PAGE: Final = "latin-1"
_WIDE: Final = re.compile("utf-(16|32)")
_LINE_ENDS: Final = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


@dataclass(frozen=True)
class Part:
    """The share of a part in the upload: ``lines`` lines from line ``first_line``, ``bytes`` bytes.

    ``left_out`` lines at the beginning of the part (its header and preamble) are not in the upload.
    """

    uri: str
    first_line: int
    lines: int
    bytes: int
    left_out: int = 0


def fetch(
    uri: str,
    options: Options,
    files: Files,
    *,
    limit: int | None,
    now: float,
    unpacking: UnpackingLimits = DEFAULT_UNPACKING,
    checkpoint: Callable[[], None] = lambda: None,
) -> str:
    """Copy the source into the folder as ``upload``, join its parts if it has several, and return its SHA-256.

    Args:
        now: epoch seconds, compared with the option ``max_age``.
        unpacking: the limits for the unpacked size of a part.
        checkpoint: called while a single file is copied; it may raise an error.

    Raises:
        PermanentFailure: like ``fetching.fetch``, ``fetch_parts`` and the functions of ``globs``.
    """
    uris = globs.matches(uri) if options.parts else [uri]
    for one in uris:
        globs.check_age(one, options.max_age, now)
    if options.parts:
        return fetch_parts(uris, files, read_options(options, unpacking), limit=limit)
    return fetching.fetch(uri, files, limit=limit, checkpoint=checkpoint)


def fetch_parts(uris: list[str], files: Files, options: ReadOptions, *, limit: int | None = None) -> str:
    """Write the upload and ``parts.json``; return the upload's SHA-256 (hexadecimal).

    Raises ``PermanentFailure`` that names the part if it is not a text table or does not have the first part's header;
    and with the code ``sync_limit_exceeded`` if all parts together have more than ``limit`` bytes.
    """
    parts: list[Part] = []
    with files.open_write(UPLOAD) as upload:
        joiner = _Joiner(upload, options, limit)
        for uri in uris:
            with open_source(uri) as source:
                try:
                    parts.append(joiner.add(uri, source))
                except NotATable as error:
                    raise PermanentFailure(error.code, f"{uri}: {error.reason}") from None
    with files.open_write(PARTS) as file:
        file.write(json.dumps([asdict(part) for part in parts]).encode())
    return joiner.digest.hexdigest()


def parts_of(files: Files) -> list[dict[str, Any]]:
    """Return the parts from which an upload was joined, or an empty list if it was one file."""
    if not files.exists(PARTS):
        return []
    with files.open_read(PARTS) as file:
        found: list[dict[str, Any]] = json.load(file)
    return found


class _Joiner:
    """Appends the parts to the upload, one after the other."""

    def __init__(self, upload: BinaryIO, options: ReadOptions, limit: int | None) -> None:
        self._upload, self._options, self._limit = upload, options, limit
        self.digest = hashlib.sha256()
        self._written = 0
        self._lines = _Lines()
        self._codec: Encoding | None = None
        self._dialect = Dialect()
        self._header = Header((), 1, 0, 1)
        # The encoding of the last part with non-ASCII characters, and the URI of that part.
        self._encoding, self._encoding_uri = "", ""
        self._first = ""
        # The line of the current part on which its rows begin.
        self._rows_line = 1

    def add(self, uri: str, source: BinaryIO) -> Part:
        stream = self._unpacked(uri, source)
        head = b""
        for chunk in stream:
            head += chunk
            if len(head) >= _HEAD_BYTES:
                break
        whole = len(head) < _HEAD_BYTES
        if whole and not head.strip(b"\r\n\t \x00\xef\xbb\xbf\xff\xfe"):
            return Part(uri, self._lines.count + 1, 0, 0)
        first = self._codec is None
        begin = self._begin(uri, head, whole) if first else self._same(uri, head)
        if not first:
            self._end_line()
        first_line, written = self._lines.count + 1, self._written
        left_out = 0 if first else self._rows_line - 1
        encoding = self._encoding_of(head, "")
        self._write(head[begin:])
        for chunk in stream:
            encoding = self._encoding_of(chunk, encoding)
            self._write(chunk)
        if encoding:
            self._check_encoding(uri, encoding, self._encoding, self._encoding_uri)
            self._encoding, self._encoding_uri = encoding, uri
        lines = self._lines.count_with_last - first_line + 1
        return Part(uri, first_line, lines, self._written - written, left_out)

    def _unpacked(self, uri: str, source: BinaryIO) -> Iterator[bytes]:
        compression = resolve_compression(source.read(4), self._options.compression)
        source.seek(0)
        if compression == "zip":
            raise PermanentFailure(
                "parts_differ",
                f"{uri} is a zip or XLSX file, which cannot be a part of a file; give CSV files, with or without"
                " gzip, or one single file.",
            )
        if compression == "gzip":
            yield from gunzipped(source, self._options.unpacking)
            return
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk

    def _begin(self, uri: str, head: bytes, whole: bool) -> int:
        """Detect the encoding, dialect and header of the first part. Return 0: its bytes are copied from the first."""
        options = self._options
        sample = non_ascii_sample(io.BytesIO(head), head[: 256 * 1024])
        name = options.encoding or _guess(sample, whole and len(sample) == len(head)) or _ANY_CODE_PAGE
        codec = find_encoding(name, head)
        decoder, body = codec.decoder(), head[codec.signature :]
        text = body if decoder is None else decoder.decode(body, whole).encode()
        try:
            self._dialect, header_line = detect_dialect(text, whole, options)
        except ValueError as error:
            raise PermanentFailure(
                "not_a_table", f"{uri} cannot be read with these options: {error}."
            ) from error
        self._header = Scan(io.BytesIO(head), codec, self._dialect, header_line, options).header()
        self._codec, self._first = codec, uri
        self._lines = _Lines(codec)
        return 0

    def _same(self, uri: str, head: bytes) -> int:
        """Check that a later part has the header of the first; return the byte offset of its first row."""
        assert self._codec is not None
        if self._options.encoding is None:
            found = _guess(head[:_SAMPLE_BYTES], whole=False) or _ANY_CODE_PAGE
            if _WIDE.match(found) or self._is_wide:
                self._check_encoding(uri, found, self._codec.name, self._first)
        codec = find_encoding(self._codec.name.removesuffix("-sig"), head)
        scan = Scan(io.BytesIO(head), codec, self._dialect, self._header.line, self._options)
        try:
            header = scan.header()
        except NotATable as error:
            raise self._differs(uri, f"it has no header: {error.reason}") from None
        if header.cells != self._header.cells:
            raise self._differs(
                uri, f"its header is {_shown(header.cells)}, not {_shown(self._header.cells)}"
            )
        self._rows_line = header.rows_line
        return header.rows_offset

    def _differs(self, uri: str, what: str) -> PermanentFailure:
        return PermanentFailure(
            "parts_differ",
            f"{uri} cannot be joined with {self._first}: {what}; all parts need the same header and encoding.",
        )

    def _encoding_of(self, chunk: bytes, known: str) -> str:
        """Return the encoding of a part: ``known`` if it is not empty, else what the chunk shows, or ``""``."""
        if known or self._options.encoding is not None or self._is_wide or chunk.isascii():
            return known
        place = re.search(rb"[\x80-\xff]", chunk)
        assert place is not None
        sample = chunk[max(0, place.start() - 1024) :][:_SAMPLE_BYTES]
        # Begin at the start of a line, because the sample may begin in the middle of a character.
        return _guess(sample[sample.find(b"\n") + 1 :] or sample, whole=False).removesuffix("-sig")

    @property
    def _is_wide(self) -> bool:
        return self._codec is not None and _WIDE.match(self._codec.name) is not None

    def _check_encoding(self, uri: str, encoding: str, other: str, other_uri: str) -> None:
        if other and encoding != other:
            raise PermanentFailure(
                "parts_differ",
                f"{uri} is {encoding} and {other_uri} is {other}; save all parts in one encoding. If they already"
                " have one, give it as the option encoding.",
            )

    def _end_line(self) -> None:
        if not self._lines.ended:
            assert self._codec is not None
            self._write(_LINE_ENDS[self._dialect.line_end].encode(self._codec.name.removesuffix("-sig")))

    def _write(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._written += len(chunk)
        check_size(self._limit, self._written)
        self._lines.add(chunk)
        self.digest.update(chunk)
        self._upload.write(chunk)


class _Lines:
    """Counts physical lines like the CSV reader: LF, CRLF and CR each end a line."""

    def __init__(self, codec: Encoding | None = None) -> None:
        self.count = 0
        self._decoder = codec.decoder() if codec is not None else None
        self._last = b"\n"

    def add(self, chunk: bytes) -> None:
        text = chunk if self._decoder is None else self._decoder.decode(chunk).encode()
        if not text:
            return
        self.count += text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
        # A CRLF that is split between two chunks was counted twice.
        self.count -= self._last == b"\r" and text.startswith(b"\n")
        self._last = text[-1:]

    @property
    def ended(self) -> bool:
        """True if the last line has its end."""
        return self._last in (b"\n", b"\r")

    @property
    def count_with_last(self) -> int:
        """The number of lines, including a last line without a line end."""
        return self.count + (not self.ended)


def _guess(sample: bytes, whole: bool) -> str:
    """Return the encoding of a part, or ``""`` for a code page that only the text of all parts together can show."""
    try:
        return detect_encoding(sample, whole)
    except NotATable as error:
        if error.code != "ambiguous_encoding":
            raise
        return ""


def _shown(cells: tuple[str, ...]) -> str:
    text = ", ".join(cells)
    return repr(text if len(text) <= 200 else f"{text[:200]}…")
