"""The file store: the files of imports by key, in a local folder. A file is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class LocalStore:
    """Files below one folder of this machine; keys are relative paths with ``/``."""

    def __init__(self, root: Path) -> None:
        """Keep files below ``root``, which is made when the first one is written."""
        self.root = root.resolve()

    def path(self, key: str) -> Path:
        """Give the path of a key. Raises ``ValueError`` for one that leads outside the store."""
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"{key!r} leads outside the file store")
        return path

    def open_read(self, key: str) -> BinaryIO:
        """Open a file for reading. Raises ``FileNotFoundError``."""
        return self.path(key).open("rb")

    @contextmanager
    def open_write(self, key: str) -> Iterator[BinaryIO]:
        """Write a file: temporary file, fsync, rename; after an error nothing of it remains."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def exists(self, key: str) -> bool:
        """Tell whether the file is there."""
        return self.path(key).is_file()

    def delete(self, key: str) -> None:
        """Remove the file if it is there."""
        self.path(key).unlink(missing_ok=True)

    def delete_folder(self, key: str) -> None:
        """Remove every file below the key."""
        shutil.rmtree(self.path(key), ignore_errors=True)

    def location(self, key: str) -> str:
        """Say where a person finds the file."""
        return str(self.path(key))

    def url(self, key: str) -> str:
        """Give the file's URL on this machine."""
        return self.path(key).as_uri()

    def folder(self, key: str) -> Folder:
        """Give the files below ``key`` as the phases see them."""
        return Folder(self, key)


class Folder:
    """The files of one import: a ``model.files.Files``."""

    def __init__(self, store: LocalStore, key: str) -> None:
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
        """Tell whether the file is there."""
        return self.store.exists(f"{self.key}/{name}")

    def delete(self, name: str) -> None:
        """Remove the file if it is there."""
        self.store.delete(f"{self.key}/{name}")

    def location(self, name: str) -> str:
        """Say where a person finds the file."""
        return self.store.location(f"{self.key}/{name}")

    def url(self, name: str) -> str:
        """Give the file's URL."""
        return self.store.url(f"{self.key}/{name}")
