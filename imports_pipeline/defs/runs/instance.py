"""Creates and migrates Dagster's own tables, and removes the captured output of its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg


def migrate_dagster() -> None:
    """Create Dagster's tables, or upgrade those of an older version."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()


def log_deletion(instance: dg.DagsterInstance) -> Callable[[str], None]:
    """Return a function that removes the captured output of a run, wherever the instance keeps it."""
    return lambda run_id: instance.compute_log_manager.delete_logs(prefix=[run_id])


@contextmanager
def opened_log_deletion() -> Iterator[Callable[[str], None]]:
    """Open the instance of this environment, and yield its ``log_deletion``."""
    with dg.DagsterInstance.get() as instance:
        yield log_deletion(instance)
