"""Runs what callers wait for, in processes of their own that keep Dagster loaded.

A run of Dagster is some hundred milliseconds of pure Python: in threads of the API it would hold up every other
answer. Everything a worker needs is in the import's record, so it is told an id and no more.

Each worker is a pool of one process, because a pool whose process dies takes all it has with it. What a worker dies
under is given to the next once more: an import goes on behind the last phase that was committed, as one that Dagster
tries again does. What dies twice is ended by the reconciler.

A large file may leave a worker with memory that it cannot give back; such a worker is replaced when the call is done.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

import psutil

from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.import_phases import freed_memory

_ATTEMPTS: Final = 2
#: Callers who may wait at the same time; each holds a connection open and some kilobytes.
_WAITING: Final = 200


class Work:
    """Worker processes, warmed up when they are opened; callers get them in turn."""

    def __init__(self, workers: int, most_bytes: int) -> None:
        """Have so many processes; one that keeps more than ``most_bytes`` of memory is replaced."""
        self._count = workers
        self._most_bytes = most_bytes
        self._workers: list[ProcessPoolExecutor] = []
        self._free: asyncio.Queue[ProcessPoolExecutor] = asyncio.Queue()
        self._waiting = 0

    def open(self) -> None:
        """Start the processes."""
        for _ in range(self._count):
            self._start()

    def _start(self) -> None:
        worker = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_warm)
        worker.submit(_ready)
        self._workers.append(worker)
        self._free.put_nowait(worker)

    def _replace(self, worker: ProcessPoolExecutor) -> None:
        """End a process and start another, which is free at once and warm soon."""
        self._workers.remove(worker)
        worker.shutdown(wait=False)
        self._start()

    def close(self) -> None:
        """Wait for what is running, begin nothing new, and end the processes."""
        for worker in self._workers:
            worker.shutdown(cancel_futures=True)

    async def run_import(self, import_id: str) -> None:
        """Take a registered import through its phases: all of them, or to ``queued``. Raises ``Refusal``."""
        await self._call(_run_import, import_id)

    async def run_revert(self, import_id: str) -> None:
        """Take a registered revert through its run. Raises ``Refusal``."""
        await self._call(_run_revert, import_id)

    async def cancel(self, import_id: str) -> None:
        """End an import and its runs. Raises ``Refusal``."""
        await self._call(_cancel, import_id)

    async def write_upload_json(self, import_id: str) -> None:
        """Write the upload of an import as JSON into its folder. Raises ``Refusal``."""
        await self._call(_write_upload_json, import_id)

    async def _call(self, function: Callable[[str], None], import_id: str) -> None:
        if self._waiting >= _WAITING:
            raise Refusal(
                503, "busy", "Too many callers wait already; try again soon.", headers={"Retry-After": "5"}
            )
        # A task of its own: a caller who hangs up stops nothing.
        if not await asyncio.shield(asyncio.create_task(self._done(function, import_id))):
            raise Refusal(
                503,
                "unavailable",
                f"The process that worked on {import_id} died twice; look at {import_id} in a minute.",
                headers={"Retry-After": "60"},
            )

    async def _done(self, function: Callable[[str], None], import_id: str) -> bool:
        """Make the call; ``False`` when each worker died that was given it."""
        self._waiting += 1
        try:
            for _ in range(_ATTEMPTS):
                worker = await self._free.get()
                try:
                    kept = await asyncio.wrap_future(worker.submit(_measured, function, import_id))
                except BrokenProcessPool:
                    self._replace(worker)
                    continue
                except BaseException:
                    self._free.put_nowait(worker)
                    raise
                if kept > self._most_bytes:
                    self._replace(worker)
                else:
                    self._free.put_nowait(worker)
                return True
            return False
        finally:
            self._waiting -= 1


def _warm() -> None:
    """Load what the first caller would wait for; leave signals to the API, which ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from imports_pipeline.dagster_runtime import in_process_runner

    in_process_runner.quiet_dagster()
    _workflow()


def _ready() -> int:
    return os.getpid()


def _measured(function: Callable[[str], None], import_id: str) -> int:
    """Call the function, give memory back to the system, and return how many bytes this process keeps."""
    function(import_id)
    freed_memory.release_memory()
    return int(psutil.Process().memory_info().rss)


def _workflow() -> Any:
    from imports_pipeline.database.connections import Database
    from imports_pipeline.filestore.opening import open_store
    from imports_pipeline.settings import Settings
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

    settings = Settings.read()
    return ImportWorkflow(Database(os.environ["DATABASE_URL"]), open_store(settings), settings)


def _run_import(import_id: str) -> None:
    from imports_pipeline.dagster_runtime import in_process_runner

    workflow = _workflow()
    in_process_runner.run_import(workflow, workflow.get(import_id), wait=False)


def _run_revert(import_id: str) -> None:
    from imports_pipeline.dagster_runtime import in_process_runner

    workflow = _workflow()
    in_process_runner.run_revert(workflow, workflow.get(import_id))


def _cancel(import_id: str) -> None:
    from imports_pipeline.dagster_runtime import in_process_runner

    in_process_runner.cancel_import(_workflow(), import_id)


def _write_upload_json(import_id: str) -> None:
    from imports_pipeline.import_phases.files.upload_json import write_upload_json
    from imports_pipeline.import_phases.limits import Limits

    workflow = _workflow()
    import_ = workflow.get(import_id)
    write_upload_json(import_, workflow.files(import_), Limits.of(workflow.settings))
