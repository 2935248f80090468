"""Keys of the file store: relative paths with ``/`` that cannot lead outside it, the same on every store."""

from __future__ import annotations

from typing import Final

_NOT_IN_A_NAME: Final = ("\0", "\\")
# The longest key that S3 accepts, in bytes.
_LONGEST: Final = 1024
#: The suffix of a file that is still being written, by this system or by a program that drops files.
PARTIAL: Final = ".part"
# The suffix of objects that some tools create in a bucket to represent a folder.
_FOLDER_MARKER: Final = "_$folder$"


def checked_key(key: str) -> str:
    """Return ``key``. Raises ``ValueError`` if it leads outside the store or is not a key."""
    if not key:
        raise ValueError("A key of the file store is empty; name a file")
    if key.startswith("/") or ".." in key.split("/"):
        raise ValueError(f"{key!r} leads outside the file store; name a file below it, with /")
    if not is_key(key):
        raise ValueError(
            f"{key[:200]!r} is not a key of the file store; a key is at most {_LONGEST:,} bytes of names with /"
            " between them, without backslash and NUL"
        )
    return key


def is_key(key: str) -> bool:
    """Return True if the store can hold a file under this key."""
    if any(character in key for character in _NOT_IN_A_NAME):
        return False
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return False
    return length <= _LONGEST and all(name not in ("", ".", "..") for name in key.split("/"))


def is_listed(key: str) -> bool:
    """Return True if a listing includes this key: a complete file that can be opened by its key."""
    return is_key(key) and not key.endswith((PARTIAL, _FOLDER_MARKER))


def folder_prefix(folder: str) -> str:
    """Return the prefix of all keys in the folder (``""`` is the whole store). Raises ``ValueError``."""
    return f"{checked_key(folder.removesuffix('/'))}/" if folder else ""
