"""Measurement of a command: wall seconds, and the peak resident memory of its process and children."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """A successful process: wall ``seconds``, ``rss_mb`` in MB of 2**20 bytes, and its output."""

    seconds: float
    rss_mb: float
    output: str


class Failed(RuntimeError):
    """The process failed; the message holds the end of its output."""


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run a command and return its measurement.

    Raises:
        Failed: the exit status is not 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
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
    return Measured(seconds, used.ru_maxrss / 1024, said)
