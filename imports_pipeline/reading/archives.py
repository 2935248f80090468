"""gzip and zip: unpacks the one file inside to a temporary file, and refuses what is not safe to unpack.

Nothing is unpacked to memory (the temporary file stays in it only while small), and the size limit holds for
what really comes out, whatever the archive declares.
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
#: Up to here the unpacked file stays in memory.
_SPOOL_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
#: A list of contents longer than this is no archive of one file; reading it would take memory.
_DIRECTORY_BYTES: Final = 8 * 1024 * 1024
#: Files that macOS, Windows and Linux's file managers add to a folder.
_ADDED: Final = re.compile(
    r"(?:^|/)(?:__MACOSX/|(?:\.DS_Store|\._[^/]*|\.localized|Icon\r|Thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory"
    r"|\.Spotlight-V100|\.Trashes|\.fseventsd)(?:$|/))",
    re.IGNORECASE,
)
#: Files of a zip that a reason names.
_NAMED: Final = 5
_DAMAGED: Final = (zlib.error, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, struct.error)


def compression_of(head: bytes) -> str:
    """Return by its first bytes whether a file is ``gzip``, ``zip`` (XLSX files are too) or neither: ``""``."""
    if head.startswith(GZIP_SIGNATURE):
        return "gzip"
    return "zip" if head.startswith(ZIP_SIGNATURES) else ""


def resolve_compression(head: bytes, told: str | None) -> str:
    """Return how a file is packed, by its first bytes and by what is said of it.

    Of a file that is said not to be packed only a zip is told: it may be a workbook. Raises ``NotATable`` when the
    file is not what is said.
    """
    found = compression_of(head)
    if told is None or told == found:
        return found
    if told == "none":
        return found if found == "zip" else ""
    is_ = f"a {found} file" if found else "not packed"
    raise NotATable(
        "not_a_table", f"The file is said to be packed with {told} and is {is_}: leave compression out."
    )


def unpack_gzip(source: BinaryIO, unpacking: UnpackingLimits) -> BinaryIO:
    """Unpack a gzip file; raises ``NotATable`` if it is damaged or unpacks to more than it may."""
    with closing(gunzipped(source, unpacking)) as pieces:
        return _spooled(pieces)


def gunzipped(source: BinaryIO, unpacking: UnpackingLimits) -> Generator[bytes]:
    """Return the pieces of a gzip file as they are unpacked. Raises ``NotATable`` as ``unpack_gzip`` does."""
    limit = unpacking.limit(source.seek(0, 2))
    source.seek(0)
    with gzip.GzipFile(fileobj=source, mode="rb") as packed:
        yield from chunks(cast("IO[bytes]", packed), limit, "gzip", unpacking)


def open_zip(source: BinaryIO) -> zipfile.ZipFile:
    """Open a zip file; raises ``NotATable`` if it is damaged or its list of contents is too long."""
    if _directory_bytes(source) > _DIRECTORY_BYTES:
        raise NotATable("unsafe_archive", "The zip holds a great many files: put exactly one file in it.")
    try:
        return zipfile.ZipFile(source)
    except (*_DAMAGED, NotImplementedError, ValueError) as error:
        raise _damaged("zip", error) from error


def unpack_zip(archive: zipfile.ZipFile, unpacking: UnpackingLimits) -> tuple[BinaryIO, tuple[str, ...]]:
    """Unpack the one file in ``archive``, and return it with the names of what was passed over.

    Folders, and the files that operating systems add to a folder by themselves, do not count as files. Raises
    ``NotATable`` for several files or none, names that lead outside the archive, encryption, damage, documents of
    other programs, and more bytes than it may unpack to.
    """
    for entry in archive.infolist():
        if _leads_outside(entry.filename) or _leads_outside(entry.orig_filename):
            raise NotATable(
                "unsafe_archive",
                f"The zip holds a name that leads outside it, {entry.filename[:100]!r}: zip the file alone.",
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
    """Check that what was unpacked, and begins with ``head``, is not packed again. Raises ``NotATable``."""
    if inner := compression_of(head):
        what = "a gzip file" if inner == "gzip" else "a zip or XLSX file"
        raise NotATable(
            "not_a_table", f"The {compression} file holds {what}: unpack it once, and send the file inside."
        )


def _listed(entries: list[zipfile.ZipInfo]) -> str:
    """Return how many files there are, with the names of the first."""
    if not entries:
        return "no file"
    names = ", ".join(repr(entry.filename[:60]) for entry in entries[:_NAMED])
    more = ", …" if len(entries) > _NAMED else ""
    return f"{len(entries)} files ({names}{more})"


def chunks(
    packed: IO[bytes], limit: int, kind: str, unpacking: UnpackingLimits = DEFAULT_UNPACKING
) -> Iterator[bytes]:
    """Return the unpacked bytes piece by piece, never more than ``limit`` in all; ``unpacking`` has the reason."""
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
    """Return the refusal of a file that unpacks to more than ``limit`` bytes."""
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
    """Return the size of the zip's list of contents as its end record states it (APPNOTE 4.3.16, 4.3.14)."""
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
