"""Has the warm process run a command: sends it the arguments, environment and open files, and waits for its end.

This module imports little, because every command imports it first.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress

from imports_pipeline.cli.warm import VARIABLE, code_mark, socket_path

#: Commands that run for long or become another program.
_OWN_PROCESS = frozenset({"dev", "api", "pages", "warm", "exec", "worker"})
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ANSWER_SECONDS = 10.0


def run(arguments: Sequence[str]) -> int | None:
    """Have the warm process of this installation run a command, and return its exit status.

    Return None if there is no such process, or if it has loaded other code; then nothing has been run.
    """
    if not arguments or arguments[0].startswith("-") or arguments[0] in _OWN_PROCESS:
        return None
    if os.environ.get(VARIABLE, "").lower() == "false":
        return None
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # The command was started with a closed stream, whose number another file would get.
        return None
    path = socket_path(os.environ.get("IMPORTS_HOME") or ".imports")
    if not _is_own_socket(path):
        return None
    folder = None
    try:
        folder = os.open(".", os.O_RDONLY)
        return stand_in(path, request(arguments), (0, 1, 2, folder))
    except OSError:
        # No process listens any more, or a standard stream is closed.
        return None
    finally:
        if folder is not None:
            os.close(folder)


def stand_in(path: str, wanted: dict[str, object], descriptors: Sequence[int]) -> int | None:
    """Wait for a command of the warm process, pass signals on to it, and return its exit status.

    Return None if the process has loaded other code, or cannot begin another process.

    Raises:
        OSError: no process listens at ``path``, or it does not respond.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with connect(path) as connection:
            if not offer(connection, wanted, descriptors):
                return None
            # From here on the command may have begun, so it must not be run by this process as well.
            try:
                pid = begin(connection)
                if pid == 0:
                    return None
                _pass_signals_on(pid)
                return status_from(connection)
            except OSError:
                print(
                    "imports-pipeline: the warm process that ran this command has ended; see `imports-pipeline list`.",
                    file=sys.stderr,
                )
                return 3
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def connect(path: str) -> socket.socket:
    """Return a connection to the warm process.

    Raises:
        OSError: no process listens at ``path``.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_ANSWER_SECONDS)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def offer(connection: socket.socket, wanted: dict[str, object], descriptors: Sequence[int]) -> bool:
    """Send a request, which ``begin`` begins, and return False if it is refused.

    Args:
        connection: a connection that ``connect`` returned.
        wanted: what ``request`` returned.
        descriptors: the files that become the standard streams of the command, and its working folder.

    Raises:
        OSError: the warm process has ended or does not respond.
    """
    message = json.dumps(wanted).encode()
    rights = array.array("i", descriptors)
    connection.sendmsg([len(message).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    connection.sendall(message)
    return number_from(connection) == 1


def begin(connection: socket.socket) -> int:
    """Let the offered command begin and return its process id, or 0 if no process could be forked.

    Raises:
        OSError: the warm process has ended.
    """
    connection.settimeout(None)
    connection.sendall(b"\1")
    return number_from(connection)


def request(arguments: Sequence[str]) -> dict[str, object]:
    """Return the request to run a command in the surroundings of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return {
        "arguments": list(arguments),
        "mark": code_mark(),
        "environment": dict(os.environ),
        "umask": mask,
        "niceness": os.nice(0),
        "ignored": [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_IGN],
        "streams": [
            [stream.encoding, stream.errors] if stream is not None else None
            for stream in (sys.stdin, sys.stdout, sys.stderr)
        ],
    }


def _is_own_socket(path: str) -> bool:
    """Return True if there is a socket that nobody but this user can have made: the environment holds secrets."""
    try:
        found, folder = os.stat(path), os.stat(os.path.dirname(path))
    except OSError:
        return False
    own = found.st_uid == folder.st_uid == os.geteuid()
    return own and stat.S_ISSOCK(found.st_mode) and not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _pass_signals_on(pid: int) -> None:
    def kill(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, kill)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def status_from(connection: socket.socket) -> int:
    """Wait for the end of the command and return its exit status, as a shell does after a signal.

    Raises:
        OSError: the warm process has ended.
    """
    status = number_from(connection)
    return 128 - status if status < 0 else status


def number_from(connection: socket.socket) -> int:
    """Return the next number that the warm process sends.

    Raises:
        OSError: it has ended.
    """
    received = b""
    while len(received) < 8:
        part = connection.recv(8 - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return int.from_bytes(received, "big", signed=True)
