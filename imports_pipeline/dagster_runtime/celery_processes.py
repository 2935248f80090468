"""Lets runs in Celery's worker processes start child processes."""

from __future__ import annotations

import multiprocessing.process
from typing import Final

# The process object of this process, taken before Celery replaces it in the worker processes.
_PROCESS: Final = multiprocessing.process.current_process()


def allow_child_processes(**_: object) -> None:
    """Let a run start child processes (``workflow/part_executors.py``). The children end with the run.

    Celery's worker processes are daemonic processes of ``billiard``, a fork of multiprocessing. billiard replaces
    multiprocessing's private ``_current_process`` with its own object, and multiprocessing refuses to start children
    from a daemonic process. There is no public way to reset this, so the original object is put back.
    ``test_private_parts.py`` fails if this changes.
    """
    multiprocessing.process._current_process = _PROCESS  # type: ignore[attr-defined]
