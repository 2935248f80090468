"""Copies the source file of an import (a path, ``file://`` or ``s3://``) into the import's folder."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from imports_pipeline.filestore.stores import NoSuchBucket, StoreDenied
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.files import UPLOAD, Files

_CHUNK = 1 << 20
# Errors of paths that cannot exist, which are treated like paths that do not exist.
_NO_SUCH_PATH = frozenset({errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


def fetch(
    uri: str,
    files: Files,
    *,
    limit: int | None = None,
    checkpoint: Callable[[], None] = lambda: None,
) -> str:
    """Copy the source into the folder as ``upload`` and return its SHA-256 (hexadecimal).

    ``checkpoint`` is called repeatedly and may raise an error.

    Raises ``PermanentFailure`` if there is no such file, if it cannot be read, and with the code
    ``sync_limit_exceeded`` if it is larger than ``limit`` bytes (then no copy is kept).
    """
    digest = hashlib.sha256()
    size = 0
    with open_source(uri) as source, files.open_write(UPLOAD) as upload:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            check_size(limit, size)
            checkpoint()
            digest.update(chunk)
            upload.write(chunk)
    return digest.hexdigest()


def checksum(files: Files, *, limit: int | None = None) -> str:
    """Return the SHA-256 (hexadecimal) of an upload that is already in the folder. Raises like ``check_size``."""
    digest = hashlib.sha256()
    size = 0
    with files.open_read(UPLOAD) as upload:
        while chunk := upload.read(_CHUNK):
            size += len(chunk)
            check_size(limit, size)
            digest.update(chunk)
    return digest.hexdigest()


def check_size(limit: int | None, size: int) -> None:
    """Raise ``PermanentFailure`` if a file has more bytes than mode ``sync`` accepts."""
    if limit is not None and size > limit:
        raise PermanentFailure(
            "sync_limit_exceeded",
            f"The file is larger than the {limit:,} bytes that mode sync accepts; use mode mixed.",
        )


@contextmanager
def open_source(uri: str) -> Iterator[BinaryIO]:
    """Open a source for reading. Raises ``PermanentFailure`` with a message that says what to do."""
    try:
        # Only errors of opening are permanent. Errors while the file is read and stored are infrastructure errors.
        file = _open(uri)
    except NoSuchBucket as error:
        raise PermanentFailure("source_not_found", str(error)) from None
    except StoreDenied as error:
        raise PermanentFailure("source_not_readable", str(error)) from None
    except IsADirectoryError:
        raise _folder(uri) from None
    except PermissionError:
        raise PermanentFailure(
            "source_not_readable",
            f"This process may not read {uri}; check its permissions or credentials.",
        ) from None
    except OSError as error:
        if not isinstance(error, FileNotFoundError) and error.errno not in _NO_SUCH_PATH:
            raise
        raise _nothing(uri) from None
    with file:
        yield file


def check_path(uri: str) -> None:
    """Raise ``PermanentFailure`` if a source that is no object of S3 is no file on this machine.

    It is not opened, because what a pipe holds can be read once only.
    """
    path = _path(uri)
    if path is None:
        raise _scheme(uri)
    # Unlike those of Path, these functions return False for a path that is too long.
    if not os.path.exists(path):
        raise _nothing(uri)
    if os.path.isdir(path):
        raise _folder(uri)


def local_size(uri: str) -> int | None:
    """Return the size in bytes of a source that is a file on this machine, or None for any other source."""
    try:
        path = _path(uri)
        return path.stat().st_size if path is not None and path.is_file() else None
    except (OSError, ValueError):
        # The code that opens the file reports the error.
        return None


def _open(uri: str) -> BinaryIO:
    if urlsplit(uri).scheme == "s3":
        return _open_object(uri)
    path = _path(uri)
    if path is None:
        raise _scheme(uri)
    return path.open("rb")


def _nothing(uri: str) -> PermanentFailure:
    return PermanentFailure(
        "source_not_found", f"There is no file at {uri}; check the path, or the bucket and key."
    )


def _folder(uri: str) -> PermanentFailure:
    return PermanentFailure("source_not_readable", f"{uri} is a folder; name one file in it.")


def _scheme(uri: str) -> PermanentFailure:
    scheme = uri.partition("://")[0]
    return PermanentFailure(
        "source_not_readable",
        f"A source is a path, a file:// or an s3:// URI, not {scheme}://; copy the file to one of these first.",
    )


def _path(uri: str) -> Path | None:
    """Return the path of a source on this machine, or None for any other URI."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if "://" in uri else Path(uri)


def _open_object(uri: str) -> BinaryIO:
    # Imported here because the S3 client takes half a second to load, and most sources are paths.
    from imports_pipeline.filestore import s3_client, s3_streams

    # Do not use urlsplit: a key may contain `?` and `#`.
    bucket, _, key = uri[len("s3://") :].partition("/")
    if not bucket or not key:
        raise PermanentFailure("source_not_found", f"{uri} does not name an object; give s3://bucket/key.")
    if key.endswith("/"):
        raise IsADirectoryError(uri)
    return s3_streams.open_read(s3_client.client(), bucket, key)
