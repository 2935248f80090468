"""Works in one installation, in a process of its own, so that the processor time of all that it starts can be read."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.year.installation import MEASURED, Installation, installation
from benchmarks.year.system import pages, request, run, system
from imports_pipeline_tests.year.pages import REQUESTS
from imports_pipeline_tests.year.work import import_ten_rows, pieces_of_work

# Commands that only read.
_COMMANDS: Final = ("list", "uploads")
# Seconds until the system has done what it does only once, such as its first ticks.
_START_SECONDS: Final = 30


@dataclass(frozen=True)
class Spent:
    """What a piece of work took: milliseconds by the clock, and of the processors."""

    wall: float
    processor: float


class Worker:
    """The side of the caller. Each call of ``do`` returns a function that waits for the result."""

    def __init__(self, kind: str, home: Path) -> None:
        """Start the process and wait until its installation is built."""
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(kind, home, other))
        self._process.start()
        other.close()
        self._pipe.recv()

    def do(self, name: str, *arguments: object) -> Callable[[], Any]:
        """Begin a method of ``_Work``."""
        self._pipe.send((name, arguments))
        return self._pipe.recv

    def stop(self) -> None:
        """Stop the process, with its server."""
        self._pipe.close()
        self._process.join()


class _Work:
    """What can be done in an installation."""

    def __init__(self, ours: Installation) -> None:
        self._ours = ours
        self._open = ExitStack()
        self._pieces: dict[str, Callable[[], object]] = {}

    def open_pages(self) -> list[str]:
        """Start Dagster's pages, and return the names of all pieces of work."""
        url = self._open.enter_context(pages(self._ours.home))
        ours = self._ours
        self._pieces = {name: partial(request, url, query) for name, query in REQUESTS.items()}
        for command in _COMMANDS:
            self._pieces[f"`imports-pipeline {command}`"] = partial(
                run, ours.home, command, "--organization", MEASURED
            )
        self._pieces |= pieces_of_work(ours.workflow, ours.instance, MEASURED)
        self._pieces["import of ten rows"] = lambda: import_ten_rows(ours.workflow, ours.home)
        return list(self._pieces)

    def open_system(self) -> None:
        """Start the whole system."""
        self._open.enter_context(system(self._ours.home))
        time.sleep(_START_SECONDS)

    def close(self) -> None:
        """Stop what was started."""
        self._open.close()

    def piece(self, name: str, times: int) -> Spent:
        """Do a piece of work several times, and return what it took each time."""
        work = self._pieces[name]
        return _spent(lambda: [work() for _ in range(times)], times)

    def wait(self, seconds: float) -> Spent:
        """Return what the system takes while nothing is to be done."""
        return _spent(lambda: time.sleep(seconds), 1)

    def ticks(self, seconds: float) -> dict[str, list[float]]:
        """Return the milliseconds of the ticks of each sensor in the last seconds."""
        rows = self._ours.connection.execute(
            "SELECT body ->> 'job_name', (body ->> 'end_timestamp')::float - (body ->> 'timestamp')::float"
            " FROM (SELECT tick_body::jsonb AS body FROM dagster.job_ticks WHERE status <> 'STARTED'"
            " AND timestamp > timezone('utc', now()) - make_interval(secs => %s)) ticks"
            " WHERE body ->> 'end_timestamp' IS NOT NULL",
            [seconds],
        )
        found: dict[str, list[float]] = {}
        for name, spent in rows:
            found.setdefault(name, []).append(1000 * spent)
        return found

    def drop(self) -> dict[str, float]:
        """Drop a file, wait until it was imported and moved, and return the seconds of each step."""
        name = f"people-{time.time_ns()}.csv"
        key = f"uploads/{MEASURED}/contact/merge/{name}"
        place = self._ours.workflow.store.path(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"name,email\nAnn {name},{name}@example.com\n")
        begun = time.time()
        # The query below would take the place of what it measures.
        while not list((place.parent / "done").glob(f"*/{name}")):
            time.sleep(0.2)
        names = ("seen", "registered", "requested", "run begun", "completed", "moved")
        while True:
            steps = self._ours.connection.execute(
                "SELECT extract(epoch FROM u.seen_at)::float, extract(epoch FROM i.created_at)::float,"
                " extract(epoch FROM u.offered_at)::float, r.start_time, (i.phases -> -1 ->> 'ended_at')::float,"
                " extract(epoch FROM u.ended_at)::float FROM uploads u JOIN imports i ON i.id = u.import_id"
                " JOIN dagster.run_tags t ON t.key = '.dagster/imports_id' AND t.value = i.id"
                " JOIN dagster.runs r ON r.run_id = t.run_id WHERE u.key = %s AND u.ended_at IS NOT NULL",
                [key],
            ).fetchone()
            if steps is not None:
                return {what: at - begun for what, at in zip(names, steps, strict=True)}
            time.sleep(0.2)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the tables."""
        return self._ours.sizes()


def _serve(kind: str, home: Path, pipe: Connection) -> None:
    with installation(home, kind) as ours:
        work = _Work(ours)
        pipe.send(None)
        try:
            while True:
                name, arguments = pipe.recv()
                pipe.send(getattr(work, name)(*arguments))
        except EOFError:
            work.close()


def _spent(work: Callable[[], object], times: int) -> Spent:
    with _processor() as processor:
        begun = time.perf_counter()
        work()
        wall = time.perf_counter() - begun
    return Spent(1000 * wall / times, 1000 * processor() / times)


@contextmanager
def _processor() -> Iterator[Callable[[], float]]:
    """Yield a function that returns the processor seconds of the block, of this process and all below it.

    Those are the server of the database and what the installation has started. A process that has ended is counted
    by its parent.
    """
    begun = _processor_seconds()
    yield lambda: _processor_seconds() - begun


def _processor_seconds() -> float:
    this = psutil.Process(os.getpid())
    total = 0.0
    for process in [this, *this.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
