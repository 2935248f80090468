"""The server's main process: starting, finding and stopping it.

``postmaster.pid`` holds the process id and the port. It counts only if that process runs ``postgres`` in this data
folder. ``server.lock`` shows whether any process of the server lives (see ``locks``).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from imports_pipeline.embedded import locks
from imports_pipeline.embedded.identity import Identity
from imports_pipeline.embedded.settings import server_settings

_PAUSE_SECONDS: Final = 0.02
_FAST_STOP_SECONDS: Final = 120  # the shutdown writes a checkpoint, which takes long on a slow disk
_IMMEDIATE_STOP_SECONDS: Final = 30

# Servers that this process started. The list lets `reap` collect them and prevents a ResourceWarning: a server
# that other commands use outlives the block that started it.
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Postmaster:
    """A running server."""

    process: psutil.Process
    port: int
    ready: bool


def find(data: Path) -> Postmaster | None:
    """Return the running server of a data folder, or None."""
    reap()
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid, port = int(lines[0]), int(lines[3])
        process = psutil.Process(pid)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None  # no file, a file that is being written, or no such process
    status = lines[7].strip() if len(lines) > 7 else ""
    return Postmaster(process, port, ready=status == "ready") if _runs_in(process, data) else None


def start(folder: Path, data: Path, binaries: Path, identity: Identity, server_lock: int) -> None:
    """Start a server, which inherits the lock; the lock is held as long as one of its processes lives."""
    # The lock proves that no process of the server lives. After a restart of a container the id in the file is
    # likely that of another process, and postgres would refuse to start.
    (data / "postmaster.pid").unlink(missing_ok=True)
    with open(folder / "postgres.log", "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        child = subprocess.Popen(
            [*identity.prefix, binaries / "postgres", "-D", data, *server_settings(_free_port())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            pass_fds=[server_lock],
            **identity.options(),
        )
    _children.append(child)


def stop(data: Path, server_lock: Path) -> bool:
    """Stop the server, wait for all of its processes, and return True if they have ended."""
    for number, seconds in (
        (signal.SIGINT, _FAST_STOP_SECONDS),
        (
            signal.SIGQUIT,
            _IMMEDIATE_STOP_SECONDS,
        ),  # like a crash: the next start recovers committed transactions from the WAL
    ):
        if (server := find(data)) is None:
            break
        _signal(server.process, number)
        if wait(lambda: not locks.is_held(server_lock), seconds):
            break
    reap()
    return not locks.is_held(server_lock) or end_orphans(data, server_lock)


def end_orphans(data: Path, server_lock: Path) -> bool:
    """End processes that outlived a killed postmaster, and return True if none is left.

    They end by themselves when they next wait for an event; one in a long query would keep the folder locked.
    """
    for number in (signal.SIGQUIT, signal.SIGKILL):
        if wait(lambda: not locks.is_held(server_lock), 5):
            return True
        if find(data) is not None:
            return False
        for process in psutil.process_iter():
            if _runs_in(process, data):
                _signal(process, number)
    return wait(lambda: not locks.is_held(server_lock), 5)


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, and return False if it does not hold within ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def reap() -> None:
    """Collect the exit statuses of servers that this process started and that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]


def _runs_in(process: psutil.Process, data: Path) -> bool:
    try:
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and process.name().startswith("postgres")
            and os.path.samefile(process.cwd(), data)
        )
    except (psutil.Error, OSError):
        return False  # the process has ended, or belongs to another user


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
