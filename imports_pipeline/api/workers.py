"""Worker processes that keep Dagster loaded and run imports for callers who wait.

A Dagster run takes some hundred milliseconds of pure Python; in a thread of the API it would delay every other
response. A worker receives only the id of an import, because the import's record has everything else.

Each worker is a ``ProcessPoolExecutor`` with one process: if a process of a pool dies, the pool loses all its calls. A
call whose worker died is made once more on the next worker, and the import continues after its last committed phase,
as it does when Dagster retries a run. If the second worker dies too, the reconciler ends the import.

A large file may leave a worker with memory that it cannot return to the system. Such a worker is replaced after the
call.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Final

import psutil

from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.import_phases import freed_memory

_ATTEMPTS: Final = 2
# The largest number of waiting callers; each holds a connection open and some kilobytes of memory.
_MAX_WAITING: Final = 200


class WorkerPool:
    """Worker processes that load Dagster when they start. Each call takes the worker that has been free longest."""

    def __init__(self, workers: int, most_bytes: int) -> None:
        """Set the number of processes; a process that keeps more than ``most_bytes`` of memory is replaced."""
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
        worker = ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), initializer=_load_modules
        )
        worker.submit(_ready)
        self._workers.append(worker)
        self._free.put_nowait(worker)

    def _replace(self, worker: ProcessPoolExecutor) -> None:
        """End a process and start another one, which accepts calls at once and loads Dagster meanwhile."""
        self._workers.remove(worker)
        worker.shutdown(wait=False)
        self._start()

    def close(self) -> None:
        """Cancel the calls that have not begun, wait for the others, and end the processes."""
        for worker in self._workers:
            worker.shutdown(cancel_futures=True)

    async def run_import(self, import_id: str) -> None:
        """Run the phases of a registered import: all of them, or those up to ``queued`` in mode ``mixed``.

        Raises:
            Refusal: too many callers wait, or two workers died during the call.
        """
        await self._call(_run_import, import_id)

    async def run_revert(self, import_id: str) -> None:
        """Run a registered revert. Raises ``Refusal`` as ``run_import`` does."""
        await self._call(_run_revert, import_id)

    async def cancel(self, import_id: str) -> None:
        """Cancel an import and its runs. Raises ``Refusal`` as ``run_import`` does."""
        await self._call(_cancel, import_id)

    async def write_upload_json(self, import_id: str) -> None:
        """Write the uploaded rows as JSON into the import's folder. Raises ``Refusal`` as ``run_import`` does."""
        await self._call(_write_upload_json, import_id)

    async def write_error_workbook(self, import_id: str) -> None:
        """Write the errors file as a workbook into the import's folder. Raises ``Refusal`` as ``run_import`` does."""
        await self._call(_write_error_workbook, import_id)

    async def _call(self, function: Callable[[str], None], import_id: str) -> None:
        if self._waiting >= _MAX_WAITING:
            raise Refusal(
                503,
                "busy",
                "Too many callers are waiting; try again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        # A caller who disconnects cancels this coroutine; the call itself is a separate task and goes on.
        if not await asyncio.shield(asyncio.create_task(self._call_worker(function, import_id))):
            raise Refusal(
                503,
                "unavailable",
                f"The process that worked on {import_id} died twice; look at {import_id} in a minute.",
                headers={"Retry-After": "60"},
            )

    async def _call_worker(self, function: Callable[[str], None], import_id: str) -> bool:
        """Make the call and return True, or False if every worker that received it died."""
        self._waiting += 1
        try:
            for _ in range(_ATTEMPTS):
                worker = await self._free.get()
                try:
                    memory = await asyncio.wrap_future(worker.submit(_call_and_measure, function, import_id))
                except BrokenProcessPool:
                    self._replace(worker)
                    continue
                except BaseException:
                    self._free.put_nowait(worker)
                    raise
                if memory > self._most_bytes:
                    self._replace(worker)
                else:
                    self._free.put_nowait(worker)
                return True
            return False
        finally:
            self._waiting -= 1


def _load_modules() -> None:
    """Load Dagster and pandas, so that the first caller does not wait for them, and ignore SIGINT."""
    # Ctrl-C reaches the whole process group; the API ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from imports_pipeline.dagster_runtime import in_process_runner

    in_process_runner.quiet_dagster()
    _workflow()


def _ready() -> int:
    return os.getpid()


def _call_and_measure(function: Callable[[str], None], import_id: str) -> int:
    """Call the function, return free memory to the system, and return this process's resident bytes."""
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


def _write_error_workbook(import_id: str) -> None:
    from imports_pipeline.import_phases.files.error_workbook import store_error_workbook
    from imports_pipeline.import_phases.files.text_workbook import NoWorkbook

    workflow = _workflow()
    # Where a sheet cannot hold the rows there is no workbook, and its URL is null.
    with suppress(NoWorkbook):
        store_error_workbook(workflow.files(workflow.get(import_id)))
