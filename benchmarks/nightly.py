"""The cost of a nightly file by the share of its rows that has changed, with and without a memory.

`BENCH_ROWS` contacts (200,000) are imported again and again: of each share of changed rows, and of the first state
between, each with `remember: auto` and with `off`. The phases run in this process, without Dagster, on an embedded
PostgreSQL in a folder of its own. `BENCH_SHARES` has the shares in per cent. `BENCH_CHART` is a path for an SVG picture
(docs/explanation/nightly.md).
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

from benchmarks import contacts
from benchmarks.costs import Meter, metered
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.registry import import_records
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow

ROWS = contacts.count_of(os.environ.get("BENCH_ROWS", "200000"))
ROUNDS = int(os.environ.get("BENCH_REPEAT", "3"))
#: Per cent of the rows.
SHARES: Final = tuple(map(float, os.environ.get("BENCH_SHARES", "0,0.1,1,5,20,100").split(",")))
Seconds = tuple[float, float, float]


def changed(share: float, turn: int) -> frozenset[int]:
    """Return the numbers of the rows that have changed, evenly spread."""
    if not share:
        return frozenset()
    step = 100 / share
    return frozenset(int(k * step + turn % step) for k in range(int(ROWS / step)))


def night(workflow: ImportWorkflow, meter: Meter, path: Path, remember: str) -> Seconds:
    """Import a file; return the seconds, and the processor seconds of this process and of the server."""
    with workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=f"remember-{remember}",
            resource="contact",
            options=Options.of({"remember": remember, "timeout": 100_000}),
            source="cli",
            source_uri=str(path),
        )
    used: list[Seconds] = []
    with metered(meter, lambda seconds, own, server, _: used.append((seconds, own, server))):
        for phase in CHECKING_PHASES:
            workflow.check(import_.id, phase)
        workflow.write(import_.id)
    return used[0]


def main() -> None:
    """Measure and print the table; draw the chart."""
    found: dict[tuple[float, str], list[Seconds]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with database(home, {}) as url:
            migrate(url)
            workflow = ImportWorkflow(Database(url), LocalStore(home / "files"), Settings(home=home))
            meter = Meter(home, url)
            path = home / "contacts.csv"
            for turn in range(ROUNDS + 1):
                for share in SHARES:
                    for number, state in enumerate((frozenset[int](), changed(share, turn))):
                        contacts.write(path, range(ROWS), changed=state.__contains__)
                        for remember in ("auto", "off"):
                            used = night(workflow, meter, path, remember)
                            # The first turn creates the records.
                            if turn and number:
                                found[share, remember].append(used)
    print(f"{ROWS:,} rows, medians of {ROUNDS}\n")
    print(
        "| changed | with memory: s, own, server's | without: s, own, server's | processor s, with to without |"
    )
    print("|---|---|---|---|")
    medians = {
        key: [statistics.median(column) for column in zip(*some, strict=True)] for key, some in found.items()
    }
    for share in SHARES:
        one, other = medians[share, "auto"], medians[share, "off"]
        shown = [", ".join(f"{value:.2f}" for value in some) for some in (one, other)]
        print(f"| {share:g} % | {shown[0]} | {shown[1]} | {sum(one[1:]) / sum(other[1:]):.2f} |")
    if chart := os.environ.get("BENCH_CHART"):
        draw({key: sum(some[1:]) for key, some in medians.items()}, Path(chart))


def draw(seconds: dict[tuple[float, str], float], path: Path) -> None:
    """Write a line chart of processor seconds as SVG; the shares are evenly spaced."""
    width, height, left, bottom = 640, 360, 60, 50
    most = max(seconds.values()) * 1.1
    x = [left + 30 + at * (width - left - 60) / (len(SHARES) - 1) for at in range(len(SHARES))]

    def y(value: float) -> float:
        return height - bottom - value / most * (height - bottom - 40)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="20">Processor seconds of an import of {ROWS:,} contacts, server included</text>',
    ]
    for at in range(5):
        value = most / 1.1 * at / 4
        parts.append(f'<path d="M{left} {y(value):.1f}H{width - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    for place, share in zip(x, SHARES, strict=True):
        parts.append(f'<text x="{place:.1f}" y="{height - 28}" text-anchor="middle">{share:g} %</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">rows that have changed</text>')
    for remember, colour, label in (
        ("off", "#b33", "every row is read"),
        ("auto", "#27b", "with the memory"),
    ):
        points = [(place, y(seconds[share, remember])) for place, share in zip(x, SHARES, strict=True)]
        line = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(
            f'<text x="{points[0][0] + 8:.1f}" y="{points[0][1] - 8:.1f}" fill="{colour}">{label}</text>'
        )
    path.write_text("\n".join([*parts, "</svg>", ""]))


if __name__ == "__main__":
    main()
