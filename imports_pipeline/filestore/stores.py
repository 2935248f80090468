"""The interface of file stores, their errors, and the folder of one import in a store.

A file is visible only when it is complete. The stores are ``local.LocalStore`` and ``s3.S3Store``;
``opening.open_store`` returns the one that the settings name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from imports_pipeline.filestore.signed_urls import Grant
from imports_pipeline.model.files import StoredFile


class StoreError(OSError):
    """The file store cannot be used with its configuration; the message says in one sentence what to do."""


class NoSuchBucket(StoreError):
    """The bucket does not exist."""


class StoreDenied(StoreError):
    """The credentials are missing or wrong, or lack a permission."""


class StoreUnreachable(StoreError):
    """The server does not answer. This is temporary, so the request may be retried."""


class FileReplaced(OSError):
    """The file was replaced or removed since its version was read."""


#: A function that a listing calls with each key, or with each folder (its key and a ``/``) before it reads the folder.
#: It returns the folder to skip (without ``/`` at its end), or ``None``. An exception ends the listing.
FolderSkip = Callable[[str], str | None]

#: A function that a listing calls with a folder (its key and a ``/``) or file that it cannot read, and the error.
Unreadable = Callable[[str, OSError], None]


@dataclass(frozen=True)
class Swept:
    """The number of files that a sweep removed, and the place where it stopped; "" if it looked at the whole store."""

    files: int
    stopped_at: str = ""


class Store(Protocol):
    """Files by key. A key is a relative path with ``/``; every method raises ``ValueError`` for any other text."""

    def open_read(self, key: str) -> BinaryIO:
        """Open a file for reading. It is seekable and never held in memory as a whole. Raises ``FileNotFoundError``."""
        ...

    def open_write(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing. It becomes visible, or replaces the old one, if the block ends without error."""
        ...

    def exists(self, key: str) -> bool:
        """Return True if the file exists."""
        ...

    def stat(self, key: str) -> StoredFile | None:
        """Return the size, version and time of a file, or ``None`` if it does not exist."""
        ...

    def list(
        self,
        folder: str,
        *,
        after: str | None = None,
        skip: FolderSkip | None = None,
        unreadable: Unreadable | None = None,
    ) -> Iterator[StoredFile]:
        """Yield the files below the folder (``""`` is the whole store) in order of key, as they are now.

        The listing is lazy. It leaves out folders, files with the suffix ``.part``, and names that no key can have.

        Args:
            folder: The folder to list.
            after: List only keys after this one.
            skip: A folder that it returns is not read.
            unreadable: Called with a folder or file that cannot be read; the listing continues behind it. Without this
                function the listing raises the error.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the file if it exists."""
        ...

    def delete_folder(self, key: str) -> None:
        """Remove all files below the key."""
        ...

    def move(self, key: str, to: str, *, version: str | None = None) -> None:
        """Move the file to another key and replace the file there. Raises ``FileNotFoundError``.

        If ``version`` is given and the file has another one, nothing is moved. Raises ``FileReplaced`` then.
        """
        ...

    def sweep(
        self, before: float, *, after: str = "", out_of_time: Callable[[], bool] | None = None
    ) -> Swept:
        """Remove unfinished files of killed writers.

        Args:
            before: Remove files that were last written before this epoch second.
            after: Continue where the sweep that returned this place stopped.
            out_of_time: The sweep stops when this function returns True, after a folder or page of files.
        """
        ...

    def uri(self, key: str) -> str:
        """Return the file's URI for ``sources``: a path, or ``s3://bucket/key``."""
        ...

    def location(self, key: str) -> str:
        """Return the file's location for people."""
        ...

    def url(self, key: str) -> str:
        """Return the file's URL for programs with access to the store: ``file://`` or ``s3://``."""
        ...

    def signed_download(self, key: str, seconds: int, *, file_name: str | None = None) -> str:
        """Return an HTTP URL that is valid for ``seconds`` and downloads the file (as ``file_name``, if given)."""
        ...

    def signed_upload(self, key: str, seconds: int, *, limit: int, size: int | None = None) -> str:
        """Return an HTTP URL that is valid for ``seconds`` and takes one PUT.

        S3 can enforce only an exact size. Without ``size``, the reader of the file must check the limit there.

        Args:
            key: The key of the file.
            seconds: How long the URL is valid.
            limit: The largest size in bytes.
            size: The exact size, if it is known. Raises ``ValueError`` if it is over ``limit``.
        """
        ...

    def verify(self, token: str, method: str) -> Grant:
        """Return the grant of a signed URL's token. Raises ``signed_urls.InvalidToken`` with the reason."""
        ...

    def check(self) -> None:
        """Raise ``StoreError`` if the store cannot be used."""
        ...

    def folder(self, key: str) -> Folder:
        """Return the files below ``key`` in the interface that the phases use."""
        ...


class Folder:
    """The files of one import: a ``model.files.Files``."""

    def __init__(self, store: Store, key: str) -> None:
        """Keep the store and the key of the folder."""
        self.store = store
        self.key = key

    def open_read(self, name: str) -> BinaryIO:
        """Open a file for reading. Raises ``FileNotFoundError``."""
        return self.store.open_read(f"{self.key}/{name}")

    @contextmanager
    def open_write(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for writing. It becomes visible if the block ends without error."""
        with self.store.open_write(f"{self.key}/{name}") as file:
            yield file

    def exists(self, name: str) -> bool:
        """Return True if the file exists."""
        return self.store.exists(f"{self.key}/{name}")

    def stat(self, name: str) -> StoredFile | None:
        """Return the size, version and time of a file, or ``None`` if it does not exist."""
        return self.store.stat(f"{self.key}/{name}")

    def delete(self, name: str) -> None:
        """Remove the file if it exists."""
        self.store.delete(f"{self.key}/{name}")

    def location(self, name: str) -> str:
        """Return the file's location for people."""
        return self.store.location(f"{self.key}/{name}")

    def url(self, name: str) -> str:
        """Return the file's URL."""
        return self.store.url(f"{self.key}/{name}")
