"""Measurement of a command: wall and processor seconds, and the peak memory of its process and children."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Measured:
    """A successful process: its ``seconds``, ``rss_mb`` in MB of 2**20 bytes, and its output."""

    #: from start to end
    seconds: float
    #: of the processor, used by the process and its children, and by PostgreSQL meanwhile
    client_seconds: float
    server_seconds: float
    rss_mb: float
    output: str


class Failed(RuntimeError):
    """The process failed; the message holds the end of its output."""


def measure(command: Sequence[str], environment: Mapping[str, str], folder: Path, server: int) -> Measured:
    """Run a command in a folder and return its measurement.

    Args:
        server: the process id of PostgreSQL's first process.

    Raises:
        Failed: the exit status is not 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        served, started = _processor_seconds(server), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
        if process.returncode:
            errors.seek(0)
            tail = (errors.read().decode(errors="replace").strip() or said.strip())[-1500:]
            raise Failed(f"{' '.join(command[:4])} … ended with {process.returncode}: {tail}")
    return Measured(
        seconds,
        used.ru_utime + used.ru_stime,
        _processor_seconds(server) - served,
        used.ru_maxrss / 1024,
        said,
    )


def _processor_seconds(server: int) -> float:
    """Return the processor seconds of PostgreSQL so far: of its first process, of children that run, and that ended."""
    first = psutil.Process(server)
    while True:
        ended = first.cpu_times()
        running = 0.0
        for child in first.children():
            with suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                running += times.user + times.system
        again = first.cpu_times()
        # A child that ends meanwhile would be counted twice, or not at all.
        if (again.children_user, again.children_system) == (ended.children_user, ended.children_system):
            return running + again.user + again.system + again.children_user + again.children_system
