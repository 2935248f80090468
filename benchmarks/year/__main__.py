"""Builds the installations, does the same work in both, and prints the table (``make year``).

`YEAR_IMPORTS` imports (10,000) of `YEAR_ORGANIZATIONS` organizations (2,000) over 365 days are built in the database,
each with its runs and events in Dagster's tables; every third import has two runs. Retention removes records once in
each built week, as if it were that day. There are the ticks of one day (95,000), and `YEAR_FILES` dropped files
(60,000) in `done/`. With `YEAR_FOLDER` the installations stay in that folder, and the next call measures them again.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.year.first_nights import first_nights
from benchmarks.year.installation import IMPORTS
from benchmarks.year.worker import Spent, Worker

# The sensors that look at imports.
_SENSORS: Final = ("uploads", "queued_batches", "reconciler")
_TURNS: Final = int(os.environ.get("YEAR_TURNS", "7"))
_DROPS: Final = int(os.environ.get("YEAR_DROPS", "15"))
_MINUTES: Final = int(os.environ.get("YEAR_MINUTES", "5"))
# A piece of work is done so often that it takes so many processor seconds, up to so many times. Their clock has
# hundredths of a second.
_PIECE_SECONDS: Final = 0.3
_MOST_TIMES: Final = 60


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("YEAR_FOLDER") or temporary)
        workers = [Worker(kind, folder / kind) for kind in ("new", "year")]
        try:
            _print_sizes(workers)
            _measure_pieces(workers)
            _measure_system(workers)
        finally:
            for worker in workers:
                worker.stop()
        first_nights(folder / "without retention")


def _print_sizes(workers: list[Worker]) -> None:
    new, year = (worker.do("sizes")() for worker in workers)
    for what, size in sorted(year.items()):
        kilobytes = (size - new[what]) / 1000 / IMPORTS
        print(f"tables: {what}: {size / 1e6:.0f} MB, {kilobytes:.1f} KB for an import")


def _measure_system(workers: list[Worker]) -> None:
    """Measure the system with Dagster's daemon: at rest, its ticks, and dropped files."""
    _both(workers, "open_system")
    begun = time.time()
    at_rest = [_both(workers, "wait", 60) for _ in range(_MINUTES)]
    ticks = _both(workers, "ticks", time.time() - begun)
    _heading("with the daemon, ms")
    _row("processor time of a minute at rest", *([turn[n].processor for turn in at_rest] for n in (0, 1)))
    for sensor in _SENSORS:
        _row(f"tick of `{sensor}`", *(found[sensor] for found in ticks))
    drops = []
    for _ in range(_DROPS):
        # The files come at any time between two ticks.
        time.sleep(random.uniform(0, 5))
        drops.append(_both(workers, "drop"))
    _both(workers, "close")
    for step in drops[0][0]:
        _row(f"a dropped file until {step}", *([1000 * turn[n][step] for turn in drops] for n in (0, 1)))


def _measure_pieces(workers: list[Worker]) -> None:
    """Measure each piece of work in turn in both installations."""
    names = _both(workers, "open_pages")[0]
    times: dict[str, list[int]] = {}
    for name in names:
        _both(workers, "piece", name, 1)
        once = _both(workers, "piece", name, 1)
        times[name] = [
            max(1, min(_MOST_TIMES, round(1000 * _PIECE_SECONDS / max(spent.processor, 1)))) for spent in once
        ]
    found: dict[str, list[list[Spent]]] = {name: [] for name in names}
    for turn in range(_TURNS):
        for name in names:
            # One after the other, and each of them first in every second turn.
            order = (0, 1) if turn % 2 else (1, 0)
            spent = {n: workers[n].do("piece", name, times[name][n])() for n in order}
            found[name].append([spent[0], spent[1]])
    _both(workers, "close")
    for heading, attribute in (("processor ms", "processor"), ("ms by the clock", "wall")):
        _heading(heading)
        for name, turns in found.items():
            _row(name, *([getattr(turn[n], attribute) for turn in turns] for n in (0, 1)))


def _both(workers: list[Worker], name: str, *arguments: object) -> list[Any]:
    """Do something in both installations at the same time, and return the results."""
    results = [worker.do(name, *arguments) for worker in workers]
    return [result() for result in results]


def _heading(text: str) -> None:
    print(f"\n{text:55}{'new':>10}{'year':>10}{'ratio':>8}{'  spread (new, year)'}", flush=True)


def _row(name: str, new: list[float], year: list[float]) -> None:
    """Print the medians, their ratio, and the quartiles of both."""
    a, b = median(new), median(year)
    print(f"{name:55}{a:10.1f}{b:10.1f}{b / a:8.2f}  {_quartiles(new)}, {_quartiles(year)}", flush=True)


def _quartiles(values: list[float]) -> str:
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return f"{low:.1f} to {high:.1f}"


if __name__ == "__main__":
    main()
