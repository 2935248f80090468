"""Keys of the file store: relative paths with ``/`` that cannot lead outside it, the same on every store."""

from __future__ import annotations

from typing import Final

_NOT_IN_A_NAME: Final = ("\0", "\\")
#: What S3 takes for a whole key, in bytes.
_LONGEST: Final = 1024
#: A file under such a name is still being written, here or by whoever drops files.
PARTIAL: Final = ".part"
#: What some tools keep in a bucket in place of a folder.
_FOLDER_MARKER: Final = "_$folder$"


def checked(key: str) -> str:
    """Return the key back. Raises ``ValueError`` for one that leads outside the store or is no key."""
    if not key:
        raise ValueError("A key of the file store is empty; name a file")
    if key.startswith("/") or ".." in key.split("/"):
        raise ValueError(f"{key!r} leads outside the file store; name a file below it, with /")
    if not is_key(key):
        raise ValueError(
            f"{key[:200]!r} is no key of the file store; a key is at most {_LONGEST:,} bytes of names with /"
            " between them, without backslash and NUL"
        )
    return key


def is_key(key: str) -> bool:
    """Return whether the store can hold a file under this key."""
    if any(character in key for character in _NOT_IN_A_NAME):
        return False
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return False
    return length <= _LONGEST and all(name not in ("", ".", "..") for name in key.split("/"))


def is_listed(key: str) -> bool:
    """Return whether a listing shows what is under this key: a file, whole, that can be opened by its key."""
    return is_key(key) and not key.endswith((PARTIAL, _FOLDER_MARKER))


def checked_folder(folder: str) -> str:
    """Return the prefix of all keys in the folder (``""`` is the whole store). Raises ``ValueError``."""
    return f"{checked(folder.removesuffix('/'))}/" if folder else ""
