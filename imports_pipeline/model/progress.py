"""What this process is doing for an import at the moment, for a command that shows it on a terminal.

The phases report here, at most once a batch of rows or a statement of SQL. Nothing is stored: the reports of finished
phases are in the import's record. ``database/shown_progress.py`` lets other processes see it. A process works on one
import at a time, or what is shown is that of the import that reported last.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Activity:
    """What a process is doing.

    Attributes:
        phase: The phase of the import; empty before the first one.
        total: The number of rows that the phase has to do, if it is known.
        rows: The number of rows that are done; None for a phase that does not count them.
        step: What is being done, in words, such as what the database writes.
        began: The time at which the phase began, by ``time.monotonic``.
        import_id: The import; empty where the process waits for another one.
    """

    phase: str = ""
    total: int | None = None
    rows: int | None = None
    step: str = ""
    began: float = field(default_factory=time.monotonic)
    import_id: str = ""


_current = Activity()


def current() -> Activity:
    """Return what this process is doing."""
    return _current


def begin(phase: str = "", total: int | None = None, step: str = "", *, import_id: str = "") -> None:
    """Set the phase of an import that begins now, and the number of its rows if it is known."""
    global _current
    _current = Activity(phase, total, step=step, import_id=import_id)


def count(rows: int) -> None:
    """Set the number of rows of the phase that are done."""
    global _current
    _current = replace(_current, rows=rows)


def step(text: str) -> None:
    """Set what is being done within the phase, in words. Its rows are counted anew."""
    global _current
    _current = replace(_current, step=text, rows=None)
