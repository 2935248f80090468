"""Starts the servers of ``dev``, waits until they respond, and stops them.

Each server runs in a process session of its own. Ctrl-C therefore reaches only the command, which stops the servers.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psutil

# The signals that stop a process, and the seconds to wait after each. Dagster's processes wait some seconds for
# each other.
_STOP_SIGNALS: Final = ((signal.SIGINT, 30.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
_PAUSE_SECONDS: Final = 0.1
# The servers listen on this machine. The default opener would ask the proxy of `http_proxy` for 127.0.0.1, too.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """One of the servers: its name, its command, and what responds when it is ready: a URL, a Unix socket or None."""

    name: str
    arguments: Sequence[str]
    ready: str | Path | None = None
    #: Its standard output is not for a person.
    is_quiet: bool = False

    def responds(self) -> bool:
        """Return True if the server is ready."""
        if self.ready is None:
            return True
        return _accepts(self.ready) if isinstance(self.ready, Path) else _answers(self.ready)


class ServerEndedError(RuntimeError):
    """A server has ended by itself; ``status`` is its exit status."""

    def __init__(self, server: Server, status: int) -> None:
        """Write the message that names the server."""
        super().__init__(f"{server.name} has ended unexpectedly; its output above says why.")
        self.status = status or 1


class Servers:
    """The running servers."""

    def __init__(self, folder: Path, environment: Mapping[str, str], lock: int) -> None:
        """Start no server yet.

        Args:
            folder: The working directory of each server.
            environment: The environment of each server.
            lock: The descriptor of the lock that a server holds until it ends (``home_lock.py``).
        """
        self._folder, self._environment, self._lock = folder, environment, lock
        self._running: list[tuple[Server, subprocess.Popen[bytes]]] = []
        self._stopping = False

    def start(self, server: Server) -> None:
        """Start a server, and do not wait for it."""
        child = subprocess.Popen(
            [sys.executable, *server.arguments],
            cwd=self._folder,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if server.is_quiet else subprocess.PIPE,
            stderr=subprocess.PIPE if server.is_quiet else subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[self._lock],
        )
        self._running.append((server, child))
        threading.Thread(target=self._show, args=(child.stderr or child.stdout,), daemon=True).start()

    def _show(self, output: IO[bytes]) -> None:
        """Print what a server prints until it is being stopped. Dagster's daemon then prints stack traces of ticks."""
        for line in output:
            if not self._stopping:
                sys.stderr.buffer.write(line)
                sys.stderr.flush()

    def wait_until_ready(self) -> None:
        """Return when all started servers respond. Raises ``ServerEndedError`` if one of them ends before."""
        silent = [server for server, _ in self._running]
        while silent:
            self.check()
            silent = [server for server in silent if not server.responds()]
            time.sleep(_PAUSE_SECONDS)

    def wait(self) -> None:
        """Wait until a server ends by itself, and raise ``ServerEndedError``."""
        while True:
            self.check()
            time.sleep(_PAUSE_SECONDS)

    def check(self) -> None:
        """Raise ``ServerEndedError`` if a server has ended."""
        for server, child in self._running:
            if child.poll() is not None:
                raise ServerEndedError(server, child.returncode)

    def stop(self) -> None:
        """Stop all servers. The one that was started first is stopped last, because the others use it."""
        self._stopping = True
        children = [child for _, child in self._running]
        _stop(children[1:])
        _stop(children[:1])


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop the children at the same time, and return when no process of their sessions lives."""
    for number, seconds in _STOP_SIGNALS:
        for process in _members(children):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not _members(children):
                return
            time.sleep(_PAUSE_SECONDS)


def _members(children: Sequence[subprocess.Popen[bytes]]) -> list[psutil.Process]:
    """Return the living processes of the children's sessions; the id of a session is not reused while one lives."""
    sessions = {child.pid for child in children}
    for child in children:
        child.poll()
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
