"""Ratios of prevalidation and ``check`` to ``pyarrow.csv.read_csv``: clean, 1 % bad, all bad, and memory.

    python -m benchmarks.reading [--rows 1000000] [--bad-rows 300000] [--repeat 3] [--memory-rows 0]
        [--only KIND …]

Every measure is a whole fresh process. Clean prevalidation and pyarrow (its defaults, all threads) take turns
and their medians count; every file with bad rows is held against a clean one as long. ``prevalidation`` is the
phase alone, with its checks and Parquet written; ``check`` is that, preparsing and the errors files. "wall" is time
as it passes, "CPU" the processor time of all threads (steadier on a busy machine). "Memory" is the highest
resident size of the whole process. ``--memory-rows`` (or BENCH_MEMORY_ROWS) measures the
memory of prevalidation again with a longer file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
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
Row = list[str]
Fault = Callable[[int, Row], Row]

# The faults by name: each changes the cells of a row, which are then joined with commas.
FAULTS: dict[str, Fault] = {
    "a cell too many": lambda _, row: [*row, "extra"],
    "a cell too few": lambda _, row: row[:-1],
    "text after a quote": lambda _, row: [*row[:4], '"x"y', *row[5:]],
    "a quote never closed": lambda _, row: [*row[:4], '"open', *row[5:]],
    "a stray quote": lambda _, row: [*row[:4], 'x"', *row[5:]],
    "undecodable bytes": lambda _, row: [*row[:4], "x\udcff", *row[5:]],
    "a NUL": lambda _, row: [*row[:4], "x\0", *row[5:]],
    "four kinds in turn": lambda number, row: FAULTS[_MIXED[number % 4]](number, row),
    "a bad e-mail": lambda _, row: [row[0], row[1].replace("@", " at "), *row[2:]],
    "a bad phone": lambda number, row: [*row[:2], f"12{number:06}", *row[3:]],
    "a blank row": lambda _, row: [""] * len(row),
    "three bad values": lambda number, row: [
        "", row[1].replace("@", "@@"), f"12{number:06}", *row[3:7], '"a,""b"', *row[8:],
    ],
    "a duplicate": lambda number, row: [*row[:6], f"EXT-{number // 2:08}", *row[7:]],
}  # fmt: skip
_MIXED = ("a cell too many", "a cell too few", "a quote never closed", "text after a quote")


def contact(number: int) -> Row:
    """Return the cells of a contact. One in three has quoted cells, one in twenty a cell of two lines."""
    street = f"{number % 997} Main Street"
    return [
        f"Person Number{number}",
        f"person{number}@example.com",
        f"+1415555{number % 10_000:04}",
        f'"{street}, Apt {number % 50}"' if number % 10 < 3 else street,
        "Zürich" if number % 5 == 0 else "Springfield",
        "United States",
        f"EXT-{number:08}",
        "Customers",
        "Headquarters",
        f'"said ""hi"" and\nleft {number}, ok"' if number % 20 == 0 else f"some note text number {number}",
    ]


def make(path: Path, rows: int, fault: Fault | None = None, every: int = 1) -> None:
    """Write a contact list in which each ``every``-th row except the first has the fault.

    If all rows had another number of cells than the header, the file would be refused for its header.
    """
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as out:
        out.write(",".join(NAMES) + "\n")
        numbers = iter(range(rows))
        while block := list(islice(numbers, 10_000)):
            made = (
                contact(number)
                if fault is None or not number or number % every
                else fault(number, contact(number))
                for number in block
            )
            out.write("".join(",".join(row) + "\n" for row in made))


MEASURE = """
import json, resource, sys, tempfile, time
from datetime import UTC, datetime
from pathlib import Path
path, way = sys.argv[1:]
def used():
    own = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), own.ru_utime + own.ru_stime
def since(begun):
    return [now - then for now, then in zip(used(), begun)]
told = {}
if way == 'pyarrow':
    import pyarrow.csv as pc
    begun = used()
    pc.read_csv(path, parse_options=pc.ParseOptions(newlines_in_values=True))
    told['pyarrow'] = since(begun)
else:
    from imports_pipeline.model import ids
    from imports_pipeline.model.files import UPLOAD
    from imports_pipeline.model.imports import Import
    from imports_pipeline.model.options import Options
    from imports_pipeline.model.statuses import Status
    from imports_pipeline.import_phases.files.error_files import write_error_files
    from imports_pipeline.import_phases.preparsing import preparse
    from imports_pipeline.import_phases.prevalidation import prevalidate
    from imports_pipeline.filestore.local import LocalStore
    now = datetime.now(UTC)
    one = Import(ids.new_id(ids.IMPORT), '', 'contact', Options(encoding='utf-8'), Status.REQUESTED, 'cli', now, now)
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        files = LocalStore(Path(folder)).folder('import')
        (Path(folder) / 'import').mkdir()
        (Path(folder) / 'import' / UPLOAD).hardlink_to(path)
        begun = used()
        result = prevalidate(one, files, sync_rows=sys.maxsize)
        told['prevalidation'] = since(begun)
        told['rejected'] = result.error
        if way == 'check':
            later = preparse(one, files)
            told['rejected'] += later.error
            if write_error_files(files) != told['rejected']:
                sys.exit('the errors files do not hold all rejected rows')
            told['check'] = since(begun)
        told['total'] = result.total
told['memory'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(told))
"""


def measure(path: Path, way: str) -> dict[str, list[float]]:
    """Measure one way (``pyarrow``, ``prevalidation`` or ``check``) on a file in a new process."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path), way], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return {
        name: value if isinstance(value, list) else [value] for name, value in json.loads(done.stdout).items()
    }


def medians(told: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Return the medians of several measurements."""
    return {
        name: [statistics.median(one[name][at] for one in told) for at in range(len(told[0][name]))]
        for name in told[0]
    }


def ratios(one: list[float], other: list[float]) -> str:
    """Return the ratios of wall and CPU time as text."""
    return " | ".join(f"{mine / theirs:.1f}" for mine, theirs in zip(one, other, strict=True))


def main() -> None:
    """Measure and print tables of ratios as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bad-rows", type=int, default=300_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory-rows", type=int, default=int(os.environ.get("BENCH_MEMORY_ROWS", "0")))
    parser.add_argument("--only", nargs="*", default=None, help="kinds of faults to measure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, bad = Path(folder) / "clean.csv", Path(folder) / "bad.csv"
        make(path, given.rows)
        told: dict[str, list[dict[str, list[float]]]] = {"pyarrow": [], "prevalidation": [], "check": []}
        for _ in range(given.repeat):
            for way, found in told.items():
                found.append(measure(path, way))
        theirs, alone, clean = (medians(found) for found in told.values())
        size = path.stat().st_size / 1e6
        print(
            f"{given.rows:,} clean rows of {len(NAMES)} columns, {size:.0f} MB, medians of {given.repeat}\n"
        )
        print("| what | wall s | CPU s | wall × pyarrow | CPU × pyarrow | memory |")
        print("|---|---|---|---|---|---|")
        for name, found in (("pyarrow", theirs), ("prevalidation", alone), ("check", clean)):
            seconds = " | ".join(f"{second:.2f}" for second in found[name])
            times = ratios(found[name], theirs["pyarrow"])
            print(f"| {name} | {seconds} | {times} | {found['memory'][0]:.0f} MB |")
        make(path, given.bad_rows)
        shorter = medians([measure(path, "check") for _ in range(given.repeat)])
        print(f"\nBad rows against clean ones, {given.bad_rows:,} rows:")
        print(
            "\n| bad rows | rejected | prevalidation, wall × clean | CPU | check, wall × clean | CPU | memory |"
        )
        print("|---|---|---|---|---|---|---|", flush=True)
        kinds = [("1 %: four kinds in turn", FAULTS["four kinds in turn"], 101)]
        kinds += [(f"all: {kind}", fault, 1) for kind, fault in FAULTS.items()]
        for kind, fault, every in kinds:
            if given.only is not None and not any(word in kind for word in given.only):
                continue
            make(bad, given.bad_rows, fault, every)
            found = measure(bad, "check")
            print(
                f"| {kind} | {found['rejected'][0]:,.0f} | "
                f"{ratios(found['prevalidation'], shorter['prevalidation'])} | "
                f"{ratios(found['check'], shorter['check'])} | {found['memory'][0]:.0f} MB |",
                flush=True,
            )
        if given.memory_rows > given.rows:
            bad.unlink(missing_ok=True)
            make(path, given.memory_rows)
            print(
                "\n| rows | prevalidation, memory | check, memory | prevalidation, wall s |\n|---|---|---|---|"
            )
            print(
                f"| {given.rows:,} | {alone['memory'][0]:.0f} MB | {clean['memory'][0]:.0f} MB "
                f"| {alone['prevalidation'][0]:.1f} |"
            )
            long, longer = measure(path, "prevalidation"), measure(path, "check")
            print(
                f"| {given.memory_rows:,} | {long['memory'][0]:.0f} MB | {longer['memory'][0]:.0f} MB "
                f"| {long['prevalidation'][0]:.1f} |"
            )


if __name__ == "__main__":
    main()
