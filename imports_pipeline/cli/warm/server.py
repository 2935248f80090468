"""The warm process: it imports the modules of commands once, and forks for each command that a client sends.

A fork becomes the command: it has the client's arguments, environment, folder, open files, umask and niceness, and a
session of its own. If the client is killed, its command is killed too. At SIGINT or SIGTERM, or when a pipe as standard
input ends, the process stops listening and ends after the commands that run.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import stat
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from imports_pipeline.cli.warm import code_mark, socket_path

# Modules that commands import while they run, besides those of their own.
_LATER: Final = (
    "imports_pipeline.cli.app",
    "imports_pipeline.dagster_runtime.in_process_runner",
    "imports_pipeline.schemas.pandera_schemas.validation",
    "email_validator",
    "pandera.backends.pandas.builtin_checks",
    "pandera.backends.pandas.register",
    "psycopg2.extras",
    "psycopg_pool",
    "upath.implementations.local",
)
_LARGEST_REQUEST: Final = 1 << 24
_REQUEST_SECONDS: Final = 5.0
_DESCRIPTORS: Final = 4
# What the client passes on to its command.
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyWarm(Exception):
    """Another process serves the commands of this installation."""


def serve_commands(home: Path) -> bool:
    """Fork for commands of the installation in ``home`` until the process is to end, and return False.

    Return True in a fork, which is to run the command in ``sys.argv``.

    Raises:
        AlreadyWarm: another process does this.
        OSError: the socket cannot be made, for example because its path is too long.
    """
    mark = code_mark()
    path = Path(socket_path(str(home)))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name("lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyWarm(f"another process runs the commands of {home} already.") from None
        import_modules()
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            taken = Server(listener, lambda request: request["mark"] == mark).serve()
        if taken is None:
            path.unlink(missing_ok=True)
            return False
    become(*taken)
    return True


def import_modules() -> None:
    """Import what commands import, and hide it from the garbage collector, so that forks share its memory."""
    import imports_pipeline.cli.commands as commands

    names = [f"{commands.__name__}.{module.name}" for module in iter_modules(commands.__path__)]
    for name in [*names, *_LATER]:
        import_module(name)
    gc.collect()
    gc.freeze()


@dataclass
class Server:
    """Forks for each request that arrives at ``listener``, unless ``accepts`` returns False for it."""

    listener: socket.socket
    accepts: Callable[[dict[str, Any]], bool]
    #: process id → the connection of its client
    running: dict[int, socket.socket] = field(default_factory=dict)

    def serve(self) -> tuple[dict[str, Any], list[int]] | None:
        """Return the request and its files in a fork, and None in this process when it has ended its work."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        handled = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
        handlers = {number: signal.signal(number, lambda *_: None) for number in handled}
        try:
            return self._serve(woken)
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(woken)
            os.close(wake)

    def _serve(self, woken: int) -> tuple[dict[str, Any], list[int]] | None:
        with selectors.DefaultSelector() as selector:
            self.listener.listen(64)
            is_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
            for source in (self.listener, woken, *((0,) if is_pipe else ())):
                selector.register(source, selectors.EVENT_READ)
            stops = False
            while not stops or self.running:
                for key, _ in selector.select():
                    if key.fd == woken:
                        received = os.read(woken, 4096)
                        stops = stops or signal.SIGINT in received or signal.SIGTERM in received
                        self._reap(selector)
                    elif key.fd == 0:
                        stops = stops or not os.read(0, 4096)
                    elif key.fileobj is self.listener:
                        if not stops and (taken := self._accept(selector)) is not None:
                            return taken
                    elif key.data in self.running:
                        self._end(selector, key.data)
                if stops and self.listener.fileno() >= 0:
                    if is_pipe:
                        selector.unregister(0)
                    selector.unregister(self.listener)
                    self.listener.close()
        return None

    def _accept(self, selector: selectors.BaseSelector) -> tuple[dict[str, Any], list[int]] | None:
        """Fork for a request. Return it in the fork, and None here."""
        connection, _ = self.listener.accept()
        connection.settimeout(_REQUEST_SECONDS)
        descriptors: list[int] = []
        accepted, pid = False, 0
        try:
            request = _received(connection, descriptors)
            accepted = self.accepts(request)
            _send(connection, int(accepted))
            # A client that has waited too long runs its command itself, and closes the connection.
            accepted = accepted and connection.recv(1) == b"\1"
            pid = _fork() if accepted else 0
        except (OSError, ValueError, KeyError):
            # The client has gone, has sent no request, or no process can be forked.
            accepted = False
        if accepted and pid == 0:
            for other in (connection, *self.running.values()):
                other.close()
            return request, descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        if pid:
            self.running[pid] = connection
            selector.register(connection, selectors.EVENT_READ, pid)
        with suppress(OSError):
            # If the client has gone, its connection becomes readable, and its command ends.
            _send(connection, pid)
        if not pid:
            connection.close()
        return None

    def _end(self, selector: selectors.BaseSelector, pid: int) -> None:
        """Kill a command whose client has gone. ``_reap`` sees its end."""
        selector.unregister(self.running[pid])
        os.kill(pid, signal.SIGKILL)

    def _reap(self, selector: selectors.BaseSelector) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self.running.pop(pid) as connection:
                with suppress(KeyError):
                    selector.unregister(connection)
                with suppress(OSError):
                    _send(connection, os.waitstatus_to_exitcode(status))


def _fork() -> int:
    """Fork. In the fork no signal is handled until ``become`` has set the handlers of the command."""
    signals = {signal.SIGCHLD, *_SIGNALS}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        with warnings.catch_warnings():
            # The other threads are those of OpenBLAS and jemalloc, which both support fork.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            pid = os.fork()
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        # Otherwise a signal of the command would also be read by the process that it is a fork of.
        signal.set_wakeup_fd(-1)
    return pid


def _received(connection: socket.socket, descriptors: list[int]) -> dict[str, Any]:
    """Return the request, and append the files that came with it to ``descriptors``.

    Raises:
        OSError: the client has gone or is too slow.
        ValueError: it is no request.
    """
    head, files, *_ = socket.recv_fds(connection, 8, _DESCRIPTORS)
    descriptors += files
    size = int.from_bytes(head, "big")
    if len(files) != _DESCRIPTORS or not 0 < size <= _LARGEST_REQUEST:
        raise ValueError
    message = bytearray()
    while len(message) < size:
        part = connection.recv(size - len(message))
        if not part:
            raise ConnectionResetError
        message += part
    request: dict[str, Any] = json.loads(message)
    return request


def _send(connection: socket.socket, number: int) -> None:
    connection.sendall(number.to_bytes(8, "big", signed=True))


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Take on the surroundings of the client: session, streams, folder, environment, signals, umask and niceness."""
    os.setsid()
    *streams, folder = descriptors
    os.fchdir(folder)
    os.close(folder)
    for number, (descriptor, encoding) in enumerate(zip(streams, request["streams"], strict=True)):
        if encoding is None:
            # The client's stream is closed. Its number may by now be that of the client's socket, which must not stay
            # open here: its end tells that the client was killed.
            os.close(descriptor)
            descriptor = os.open(os.devnull, os.O_RDWR)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.umask(request["umask"])
    os.nice(max(0, request["niceness"] - os.nice(0)))
    for number in _SIGNALS:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in request["ignored"] else default)
    for number, (name, encoding) in enumerate(
        zip(("stdin", "stdout", "stderr"), request["streams"], strict=True)
    ):
        stream = None
        if encoding is not None:
            lines = 1 if number == 2 or os.isatty(number) else -1
            mode = "r" if number == 0 else "w"
            stream = open(number, mode, lines, encoding[0], encoding[1], closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    sys.argv = ["imports-pipeline", *request["arguments"]]
    gc.enable()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, *_SIGNALS})
    except KeyboardInterrupt:
        # Ctrl-C came before the command began.
        os._exit(130)
