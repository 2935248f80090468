"""What every file store can do, and the folder of one import in it.

A file is there whole or not at all. The stores are ``local.LocalStore`` and ``s3.S3Store``; ``opening.open_store``
returns the one that the settings name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO, Protocol

from imports_pipeline.filestore.signed_urls import Grant
from imports_pipeline.model.files import StoredFile


class StoreError(OSError):
    """The file store is not usable as it is set up; the message says in one sentence what to do."""


class NoSuchBucket(StoreError):
    """There is no such bucket."""


class StoreDenied(StoreError):
    """The credentials are missing, wrong, or not enough."""


class StoreUnreachable(StoreError):
    """The server does not answer: a fault of the machine, which passes."""


class Replaced(OSError):
    """The file is not the one it was when it was looked at: another has its key, or it has gone."""


#: Called during a listing with each key, or with each folder (its key and a ``/``), before what lies there is
#: read: returns the folder to leap over (without ``/`` at its end), or nothing. An exception ends the listing.
Leap = Callable[[str], str | None]


class Store(Protocol):
    """Files by key. A key is a relative path with ``/``; every method raises ``ValueError`` for another."""

    def open_read(self, key: str) -> BinaryIO:
        """Open a file for reading; seekable, never wholly in memory. Raises ``FileNotFoundError``."""
        ...

    def open_write(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Write a file; it appears, or replaces the one before, when the block ends without an error."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether the file is there."""
        ...

    def stat(self, key: str) -> StoredFile | None:
        """Return the facts of a file, or nothing when it is not there."""
        ...

    def list(
        self, folder: str, *, after: str | None = None, leap: Leap | None = None
    ) -> Iterator[StoredFile]:
        """Return the files below the folder (``""`` is all) in order of key, from behind the key ``after``.

        As they are now, and lazily. Shows neither folders, nor what still has the ending ``.part``, nor names
        that no key can have. What lies in a folder that ``leap`` returns is neither read nor returned.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the file if it is there."""
        ...

    def delete_folder(self, key: str) -> None:
        """Remove everything below the key."""
        ...

    def move(self, key: str, to: str, *, version: str | None = None) -> None:
        """Give the file another key, in place of the file that has it. Raises ``FileNotFoundError``.

        With ``version`` only if the file still has it: else nothing moves and ``Replaced`` is raised.
        """
        ...

    def sweep(self, before: float) -> int:
        """Remove what killed writers began before the epoch second and never finished; say how many."""
        ...

    def uri(self, key: str) -> str:
        """Return what ``storage.sources`` opens: a path, or ``s3://bucket/key``."""
        ...

    def location(self, key: str) -> str:
        """Return where a person finds the file."""
        ...

    def url(self, key: str) -> str:
        """Return the file's URL for those who have access to the store: ``file://`` or ``s3://``."""
        ...

    def signed_download(self, key: str, seconds: int, *, file_name: str | None = None) -> str:
        """Return an HTTP URL that downloads the file for ``seconds``, under ``file_name`` if there is one."""
        ...

    def signed_upload(self, key: str, seconds: int, *, limit: int, size: int | None = None) -> str:
        """Return an HTTP URL that takes one PUT of at most ``limit`` bytes for ``seconds``.

        ``size`` is the exact size if the caller knows it; more than ``limit`` raises ``ValueError``. S3 can hold
        an upload to an exact size only: without ``size`` whoever reads the file there checks the limit.
        """
        ...

    def verify(self, token: str, method: str) -> Grant:
        """Return what the token of a signed URL allows. Raises ``signing.InvalidToken`` with the reason."""
        ...

    def check(self) -> None:
        """Raise ``StoreError`` when the store cannot be used."""
        ...

    def folder(self, key: str) -> Folder:
        """Return the files below ``key`` as the phases see them."""
        ...


class Folder:
    """The files of one import: a ``model.files.Files``."""

    def __init__(self, store: Store, key: str) -> None:
        """See the files of ``store`` below ``key``."""
        self.store = store
        self.key = key

    def open_read(self, name: str) -> BinaryIO:
        """Open a file for reading. Raises ``FileNotFoundError``."""
        return self.store.open_read(f"{self.key}/{name}")

    @contextmanager
    def open_write(self, name: str) -> Iterator[BinaryIO]:
        """Write a file; it appears only when the block ends without an error."""
        with self.store.open_write(f"{self.key}/{name}") as file:
            yield file

    def exists(self, name: str) -> bool:
        """Return whether the file is there."""
        return self.store.exists(f"{self.key}/{name}")

    def delete(self, name: str) -> None:
        """Remove the file if it is there."""
        self.store.delete(f"{self.key}/{name}")

    def location(self, name: str) -> str:
        """Return where a person finds the file."""
        return self.store.location(f"{self.key}/{name}")

    def url(self, name: str) -> str:
        """Return the file's URL."""
        return self.store.url(f"{self.key}/{name}")
