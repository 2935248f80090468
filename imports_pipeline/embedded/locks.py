"""File locks with ``flock``. The kernel releases them when their holder dies, so no lock is ever stale.

Three locks guard the folder of a server:

- ``start.lock``, exclusive: a command holds it while it starts or stops the server.
- ``users.lock``, shared: every command that uses the server holds it. A command that gets it exclusively is the last
  one and stops the server.
- ``server.lock``, exclusive: ``postgres`` and its children inherit it, so it is held as long as one of them lives. A
  process id in a file may belong to another process by now, a lock cannot; and it also shows a server in another
  container that has mounted the same folder.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a lock file for the block. Closing it releases the lock unless a child process has inherited it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the exclusive lock and hold it during the block."""
    with opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def share(descriptor: int) -> None:
    """Wait for the shared lock and hold it until the descriptor is closed."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def try_exclusive(descriptor: int) -> bool:
    """Return True if the exclusive lock was free and is now held; a shared lock of the descriptor is released."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def is_held(path: Path) -> bool:
    """Return True if a process holds the lock."""
    with opened(path) as descriptor:
        return not try_exclusive(descriptor)
