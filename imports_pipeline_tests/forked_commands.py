"""Commands as processes that are forked from one that has imported their modules.

A command of its own Python spends 2 of its 2.4 seconds of CPU on importing modules. A forked one is a real process as
well, with its own arguments, environment, folder, output and exit status; only the imports have happened before.

Tests call ``run`` in place of ``subprocess.run``. ``install`` writes an executable of the command's name that does the
same, for shell scripts. The process that forks is started at the first use and ends with the process that started it.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
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
    program: str = _NAME,
) -> subprocess.CompletedProcess[bytes]:
    """Run ``imports-pipeline`` with arguments and return its status, standard output and standard error.

    ``program`` may be the name of a module, which then runs in place of the command as ``python -m`` runs it.
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
        texts = [str(argument) for argument in arguments]
        status = _ask(_path_of_server(), [program, *texts], str(cwd or Path.cwd()), dict(env), descriptors)
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess([program, *texts], status, out.read(), error.read())


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


def install(folder: Path) -> Path:
    """Write an executable ``imports-pipeline`` into a folder that runs a forked command, and return the folder."""
    folder.mkdir(exist_ok=True)
    program = folder / _NAME
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{__file__}" "{_path_of_server()}" "$@"\n')
    program.chmod(0o755)
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
        _server = process, path
    return _server[1]


def _ask(
    path: str, command: list[str], folder: str, environment: dict[str, str], descriptors: list[int]
) -> int:
    """Let the server fork a command, and return its exit status, which is negative after a signal."""
    message = json.dumps([command, folder, environment]).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        connection.sendmsg([message], [rights])
        answer = connection.recv(64)
        if not answer:
            raise RuntimeError("the process that forks commands has died")
        return int(answer)


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
                    pidfd = os.pidfd_open(pid)
                    running[pidfd] = pid, connection
                    selector.register(pidfd, selectors.EVENT_READ)
                    for descriptor in descriptors:
                        os.close(descriptor)
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    pid, connection = running.pop(key.fd)
                    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    with connection:
                        connection.sendall(str(status).encode())


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
    sys.exit(_ask(sys.argv[1], [_NAME, *sys.argv[2:]], os.getcwd(), dict(os.environ), [0, 1, 2]) & 0xFF)
