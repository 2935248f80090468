"""The lock by which only one ``dev`` runs in a home: two daemons of one Dagster instance would launch runs twice.

The servers of ``dev`` inherit the lock's open descriptor, and ``flock`` holds a lock until its last descriptor is
closed. If ``dev`` is killed, the lock is therefore held until the servers that it has left behind have ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from imports_pipeline.embedded import ServerError, locks

_NAME: Final = "dev.lock"


class AlreadyRunning(RuntimeError):
    """Another ``dev`` of the home runs, or servers of one that was killed; the message says what to stop."""


@contextmanager
def only_one(home: Path) -> Iterator[int]:
    """Keep the lock of a home during the block, and yield its descriptor, which the servers are to inherit.

    Raises:
        AlreadyRunning: a process holds the lock.
        ServerError: the home cannot be created or written.
    """
    path = home.absolute() / _NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise ServerError(
            f"{path} cannot be written: {error.strerror}. Set IMPORTS_HOME to another folder."
        ) from None
    with locks.opened(path) as descriptor:
        if not locks.try_exclusive(descriptor):
            raise AlreadyRunning(_sentence(path))
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield descriptor


def _sentence(path: Path) -> str:
    holders = _holders(path)
    # The process that wrote its number is `dev` itself, if it is still among them.
    command = path.read_text()
    if command in map(str, holders):
        return (
            f"dev already runs in {path.parent}, as process {command}. Stop that one with Ctrl-C or"
            f" `kill {command}`, or set IMPORTS_HOME to another folder."
        )
    if holders:
        return (
            f"dev was killed in {path.parent}, and its servers still run. Stop them with"
            f" `kill {' '.join(map(str, holders))}`, and wait until they have ended."
        )
    return (
        f"dev already runs in {path.parent}, as a process that this command cannot see, perhaps of another user or in"
        " another container. Stop that one, or set IMPORTS_HOME to another folder."
    )


def _holders(path: Path) -> list[int]:
    """Return the ids of the other processes that have opened the lock file, as far as this process may see them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and any(
                Path(file.path).samefile(path) for file in process.open_files()
            ):
                found.append(process.pid)
    return sorted(found)
