"""A real Redis for the tests: Debian's ``redis-server`` on a free port, gone with the tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_STARTS_WITHIN = 30.0


@dataclass
class Broker:
    """A broker that can be stopped and started again at its address."""

    folder: Path
    port: int
    host: str = "127.0.0.1"
    #: what runs a command on its host, where that is another
    inside: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> None:
        """Start it, with what it held when it was stopped, and wait until it takes connections."""
        program = shutil.which("redis-server")
        assert program is not None, "These tests need Redis: apt-get install redis-server"
        self._process = subprocess.Popen(
            [
                *(*self.inside, program, "--bind", self.host, "--port", str(self.port)),
                *("--protected-mode", "no", "--appendonly", "yes"),
                *("--save", "", "--dir", str(self.folder), "--logfile", str(self.folder / "redis.log")),
            ],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < end, "Redis did not start"
                assert self._process.poll() is None, "Redis ended"
                time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@contextmanager
def broker(folder: Path, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> Iterator[Broker]:
    """Run a broker for the block; ``inside`` is a command that runs it on another host, which has the address."""
    with socket.socket() as probe:
        # Of another host all ports are free.
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder.mkdir()
    made = Broker(folder, port, host, inside)
    made.start()
    try:
        yield made
    finally:
        made.stop()
