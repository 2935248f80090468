"""Fetches several part files as one upload: the header of the first, and the rows of all.

The parts are copied in chunks, unpacked where they are gzip. Of each only the header record is parsed, by the
dialect of the first, and left out where it is not the first's. ``parts.json`` beside the upload says which of
its lines came from where.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
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
from imports_pipeline.reading.detection.encodings import Coding, coding
from imports_pipeline.reading.options import NotATable, ReadOptions
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits
from imports_pipeline.sources import fetching, globs
from imports_pipeline.sources.fetching import check_size, open_source

# The header of a part must end within this.
_HEAD_BYTES: Final = 2 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
# What the encoding is guessed from, around the first character that is not ASCII.
_SAMPLE_BYTES: Final = 64 * 1024
# Delimiters, quotes and line ends are the same in every 8-bit code page.
_ANY_CODE_PAGE: Final = "latin-1"
_WIDE: Final = re.compile("utf-(16|32)")
_LINE_ENDS: Final = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


@dataclass(frozen=True)
class Part:
    """What the upload has of a part: ``lines`` from ``first_line``, ``bytes``; ``left_out`` lines were above them."""

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
) -> str:
    """Bring the source into the folder as ``upload``, put together if it is in parts; give its SHA-256.

    ``now`` is in epoch seconds, for ``max_age``; ``unpacking`` bounds what a part may unpack to. Raises
    ``PermanentFailure`` as ``sources.fetch``, ``fetch_parts`` and those of ``globs`` do.
    """
    uris = globs.matches(uri) if options.parts else [uri]
    for one in uris:
        globs.check_age(one, options.max_age, now)
    if options.parts:
        return fetch_parts(uris, files, read_options(options, unpacking), limit=limit)
    return fetching.fetch(uri, files, limit=limit)


def fetch_parts(uris: list[str], files: Files, options: ReadOptions, *, limit: int | None = None) -> str:
    """Write the upload and ``parts.json``; give the upload's SHA-256 (hexadecimal).

    Raises ``PermanentFailure`` that names the part, when it is no text table, or another one than the first; and
    with ``sync_limit_exceeded`` when all of them have more than ``limit`` bytes.
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
    """Return what an upload was put together from; nothing when it was one file."""
    if not files.exists(PARTS):
        return []
    with files.open_read(PARTS) as file:
        found: list[dict[str, Any]] = json.load(file)
    return found


class _Joiner:
    """Appends one part after the other to the upload."""

    def __init__(self, upload: BinaryIO, options: ReadOptions, limit: int | None) -> None:
        self._upload, self._options, self._limit = upload, options, limit
        self.digest = hashlib.sha256()
        self._written = 0
        self._lines = _Lines()
        self._codec: Coding | None = None
        self._dialect = Dialect()
        self._header = Header((), 1, 0, 1)
        #: the encoding that the first part with more than ASCII has, and that part
        self._encoding, self._told_by = "", ""
        self._first = ""
        #: the line of the part at hand on which its rows begin
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
        encoding = self._told(head, "")
        self._write(head[begin:])
        for chunk in stream:
            encoding = self._told(chunk, encoding)
            self._write(chunk)
        if encoding:
            self._check_encoding(uri, encoding, self._encoding, self._told_by)
            self._encoding, self._told_by = encoding, uri
        lines = self._lines.count_with_last - first_line + 1
        return Part(uri, first_line, lines, self._written - written, left_out)

    def _unpacked(self, uri: str, source: BinaryIO) -> Iterator[bytes]:
        compression = resolve_compression(source.read(4), self._options.compression)
        source.seek(0)
        if compression == "zip":
            raise PermanentFailure(
                "parts_differ",
                f"{uri} is a zip or XLSX file, which cannot be a part of a file; give CSV files, packed with gzip"
                " or not, or name one file.",
            )
        if compression == "gzip":
            yield from gunzipped(source, self._options.unpacking)
            return
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk

    def _begin(self, uri: str, head: bytes, whole: bool) -> int:
        """Find out what the first part is; it is taken from its first byte on."""
        options = self._options
        sample = non_ascii_sample(io.BytesIO(head), head[: 256 * 1024])
        name = options.encoding or _guess(sample, whole and len(sample) == len(head)) or _ANY_CODE_PAGE
        codec = coding(name, head)
        decoder, body = codec.decoder(), head[codec.signature :]
        text = body if decoder is None else decoder.decode(body, whole).encode()
        try:
            self._dialect, header_line = detect_dialect(text, whole, options)
        except ValueError as error:
            raise PermanentFailure("not_a_table", f"{uri} cannot be read like this: {error}.") from error
        self._header = Scan(io.BytesIO(head), codec, self._dialect, header_line, options).header()
        self._codec, self._first = codec, uri
        self._lines = _Lines(codec)
        return 0

    def _same(self, uri: str, head: bytes) -> int:
        """Check that a later part has the first one's header; give where its rows begin."""
        assert self._codec is not None
        if self._options.encoding is None:
            found = _guess(head[:_SAMPLE_BYTES], whole=False) or _ANY_CODE_PAGE
            if _WIDE.match(found) or self._is_wide:
                self._check_encoding(uri, found, self._codec.name, self._first)
        codec = coding(self._codec.name.removesuffix("-sig"), head)
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

    def _told(self, chunk: bytes, told: str) -> str:
        """Return the encoding of a part once a chunk of it shows it."""
        if told or self._options.encoding is not None or self._is_wide or chunk.isascii():
            return told
        place = re.search(rb"[\x80-\xff]", chunk)
        assert place is not None
        sample = chunk[max(0, place.start() - 1024) :][:_SAMPLE_BYTES]
        # Not from the middle of a line, which may be the middle of a character.
        return _guess(sample[sample.find(b"\n") + 1 :] or sample, whole=False).removesuffix("-sig")

    @property
    def _is_wide(self) -> bool:
        return self._codec is not None and _WIDE.match(self._codec.name) is not None

    def _check_encoding(self, uri: str, encoding: str, other: str, told_by: str) -> None:
        if other and encoding != other:
            raise PermanentFailure(
                "parts_differ",
                f"{uri} is {encoding} and {told_by} is {other}; save all parts in one encoding, or name it by the"
                " option encoding if they are.",
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
    """Counts physical lines as the reader does: LF, CRLF and CR each end one."""

    def __init__(self, codec: Coding | None = None) -> None:
        self.count = 0
        self._decoder = codec.decoder() if codec is not None else None
        self._last = b"\n"

    def add(self, chunk: bytes) -> None:
        text = chunk if self._decoder is None else self._decoder.decode(chunk).encode()
        if not text:
            return
        self.count += text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
        # A CRLF that two chunks share was counted twice.
        self.count -= self._last == b"\r" and text.startswith(b"\n")
        self._last = text[-1:]

    @property
    def ended(self) -> bool:
        """True if the last line has its end."""
        return self._last in (b"\n", b"\r")

    @property
    def count_with_last(self) -> int:
        """How many lines there are, the last one too if it has no end."""
        return self.count + (not self.ended)


def _guess(sample: bytes, whole: bool) -> str:
    """Return the encoding of a part; ``""`` for a code page that only the words of all parts together can show."""
    try:
        return detect_encoding(sample, whole)
    except NotATable as error:
        if error.code != "ambiguous_encoding":
            raise
        return ""


def _shown(cells: tuple[str, ...]) -> str:
    text = ", ".join(cells)
    return repr(text if len(text) <= 200 else f"{text[:200]}…")
