"""Executors that read the parts of a large upload: processes of this machine, or a Dask cluster.

Dask is imported only if ``DASK_SCHEDULER_ADDRESS`` is set.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

from imports_pipeline.import_phases.part_reading import PartReading
from imports_pipeline.settings import Settings


def part_wise(settings: Settings) -> PartReading | None:
    """Return how large uploads are read in parts, or None if this process reads each upload as a whole."""
    if settings.dask_address:
        return PartReading(partial(_dask, settings.dask_address), settings.part_bytes)
    if settings.workers > 1:
        return PartReading(partial(processes, settings.workers), settings.part_bytes)
    return None


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Yield a pool of ``count`` processes of this machine. They start at once, before the first task arrives."""
    # Spawn instead of fork: this process has threads and open database connections.
    spawn = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=_end_with_parent) as pool:
        pool.submit(os.getpid)
        try:
            yield pool
        except BaseException:
            # Leaving the pool would wait for running tasks, and a file store that hangs may block them for minutes.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _end_with_parent() -> None:
    """End this pool process when its parent has gone. A killed parent cannot stop its pool."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is called in a process of a pool"
    # Ctrl-C reaches all processes of a terminal. The parent process decides what has to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="end with parent", daemon=True).start()


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise ModuleNotFoundError(
            "DASK_SCHEDULER_ADDRESS is set, and Dask is not installed: pip install 'imports-pipeline[dask]'."
        ) from None
    with Client(address, set_as_default=False, name="imports-pipeline") as client:
        # Dask runs equal calls once, also those of an earlier run whose client it has not missed yet. A part that is
        # checked again must write its files again.
        yield client.get_executor(retries=2, pure=False)
