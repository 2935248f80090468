"""Identifies the process of a run in a tag of the run, so that other processes of the same machine can find it."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from typing import Final

import dagster as dg
import psutil

from imports_pipeline.defs.runs import tags

# Two start times of one process id that differ by less than this many seconds mean the same process. The kernel does
# not reuse a process id so soon, and its clocks differ by less.
_START_TIME_TOLERANCE: Final = 1.0


@dataclass(frozen=True)
class RunProcess:
    """The machine, process id and start time of a process. The start time is needed because process ids are reused."""

    #: the run id; a retry of a run copies the tags of the run, including the one of the old process
    run: str
    host: str
    pid: int
    #: seconds after the machine's start; the time of day would change when the clock is set
    began: float

    @classmethod
    def here(cls, run_id: str, pid: int) -> RunProcess:
        """Return the description of a process of this machine. Raises ``psutil.NoSuchProcess``."""
        return cls(run_id, socket.gethostname(), pid, _began(psutil.Process(pid)))

    @classmethod
    def of(cls, run: dg.DagsterRun) -> RunProcess | None:
        """Read the process from a run's tags. Return None if our launcher did not launch the run."""
        text = run.tags.get(tags.PROCESS)
        if text is None:
            return None
        found = cls(**json.loads(text))
        return found if found.run == run.run_id else None

    def tag(self) -> dict[str, str]:
        """Return the tag that identifies the process."""
        return {tags.PROCESS: json.dumps(asdict(self))}

    def is_here(self) -> bool:
        """Return True if the process is or was on this machine."""
        return self.host == socket.gethostname()

    def find(self) -> psutil.Process | None:
        """Return the process, or None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            lives = (
                abs(_began(process) - self.began) < _START_TIME_TOLERANCE
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return None
        return process if lives else None

    def __str__(self) -> str:
        return f"process {self.pid} of {self.host}"


def _began(process: psutil.Process) -> float:
    return float(round(process.create_time() - psutil.boot_time(), 2))
