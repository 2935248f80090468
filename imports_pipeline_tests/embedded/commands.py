"""Commands that use the embedded server, as processes of their own, so that a test can kill one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psutil

_PROGRAM = """
import sys
from pathlib import Path
from imports_pipeline.embedded import running_server
with running_server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


class Command:
    """A process that holds the server until it is told to leave."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        """Wait until it has the server."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        """Let it end in order."""
        self.process.communicate("\n")
        assert self.process.returncode == 0

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()


def server_processes(folder: Path) -> list[psutil.Process]:
    """List the live PostgreSQL processes of a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()) == (folder / "data").resolve()
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def postmaster_pid(folder: Path) -> int:
    """Read the main process's number."""
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def swept(folder: Path) -> Iterator[Path]:
    """End what a failed test left running of its own server."""
    try:
        yield folder
    finally:
        for process in server_processes(folder):
            os.kill(process.pid, signal.SIGKILL)
