"""The process of a run as the run's tag names it, so that any process of the same machine finds it again."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from typing import Final

import dagster as dg
import psutil

from imports_pipeline.defs.runs import tags

# Within which no process number is used twice, and by which the kernel's clocks may differ.
_SAME: Final = 1.0


@dataclass(frozen=True)
class RunProcess:
    """Which machine, which process, and when it began: a process number alone comes round again."""

    #: A run that is launched again takes over all tags of the one before it.
    run: str
    host: str
    pid: int
    #: seconds after the machine's start: setting its clock changes the time of day at which a process began
    began: float

    @classmethod
    def here(cls, run_id: str, pid: int) -> RunProcess:
        """Describe a process of this machine. Raises ``psutil.NoSuchProcess``."""
        return cls(run_id, socket.gethostname(), pid, _began(psutil.Process(pid)))

    @classmethod
    def of(cls, run: dg.DagsterRun) -> RunProcess | None:
        """Read it from a run's tags; ``None`` where no launcher of ours launched it."""
        text = run.tags.get(tags.PROCESS)
        if text is None:
            return None
        found = cls(**json.loads(text))
        return found if found.run == run.run_id else None

    def tag(self) -> dict[str, str]:
        """Return the tag that names it."""
        return {tags.PROCESS: json.dumps(asdict(self))}

    def is_here(self) -> bool:
        """Return whether it is, or was, of this machine."""
        return self.host == socket.gethostname()

    def find(self) -> psutil.Process | None:
        """Return it while it lives."""
        try:
            process = psutil.Process(self.pid)
            lives = abs(_began(process) - self.began) < _SAME and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if lives else None

    def __str__(self) -> str:
        return f"process {self.pid} of {self.host}"


def _began(process: psutil.Process) -> float:
    return float(round(process.create_time() - psutil.boot_time(), 2))
