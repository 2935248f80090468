"""The first nights of an installation that never removed anything, with imports beside them."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import mean, median
from typing import Final

import psutil

from benchmarks.year.installation import Installation, installation
from imports_pipeline.defs.runs.instance import log_deletion
from imports_pipeline.workflow.housekeeping import OUT_OF_TIME
from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention
from imports_pipeline_tests.year.work import import_ten_rows

KIND: Final = "without retention"
# Seconds of each turn with the retention, and of each without it.
_TURN: Final = float(os.environ.get("YEAR_NIGHT_TURN", "20"))
_MOST_TURNS: Final = int(os.environ.get("YEAR_NIGHT_TURNS", "30"))
# More than the retention of the rest takes.
_LONG: Final = 3600


@dataclass(frozen=True)
class _Import:
    """An import that has ended: when, and the processor seconds of its process and server so far."""

    at: float
    processor: float


def first_nights(home: Path) -> None:
    """Remove what is due, in turns with and without imports beside it, and print the rates of both."""
    with installation(home, KIND) as ours:
        (runs,) = ours.connection.execute("SELECT count(*) FROM dagster.runs").fetchone() or (0,)
        context = multiprocessing.get_context("spawn")
        pipe, other = context.Pipe()
        importing = context.Process(target=_import_until_told, args=(home, other))
        importing.start()
        pipe.recv()
        turns: list[tuple[float, float, bool]] = []
        processor, spent, finished = _own_seconds(ours), 0.0, False
        while not finished and len(turns) < 2 * _MOST_TURNS:
            begun = time.time()
            time.sleep(_TURN)
            middle = time.time()
            finished = _remove(ours, _TURN)
            turns += [(begun, middle, False), (middle, time.time(), True)]
            spent += time.time() - middle
        processor = _own_seconds(ours) - processor
        pipe.send(None)
        imports: list[_Import] = pipe.recv()
        importing.join()
        _print_rates(imports, [turn for turn in turns if turn[1] - turn[0] > _TURN / 2])
        left = ours.connection.execute(
            "SELECT count(*) FROM dagster.runs WHERE id > coalesce("
            " (SELECT position FROM retention_progress WHERE name = 'run_events'), 0)"
        ).fetchone()
        print(f"{runs:,} runs: {spent:.0f} s beside imports, {processor:.1f} processor s, left: {left}")
        if not finished:
            begun, processor = time.time(), _own_seconds(ours)
            _remove(ours, _LONG)
            spent, processor = time.time() - begun, _own_seconds(ours) - processor
            print(f"the rest without imports: {spent:.0f} s, {processor:.1f} processor s")


def _remove(ours: Installation, seconds: float) -> bool:
    settings = replace(ours.workflow.settings, retention_seconds=int(seconds))
    retained = DagsterRetention(ours.connection, settings, log_deletion(ours.instance)).remove()
    return OUT_OF_TIME not in retained.notes


def _own_seconds(ours: Installation) -> float:
    """Return the processor seconds of this process and of the server process of its connection."""
    server = psutil.Process(ours.connection.info.backend_pid).cpu_times()
    return time.process_time() + server.user + server.system


def _import_until_told(home: Path, pipe: Connection) -> None:
    """Import ten rows again and again, and send the imports."""
    with installation(home, KIND) as ours:
        import_ten_rows(ours.workflow, home)
        pipe.send(None)
        done = []
        while not pipe.poll():
            import_ten_rows(ours.workflow, home)
            done.append(_Import(time.time(), time.process_time()))
        pipe.send(done)


def _print_rates(imports: list[_Import], turns: list[tuple[float, float, bool]]) -> None:
    """Print the imports of each second with and without the retention."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    processor: dict[bool, list[float]] = {True: [], False: []}
    for begun, ended, beside in turns:
        done = 0.0
        for before, after in pairwise(imports):
            # An import that is under way when a turn ends belongs to both turns in part.
            within = max(0.0, min(after.at, ended) - max(before.at, begun)) / (after.at - before.at)
            done += within
            if within == 1:
                processor[beside].append(after.processor - before.processor)
        rates[beside].append(done / (ended - begun))
    if not rates[True]:
        print("The retention ended within a turn; more imports are needed to see it beside imports.")
        return
    without, beside = mean(rates[False]), mean(rates[True])
    print(
        f"imports a second in {len(turns)} turns: {without:.2f} without the retention, {beside:.2f} beside it, ratio"
        f" {beside / without:.2f}; processor ms of an import {1000 * median(processor[False]):.0f} and"
        f" {1000 * median(processor[True]):.0f}"
    )
