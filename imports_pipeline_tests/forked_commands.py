"""Commands as processes that are forked from one that has imported their modules.

A command of its own Python spends 2 of its 2.4 seconds of CPU on importing modules. A forked one is a real process as
well, with its own arguments, environment, folder, output and exit status; only the imports have happened before.

Tests call ``run`` in place of ``subprocess.run``. ``program`` returns a program for ``subprocess.Popen`` that has a
forked command do its work, passes signals on to it, and takes it along when it is killed. ``install`` writes such a
program for shell scripts. The process that forks is started at the first use and ends with the one that started it.
"""

from __future__ import annotations

import atexit
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imports_pipeline.cli.warm import client

_NAME = "imports-pipeline"
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
        folder = os.open(cwd or Path.cwd(), os.O_RDONLY)
        wanted = {**client.request([*map(str, arguments)]), "environment": dict(env)}
        if module is not None:
            wanted["module"] = module
        with client.connect(_path_of_server()) as connection:
            assert client.offer(connection, wanted, (given.fileno(), out.fileno(), error.fileno(), folder))
            os.close(folder)
            client.begin(connection)
            status = client.number_from(connection)
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess([*map(str, arguments)], status, out.read(), error.read())


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
    root = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.append({root!r}); from {__name__} import stand_in; stand_in()"
    return (sys.executable, "-I", "-S", "-c", code, _path_of_server())


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


def stand_in() -> None:
    """Wait for the command whose server and arguments are in ``sys.argv``, and exit as it does."""
    folder = os.open(".", os.O_RDONLY)
    sys.exit(client.stand_in(sys.argv[1], client.request(sys.argv[2:]), (0, 1, 2, folder)))


def serve(path: str) -> None:
    """Fork a command for each request until standard input ends."""
    import runpy

    from imports_pipeline.cli import run_here
    from imports_pipeline.cli.warm import server

    server.import_modules()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        taken = server.Server(listener, lambda _: True).serve()
    if taken is None:
        return
    request, descriptors = taken
    server.become(request, descriptors)
    if "module" in request:
        sys.argv[0] = request["module"]
        runpy.run_module(request["module"], run_name="__main__")
    else:
        run_here()
