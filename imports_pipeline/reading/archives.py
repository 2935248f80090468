"""gzip and zip: unpacks the file inside to a temporary file, and refuses archives that are not safe to unpack.

A large file is never unpacked to memory: only a small temporary file stays there. The size limit applies to the bytes
that come out, not to the size that the archive declares.
"""

from __future__ import annotations

import gzip
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final, cast

from imports_pipeline.reading.detection import other_formats
from imports_pipeline.reading.options import NotATable
from imports_pipeline.reading.unpacking import DEFAULT_UNPACKING, UnpackingLimits

GZIP_SIGNATURE: Final = b"\x1f\x8b"
ZIP_SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# A smaller unpacked file stays in memory.
_SPOOL_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
# A longer list of contents is not that of one file, and reading it would take memory.
_DIRECTORY_BYTES: Final = 8 * 1024 * 1024
# Files that macOS, Windows and the file managers of Linux add to a folder.
_ADDED: Final = re.compile(
    r"(?:^|/)(?:__MACOSX/|(?:\.DS_Store|\._[^/]*|\.localized|Icon\r|Thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory"
    r"|\.Spotlight-V100|\.Trashes|\.fseventsd)(?:$|/))",
    re.IGNORECASE,
)
# The number of files in a zip that an error names.
_NAMED: Final = 5
_DAMAGED: Final = (zlib.error, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, struct.error)


def compression_of(head: bytes) -> str:
    """Return ``gzip``, ``zip`` (also for XLSX) or ``""``, by the first bytes of a file."""
    if head.startswith(GZIP_SIGNATURE):
        return "gzip"
    return "zip" if head.startswith(ZIP_SIGNATURES) else ""


def resolve_compression(head: bytes, stated: str | None) -> str:
    """Return how a file is packed: ``gzip``, ``zip`` or ``""``.

    A zip file is reported even if ``stated`` is ``none``, because it may be a workbook.

    Args:
        head: The first bytes of the file.
        stated: The option ``compression``, if it is given.

    Raises:
        NotATable: the file is not packed as ``stated``.
    """
    found = compression_of(head)
    if stated is None or stated == found:
        return found
    if stated == "none":
        return found if found == "zip" else ""
    is_ = f"a {found} file" if found else "not packed"
    raise NotATable(
        "not_a_table", f"The option compression is {stated}, but the file is {is_}: leave compression out."
    )


def unpack_gzip(source: BinaryIO, unpacking: UnpackingLimits) -> BinaryIO:
    """Return the unpacked gzip file. Raises ``NotATable`` if it is damaged or exceeds the size limit."""
    with closing(gunzipped(source, unpacking)) as pieces:
        return _spooled(pieces)


def gunzipped(source: BinaryIO, unpacking: UnpackingLimits) -> Generator[bytes]:
    """Return the pieces of a gzip file as they are unpacked. Raises ``NotATable`` like ``unpack_gzip``."""
    limit = unpacking.limit(source.seek(0, 2))
    source.seek(0)
    with gzip.GzipFile(fileobj=source, mode="rb") as packed:
        yield from chunks(cast("IO[bytes]", packed), limit, "gzip", unpacking)


def open_zip(source: BinaryIO) -> zipfile.ZipFile:
    """Open a zip file. Raises ``NotATable`` if it is damaged or its list of contents is too long."""
    if _directory_bytes(source) > _DIRECTORY_BYTES:
        raise NotATable("unsafe_archive", "The zip holds too many files: put exactly one file in it.")
    try:
        return zipfile.ZipFile(source)
    except (*_DAMAGED, NotImplementedError, ValueError) as error:
        raise _damaged("zip", error) from error


def unpack_zip(archive: zipfile.ZipFile, unpacking: UnpackingLimits) -> tuple[BinaryIO, tuple[str, ...]]:
    """Return the file in ``archive``, unpacked, and the names of the files that were passed over.

    Folders, and the files that operating systems add to a folder, do not count.

    Raises:
        NotATable: the archive has several files or none, a name that leads outside it, encryption or damage, is a
            document of another program, or exceeds the size limit.
    """
    for entry in archive.infolist():
        if _leads_outside(entry.filename) or _leads_outside(entry.orig_filename):
            raise NotATable(
                "unsafe_archive",
                f"The zip holds a name that leads outside it, {entry.filename[:100]!r}: zip only the file.",
            )
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    passed_over = tuple(entry.filename[:100] for entry in files if _ADDED.search(entry.filename))
    entries = [entry for entry in files if not _ADDED.search(entry.filename)]
    if len(entries) != 1:
        other_formats.check_zip(entry.filename for entry in entries)
        raise NotATable("unsafe_archive", f"The zip holds {_listed(entries)}: put exactly one file in it.")
    (entry,) = entries
    if entry.flag_bits & 1:
        raise NotATable("unsafe_archive", "The zip is encrypted: upload it without a password.")
    limit = unpacking.limit(entry.compress_size)
    if entry.file_size > limit:
        raise too_large("zip", limit, unpacking)
    try:
        with archive.open(entry) as packed:
            return _spooled(chunks(packed, limit, "zip", unpacking)), passed_over
    except (*_DAMAGED, NotImplementedError) as error:
        raise _damaged("zip", error) from error


def check_packed_once(head: bytes, compression: str) -> None:
    """Raise ``NotATable`` if the unpacked file, which begins with ``head``, is packed again."""
    if inner := compression_of(head):
        what = "a gzip file" if inner == "gzip" else "a zip or XLSX file"
        raise NotATable(
            "not_a_table", f"The {compression} file holds {what}: unpack it once, and send the file inside."
        )


def _listed(entries: list[zipfile.ZipInfo]) -> str:
    """Return the number of files as text, with the names of the first ones."""
    if not entries:
        return "no file"
    names = ", ".join(repr(entry.filename[:60]) for entry in entries[:_NAMED])
    more = ", …" if len(entries) > _NAMED else ""
    return f"{len(entries)} files ({names}{more})"


def chunks(
    packed: IO[bytes], limit: int, kind: str, unpacking: UnpackingLimits = DEFAULT_UNPACKING
) -> Iterator[bytes]:
    """Yield the unpacked bytes in pieces. Raises ``NotATable`` if they are more than ``limit`` in all."""
    total = 0
    while True:
        try:
            chunk = packed.read(_CHUNK_BYTES)
        except _DAMAGED as error:
            raise _damaged(kind, error) from error
        if not chunk:
            return
        total += len(chunk)
        if total > limit:
            raise too_large(kind, limit, unpacking)
        yield chunk


def too_large(kind: str, limit: int, unpacking: UnpackingLimits) -> NotATable:
    """Return the error for a file that unpacks to more than ``limit`` bytes."""
    return NotATable(unpacking.code, unpacking.reason(kind, limit))


def _spooled(pieces: Iterable[bytes]) -> BinaryIO:
    spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - lives as long as the reader
    try:
        for piece in pieces:
            spool.write(piece)
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return cast("BinaryIO", spool)


def _leads_outside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":")


def _directory_bytes(source: BinaryIO) -> int:
    """Return the size of the zip's central directory as its end record states it (APPNOTE 4.3.16, 4.3.14)."""
    size = source.seek(0, 2)
    begin = max(0, size - 65_557)
    source.seek(begin)
    tail = source.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return 0
    stated = int(struct.unpack_from("<I", tail, at + 12)[0])
    if stated == 0xFFFFFFFF and at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        source.seek(min(int(struct.unpack_from("<Q", tail, at - 12)[0]), size))
        record = source.read(56)
        stated = int(struct.unpack_from("<Q", record, 40)[0]) if len(record) == 56 else 0
    return stated


def _damaged(kind: str, error: Exception) -> NotATable:
    return NotATable("not_a_table", f"The {kind} file is damaged ({error}): pack it again.")
