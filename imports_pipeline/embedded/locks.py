"""Locks on files, by ``flock``: the kernel drops them with their holder, so none is ever stale.

Three of them guard a server's folder:

- ``start.lock``, exclusive: whoever starts or stops the server holds it meanwhile.
- ``users.lock``, shared: every command that uses the server; who gets it exclusively is the last one.
- ``server.lock``, exclusive: inherited by ``postgres`` and its children, so it is held as long as one of them
  lives. A process id in a file can lie, this cannot; and unlike a process id it also tells of a server in
  another container that has mounted the same folder.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a lock file; closing it at the end drops the lock unless a child process inherited it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the lock and hold it."""
    with opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def share(descriptor: int) -> None:
    """Wait for the lock and hold it together with others."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def try_exclusive(descriptor: int) -> bool:
    """Take the lock if nobody else holds it; a shared lock of this descriptor is given up either way."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def is_held(path: Path) -> bool:
    """Return whether somebody holds the lock."""
    with opened(path) as descriptor:
        return not try_exclusive(descriptor)
