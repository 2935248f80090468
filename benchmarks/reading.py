"""Reading against ``pyarrow.csv.read_csv``, as ratios: clean, 1 % bad and all bad rows, and the memory.

    python benchmarks/reading.py [--rows 1000000]

Every measure is the best of three in a process of its own; pyarrow reads the clean file with its defaults
(all threads) and with one. "Memory" is the highest resident size less that after the imports.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

NAMES = [
    "name",
    "email",
    "phone",
    "address",
    "city",
    "country",
    "external_id",
    "groups",
    "locations",
    "notes",
]
Fault = Callable[[int, list[str]], list[str]]


def mixed(number: int, row: list[str]) -> list[str]:
    """Plant one of four faults in turn."""
    kind = number % 4
    if kind == 0:
        return [*row, "extra"]
    if kind == 1:
        return row[:-1]
    return [*row[:4], '"open' if kind == 2 else '"x"y', *row[5:]]


def one_too_many(_: int, row: list[str]) -> list[str]:
    return [*row, "extra"]


def make(path: Path, rows: int, share: float, fault: Fault, end: str) -> None:
    """Write a contact list of which ``share`` of the rows is bad; a third of the rows have quoted cells."""
    rng = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as out:
        out.write(",".join(NAMES) + end)
        for number in range(rows):
            street = f"{number % 997} Main Street"
            row = [
                f"Person Number{number}",
                f"person{number}@example.com",
                f"+1415555{number % 10_000:04}",
                f'"{street}, Apt {number % 50}"' if number % 10 < 3 else street,
                "Zürich" if number % 5 == 0 else "Springfield",
                "United States",
                f"EXT-{number:08}",
                "Customers",
                "Headquarters",
                f'"said ""hi"" and\nleft {number}, ok"'
                if number % 20 == 0
                else f"some note text number {number}",
            ]
            if rng.random() < share:
                row = fault(number, row)
            out.write(",".join(row) + end)


MEASURE = """
import json, resource, sys, time
import numpy, pyarrow.csv as pc
from imports_pipeline.reading import open_table
path, way = sys.argv[1:]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def resident():
    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * resource.getpagesize() / 2**20
before, best = resident(), 1e9
for _ in range(3):
    rows = bad = 0
    begun, spent = time.perf_counter(), time.process_time()
    if way == 'ours':
        with open(path, 'rb') as source:
            for batch in open_table(source).batches():
                rows += batch.cells.num_rows; bad += len(batch.malformed)
    else:
        options = pc.ReadOptions(use_threads=way == 'pyarrow')
        rows = pc.read_csv(path, options, pc.ParseOptions(newlines_in_values=True)).num_rows
    best = min(best, time.perf_counter() - begun)
print(json.dumps({'seconds': best, 'rows': rows, 'bad': bad, 'memory': peak() - before}))
"""


def measure(path: Path, way: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), way], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    files: list[tuple[str, float, Fault, str]] = [
        ("clean", 0, mixed, "\n"),
        ("clean, CRLF", 0, mixed, "\r\n"),
        ("1 % bad, four kinds", 0.01, mixed, "\n"),
        ("all bad, a cell too many", 2, one_too_many, "\n"),
        ("all bad, four kinds", 2, mixed, "\n"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        make(path, rows, 0, mixed, "\n")
        threaded, single = (measure(path, way)["seconds"] for way in ("pyarrow", "pyarrow, one thread"))
        size = path.stat().st_size / 1e6
        print(f"{rows:,} rows, {size:.0f} MB; pyarrow {threaded:.2f} s, one thread {single:.2f} s\n")
        print("| file | seconds | × pyarrow | × pyarrow, one thread | × clean | rows | malformed | memory |")
        print("|---|---|---|---|---|---|---|---|")
        clean = 0.0
        for name, share, fault, end in files:
            make(path, rows, share, fault, end)
            told = measure(path, "ours")
            clean = clean or told["seconds"]
            ratios = [f"{told['seconds'] / other:.1f}" for other in (threaded, single, clean)]
            print(
                f"| {name} | {told['seconds']:.2f} | {' | '.join(ratios)} | {told['rows']:.0f} | {told['bad']:.0f} "
                f"| {told['memory']:.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
