"""The cost of a nightly file by the share of its rows that has changed, beside other tools.

``BENCH_ROWS`` contacts (100k) are stored, and a file of which a share of the rows has changed is merged: by this
package with the memory of the file before (``memory``) and without (``off``), by dlt, and by bare SQL (``floor``).
Every measure is a whole process, as in ``benchmarks.compare``. ``BENCH_REPEAT`` is the number of rounds (1),
``BENCH_SHARES`` has the shares in per cent, and ``BENCH_CHART`` is a path for an SVG picture
(docs/explanation/nightly.md).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import contacts
from benchmarks.compare import Bench, Settings, served
from benchmarks.processes import Measured
from benchmarks.systems import SYSTEMS, System

ROWS: Final = contacts.count_of(os.environ.get("BENCH_ROWS", "100k"))
ROUNDS: Final = int(os.environ.get("BENCH_REPEAT", "1"))
#: Per cent of the rows.
SHARES: Final = tuple(map(float, os.environ.get("BENCH_SHARES", "0,0.1,1,5,20,100").split(",")))
LABELS: Final = {
    "memory": "with the memory of the last file",
    "off": "every row is read",
    "dlt": "dlt",
    "floor": "COPY and one SQL statement",
}


def systems() -> list[System]:
    """Return what is measured: this package twice, and of the others those that are installed."""
    ours = SYSTEMS["ours"]

    def off(case: str, url: str, paths: list[Path], rows: int) -> list[str]:
        return [*ours.command(case, url, paths, rows), "--remember", "off"]

    found = [replace(ours, name="memory"), replace(ours, name="off", command=off)]
    return found + [SYSTEMS[name] for name in ("dlt", "floor") if SYSTEMS[name].is_installed]


def changed(share: float) -> frozenset[int]:
    """Return the numbers of the rows that have changed, evenly spread."""
    return frozenset(int(k * 100 / share) for k in range(int(ROWS * share / 100))) if share else frozenset()


def main() -> None:
    """Measure and print the table; draw the chart."""
    found: dict[tuple[float, str], list[Measured]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="imports-bench-") as name, served(Path(name)) as (url, server):
        bench, path = Bench(url, server, Path(name), Settings.read()), Path(name) / "tonight.csv"
        for _ in range(ROUNDS):
            for share in SHARES:
                contacts.write(path, range(ROWS), changed=changed(share).__contains__)
                for system in systems():
                    one = bench.night(system, path, ROWS)
                    found[share, system.name].append(one)
                    print(f"{share:g} %, {system.name}: {one.seconds:.2f} s", file=sys.stderr, flush=True)
    names = [system.name for system in systems()]
    seconds = {key: statistics.median(one.seconds for one in some) for key, some in found.items()}
    processor = {
        key: statistics.median(one.client_seconds + one.server_seconds for one in some)
        for key, some in found.items()
    }
    print(f"{ROWS:,} rows, medians of {ROUNDS}: seconds by the clock, and of the processor\n")
    print(f"| changed | {' | '.join(LABELS[name] for name in names)} |")
    print(f"|---|{'---|' * len(names)}")
    for share in SHARES:
        shown = [f"{seconds[share, name]:.1f}, {processor[share, name]:.1f}" for name in names]
        print(f"| {share:g} % | {' | '.join(shown)} |")
    if chart := os.environ.get("BENCH_CHART"):
        draw(seconds, names, Path(chart))


def draw(seconds: dict[tuple[float, str], float], names: list[str], path: Path) -> None:
    """Write a line chart of seconds as SVG; the shares are evenly spaced.

    Raises ``ImportError`` where matplotlib is not installed (the extra ``bench`` has it).
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name in names:
        axes.plot(
            [f"{share:g} %" for share in SHARES],
            [seconds[share, name] for share in SHARES],
            "o-",
            label=LABELS[name],
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rows that have changed")
    axes.set_ylabel(f"seconds of a whole command with {ROWS:,} contacts")
    axes.legend(frameon=False)
    picture.savefig(path, metadata={"Date": None})
    pyplot.close(picture)


if __name__ == "__main__":
    main()
