"""Commands as processes that are forked from one that has imported their modules.

A command of its own Python spends 2 of its 2.4 seconds of CPU on importing modules. A forked one is a real process as
well, with its own arguments, environment, folder, output and exit status; only the imports have happened before.

Tests call ``run`` in place of ``subprocess.run``. ``program`` returns a program for ``subprocess.Popen`` that has a
forked command do its work, passes signals on to it, and takes it along when it is killed. ``install`` writes such a
program for shell scripts. The process that forks is started at the first use and ends with the one that started it.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_NAME = "imports-pipeline"
_LARGEST_MESSAGE = 1 << 17
_server: tuple[subprocess.Popen[bytes], str] | None = None


def run(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str] = os.environ,
    cwd: str | Path | None = None,
    stdin: bytes = b"",
    module: str | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run ``imports-pipeline`` with arguments and return its status, standard output and standard error.

    A ``module`` runs in place of the command, as ``python -m`` runs it.
    """
    import tempfile

    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as error,
    ):
        given.write(stdin)
        given.seek(0)
        descriptors = [given.fileno(), out.fileno(), error.fileno()]
        command = [module or _NAME, *map(str, arguments)]
        with _asked(_path_of_server(), command, str(cwd or Path.cwd()), dict(env), descriptors) as connection:
            _pid(connection)
            status = _status(connection)
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(command, status, out.read(), error.read())


def run_text(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str] = os.environ,
    cwd: str | Path | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run ``imports-pipeline`` like ``run``, with texts in place of bytes."""
    done = run(arguments, env=env, cwd=cwd, stdin=stdin.encode())
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def program() -> tuple[str, ...]:
    """Return the beginning of a command line that stands for ``imports-pipeline``."""
    return (sys.executable, "-I", "-S", __file__, _path_of_server())


def install(folder: Path) -> Path:
    """Write an executable ``imports-pipeline`` into a folder that runs a forked command, and return the folder."""
    folder.mkdir(exist_ok=True)
    script = folder / _NAME
    script.write_text(f'#!/bin/sh\nexec {shlex.join(program())} "$@"\n')
    script.chmod(0o755)
    return folder


def _path_of_server() -> str:
    """Return the path of the server's socket; start the server if it does not run."""
    global _server
    if _server is None or _server[0].poll() is not None:
        import tempfile

        folder = tempfile.TemporaryDirectory(prefix="commands-")
        atexit.register(folder.cleanup)
        path = f"{folder.name}/socket"
        process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve({path!r})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        atexit.register(process.communicate)
        _server = process, path
    return _server[1]


def _asked(
    path: str, command: list[str], folder: str, environment: dict[str, str], descriptors: list[int]
) -> socket.socket:
    """Let the server fork a command, and return the connection that it answers on."""
    message = json.dumps([command, folder, environment]).encode()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    connection.sendmsg([message], [rights])
    return connection


def _pid(connection: socket.socket) -> int:
    """Return the number of the forked process."""
    return _status(connection)


def _status(connection: socket.socket) -> int:
    """Wait for the end of the forked process and return its exit status, which is negative after a signal."""
    answer = connection.recv(64)
    if not answer:
        raise RuntimeError("the process that forks commands has died")
    return int(answer)


def _stand_for_a_command(path: str, arguments: list[str]) -> int:
    """Let the server fork the command, pass signals on to it, and return its exit status."""
    import signal

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with _asked(path, [_NAME, *arguments], os.getcwd(), dict(os.environ), [0, 1, 2]) as connection:
        pid = _pid(connection)
        for number in signals:
            signal.signal(number, lambda received, _frame: os.kill(pid, received))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return _status(connection)


def serve(path: str) -> None:
    """Fork a command for each request until standard input ends."""
    import gc

    _import_what_commands_import()
    gc.freeze()
    asked = _fork_for_each_request(path)
    if asked is not None:
        _become(*asked)


_Request = tuple[list[str], str, dict[str, str]]


def _fork_for_each_request(path: str) -> tuple[_Request, list[int]] | None:
    """Return the request and its descriptors in a fork, and None in the server when standard input ends."""
    import selectors
    import signal

    # The descriptor of each forked process, by which its end is seen, with its number and its client.
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as own:
        own.bind(path)
        own.listen(64)
        selector.register(own, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    return None
                if key.fd == own.fileno():
                    connection, _ = own.accept()
                    message, descriptors, *_ = socket.recv_fds(connection, _LARGEST_MESSAGE, 3)
                    pid = os.fork()
                    if pid == 0:
                        connection.close()
                        return json.loads(message), descriptors
                    connection.sendall(str(pid).encode())
                    pidfd = os.pidfd_open(pid)
                    running[pidfd] = pid, connection
                    selector.register(pidfd, selectors.EVENT_READ)
                    selector.register(connection, selectors.EVENT_READ, pid)
                    for descriptor in descriptors:
                        os.close(descriptor)
                elif key.fd in running:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    pid, connection = running.pop(key.fd)
                    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    with suppress(KeyError):
                        selector.unregister(connection)
                    with connection, suppress(OSError):
                        connection.sendall(str(status).encode())
                elif key.data in {pid for pid, _ in running.values()}:
                    # The client was killed, and its command goes with it.
                    selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)


def _become(request: _Request, descriptors: list[int]) -> None:
    """Be the command: in its folder and environment, with its standard streams."""
    import runpy
    import time

    sys.argv, folder, environment = request
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if sys.argv[0] != _NAME:
        runpy.run_module(sys.argv[0], run_name="__main__")
        return
    from imports_pipeline.cli import main

    main()


def _import_what_commands_import() -> None:
    from importlib import import_module
    from pkgutil import iter_modules

    import imports_pipeline.cli.commands as commands

    names = [f"{commands.__name__}.{module.name}" for module in iter_modules(commands.__path__)]
    runtime = [
        "imports_pipeline.dagster_runtime.in_process_runner",
        "imports_pipeline.schemas.pandera_schemas.validation",
        "pandera.backends.pandas.register",
        "pandera.backends.pandas.builtin_checks",
        "psycopg2.extras",
        "psycopg_pool",
        "upath.implementations.local",
    ]
    for name in [*names, *runtime]:
        if not name.endswith(".api"):
            import_module(name)


if __name__ == "__main__":
    sys.exit(_stand_for_a_command(sys.argv[1], sys.argv[2:]) & 0xFF)
