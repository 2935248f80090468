"""Copies a file into the folder of its import while the process still loads what it needs to run the phases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final

import psycopg

from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.sources import fetching
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.phase_runner import fetch

# Smaller files are copied at once. Larger ones take longer than everything else that is to be done meanwhile, and the
# timeout of the import counts from its first phase.
_LEAST_BYTES: Final = 8 * 1024 * 1024
_MOST_BYTES: Final = 1024 * 1024 * 1024


class _Ended(Exception):
    """The block has ended with an error, so the file is not needed."""


@contextmanager
def fetched_meanwhile(workflow: ImportWorkflow, import_: Import) -> Iterator[None]:
    """Copy the file of an import in a thread during the block, if it is a large one on this machine.

    After an error ``prevalidation`` copies it again, and reports what is wrong.
    """
    size = None if import_.source_uri is None else fetching.local_size(import_.source_uri)
    if size is None or not _LEAST_BYTES <= size <= _MOST_BYTES or import_.options.mode is Mode.SYNC:
        yield
        return
    ended = threading.Event()

    def checkpoint() -> None:
        if ended.is_set():
            raise _Ended

    def copy() -> None:
        with workflow.database.connect(worker_name(import_.id)) as connection:
            fetch(connection, import_, workflow.store, workflow.settings, checkpoint, now=workflow.clock())

    with ThreadPoolExecutor(1, "fetching") as pool:
        copied = pool.submit(copy)
        try:
            yield
        except BaseException:
            ended.set()
            raise
        with suppress(PermanentFailure, OSError, psycopg.Error):
            copied.result()
