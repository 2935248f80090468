"""The cost of a nightly file by the share of its rows that has changed, with and without a memory.

``BENCH_ROWS`` contacts (200,000) are imported again and again: a file of which a share of the rows has changed, and the
file as it was before, each with ``remember: auto`` and with ``off``. The phases run in this process, without Dagster,
on an embedded PostgreSQL in a folder of its own. ``BENCH_REPEAT`` is the number of rounds, ``BENCH_SHARES`` has the
shares in per cent, and ``BENCH_CHART`` is a path for an SVG picture (docs/explanation/nightly.md).
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
    """Write a line chart of processor seconds as SVG; the shares are evenly spaced.

    Raises ``ImportError`` where matplotlib is not installed (the extra ``bench`` has it).
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for remember, label in (("off", "every row is read"), ("auto", "with the memory")):
        axes.plot(
            [f"{share:g} %" for share in SHARES],
            [seconds[share, remember] for share in SHARES],
            "o-",
            label=label,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rows that have changed")
    axes.set_ylabel(f"processor seconds of an import of {ROWS:,} contacts, server included")
    axes.legend(frameon=False)
    picture.savefig(path, metadata={"Date": None})
    pyplot.close(picture)


if __name__ == "__main__":
    main()
