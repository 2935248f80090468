"""The file store in a local folder."""

from __future__ import annotations

import os
import shutil
import stat as modes
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imports_pipeline.filestore.paths import PARTIAL, checked_key, folder_prefix, is_listed
from imports_pipeline.filestore.signed_urls import DEFAULT_API_URL, Grant, Signer
from imports_pipeline.filestore.stores import FileReplaced, Folder, FolderSkip, StoreError, Swept, Unreadable
from imports_pipeline.model.files import StoredFile


class LocalStore:
    """The files below a local folder. It implements ``stores.Store``."""

    def __init__(
        self,
        root: Path,
        *,
        keys: Path | None = None,
        api_url: str = DEFAULT_API_URL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep files below ``root``, which is created with the first file.

        Args:
            root: The folder of the store.
            keys: The folder of the secret that signs URLs; beside ``root`` by default.
            api_url: The URL of the HTTP API, which serves signed URLs.
            clock: The time in epoch seconds.
        """
        self.root = root.resolve()
        self._signer = Signer(keys or self.root.parent / "keys", api_url, clock)

    def __repr__(self) -> str:
        return f"LocalStore({self.root})"

    def path(self, key: str) -> Path:
        """Return the path of a key. Raises ``ValueError`` if it leads outside the store."""
        path = (self.root / checked_key(key)).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"{key!r} leads outside the file store by a link; remove the link")
        return path

    def open_read(self, key: str) -> BinaryIO:
        """Open a file for reading. Raises ``FileNotFoundError``."""
        path = self.path(key)
        try:
            return path.open("rb")
        except (IsADirectoryError, NotADirectoryError):
            raise FileNotFoundError(f"There is no file at {path}") from None

    @contextmanager
    def open_write(self, key: str) -> Iterator[BinaryIO]:
        """Open a file for writing: temporary file, fsync, rename. Nothing of it remains after an error."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=PARTIAL)
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
        """Return True if the file exists."""
        return self.path(key).is_file()

    def stat(self, key: str) -> StoredFile | None:
        """Return the size, version and time of a file, or ``None`` if it does not exist."""
        try:
            status = self.path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _stored_file(key, status) if modes.S_ISREG(status.st_mode) else None

    def list(
        self,
        folder: str,
        *,
        after: str | None = None,
        skip: FolderSkip | None = None,
        unreadable: Unreadable | None = None,
    ) -> Iterator[StoredFile]:
        """Yield the files below the folder in order of key, from after ``after``. Links are not followed."""
        prefix = folder_prefix(folder)
        start = self.path(prefix.removesuffix("/")) if prefix else self.root
        return self._walk(str(start), prefix, after or "", skip, unreadable or _raise)

    def _walk(
        self, folder: str, prefix: str, after: str, skip: FolderSkip | None, unreadable: Unreadable
    ) -> Iterator[StoredFile]:
        # Paths are text here: `Path` would take a third of the time of a listing that passes over most folders.
        if skip is not None and skip(prefix) is not None:
            return
        # If `after` is not itself in the folder, all keys of the folder come before it, or all come after it.
        passed = after.removeprefix(prefix) if after.startswith(prefix) else ""
        if prefix < after and not after.startswith(prefix):
            return
        try:
            with os.scandir(folder) as entries:
                # Names alone, because a folder may hold a million files. A folder is sorted by its keys: `a-b` comes
                # before `a/b`.
                names = [
                    name
                    for one in entries
                    for name in (f"{one.name}/" if one.is_dir(follow_symlinks=False) else one.name,)
                    if name > passed or (name.endswith("/") and passed.startswith(name))
                ]
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            unreadable(prefix, error)
            return
        names.sort()
        for name in names:
            key = prefix + name
            if name.endswith("/"):
                yield from self._walk(f"{folder}/{name[:-1]}", key, after, skip, unreadable)
            elif is_listed(key):
                try:
                    status = os.lstat(f"{folder}/{name}")
                except FileNotFoundError:
                    continue  # Another process has removed it since.
                except OSError as error:
                    unreadable(key, error)
                    continue
                if modes.S_ISREG(status.st_mode):
                    yield _stored_file(key, status)

    def delete(self, key: str) -> None:
        """Remove the file if it exists."""
        path = self.path(key)
        if not path.is_dir():
            with suppress(NotADirectoryError):
                path.unlink(missing_ok=True)

    def delete_folder(self, key: str) -> None:
        """Remove all files below the key."""
        path = self.path(key.removesuffix("/"))
        while path.is_dir():
            # Another process may remove the same files.
            with suppress(FileNotFoundError):
                shutil.rmtree(path)

    def move(self, key: str, to: str, *, version: str | None = None) -> None:
        """Rename the file to another key. Raises ``FileNotFoundError`` and ``FileReplaced``."""
        source, target = self.path(key), self.path(to)
        found = self.stat(key)
        if found is None:
            raise FileNotFoundError(f"There is no file at {source}")
        if version is not None and found.version != version:
            raise FileReplaced(f"{source} has been replaced by another file; list it again.")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        if version is not None and _stored_file(to, target.stat()).version != version:
            # The file was replaced before the move. Its replacement is moved back, unless another took its place.
            os.link(target, source)
            target.unlink()
            raise FileReplaced(f"{source} has been replaced by another file; list it again.")

    def sweep(
        self, before: float, *, after: str = "", out_of_time: Callable[[], bool] | None = None
    ) -> Swept:
        """Remove temporary files that were last written before ``before``."""
        swept = 0
        for folder, temporary in self._temporary_files(self.root, "", after):
            for path in temporary:
                with suppress(FileNotFoundError):
                    if path.is_file() and path.lstat().st_mtime < before:
                        path.unlink()
                        swept += 1
            if folder and out_of_time is not None and out_of_time():
                return Swept(swept, folder)
        return Swept(swept)

    def _temporary_files(self, folder: Path, prefix: str, after: str) -> Iterator[tuple[str, Sequence[Path]]]:
        """Yield the folders behind ``after`` in order of key, each with its temporary files. Links are not followed."""
        inner, temporary = [], []
        try:
            with os.scandir(folder) as entries:
                for one in entries:
                    if one.is_dir(follow_symlinks=False):
                        inner.append(one.name)
                    elif one.name.startswith(".") and one.name.endswith(PARTIAL):
                        temporary.append(folder / one.name)
        except OSError:
            # Another process has removed the folder, or it belongs to somebody else, who then wrote the files in it.
            return
        if prefix > after or not after:
            yield prefix, temporary
        for name in sorted(f"{name}/" for name in inner):
            key = prefix + name
            if key > after or after.startswith(key):
                yield from self._temporary_files(folder / name, key, after)

    def uri(self, key: str) -> str:
        """Return the file's path."""
        return str(self.path(key))

    def location(self, key: str) -> str:
        """Return the file's location for people."""
        return str(self.path(key))

    def url(self, key: str) -> str:
        """Return the file's URL on this machine."""
        return self.path(key).as_uri()

    def signed_download(self, key: str, seconds: int, *, file_name: str | None = None) -> str:
        """Return a URL of the API that downloads the file and is valid for ``seconds``."""
        return self._signer.download(checked_key(key), seconds, file_name)

    def signed_upload(self, key: str, seconds: int, *, limit: int, size: int | None = None) -> str:
        """Return a URL of the API that takes an upload of at most ``limit`` bytes and is valid for ``seconds``."""
        return self._signer.upload(checked_key(key), seconds, limit, size)

    def verify(self, token: str, method: str) -> Grant:
        """Return the grant of a signed URL's token. Raises ``signed_urls.InvalidToken`` with the reason."""
        return self._signer.verify(token, method)

    def check(self) -> None:
        """Raise ``StoreError`` if the folder cannot be created or written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The file store {self.root} cannot be created ({error.strerror}); see STORE_URL."
            ) from None
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise StoreError(f"The file store {self.root} is not writable; give this user access to it.")

    def folder(self, key: str) -> Folder:
        """Return the files below ``key`` in the interface that the phases use."""
        return Folder(self, key)


def _raise(_: str, error: OSError) -> None:
    raise error


def _stored_file(key: str, status: os.stat_result) -> StoredFile:
    version = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
    return StoredFile(key, status.st_size, version, status.st_mtime)
