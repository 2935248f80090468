"""The cost of imports: CPU seconds, WAL, and the work of Dagster (for docs/how-to/scaling.md).

`BENCH_ROWS` contacts (200,000) are created, given again unchanged, and updated by the phases alone; then a file of
100 rows is imported as recorded Dagster runs. On an embedded PostgreSQL in a folder of its own.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from benchmarks import contacts
from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.registry import import_records
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow

ROWS = contacts.count_of(os.environ.get("BENCH_ROWS", "200000"))
RUNS = int(os.environ.get("BENCH_RUNS", "10"))


class Meter:
    """Counters of the resources that this process and the server have used so far."""

    def __init__(self, home: Path, url: str) -> None:
        """Find the main process of the server, whose number is in its data folder."""
        self._url = url
        number = (home / "postgres" / "data" / "postmaster.pid").read_text().split()[0]
        self._server = psutil.Process(int(number))

    def server(self) -> float:
        """Return the CPU seconds of the server, including those of ended connections."""
        # The process of a closed connection ends a moment later; its CPU time is then added to the main process.
        time.sleep(0.5)
        times = self._server.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        for process in self._server.children():
            with suppress(psutil.NoSuchProcess):
                of_it = process.cpu_times()
                total += of_it.user + of_it.system
        return float(total)

    def wal(self) -> int:
        """Return the WAL position in bytes."""
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def metered(meter: Meter, tell: Callable[[float, float, float, float], None]) -> Iterator[None]:
    """Yield a list that receives what the block used: seconds, our CPU seconds, the server's, MB of WAL."""
    own, server, wal, begin = _own(), meter.server(), meter.wal(), time.perf_counter()
    yield
    seconds = time.perf_counter() - begin
    tell(seconds, _own() - own, meter.server() - server, (meter.wal() - wal) / 1e6)


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def import_rows(workflow: ImportWorkflow, meter: Meter, path: Path, what: str) -> None:
    """Import a file phase by phase, and print what each phase used, scaled to a million rows."""
    with workflow.database.connect() as connection:
        import_: Import = import_records.create_import(
            connection,
            organization_id="costs",
            resource="contact",
            options=Options(),
            source="cli",
            source_uri=str(path),
        )

    def row(name: str) -> Callable[[float, float, float, float], None]:
        def tell(seconds: float, own: float, server: float, wal: float) -> None:
            scale = 1e6 / ROWS
            print(
                f"| {what} | {name} | {seconds * scale:.1f} | {own * scale:.1f} | {server * scale:.1f}"
                f" | {wal * scale:,.0f} |",
                flush=True,
            )

        return tell

    for phase in CHECKING_PHASES:
        with metered(meter, row(phase.value)):
            workflow.check(import_.id, phase)
    with metered(meter, row(f"{Phase.PROCESSING.value}, {Phase.CLEANUP.value}")):
        workflow.write(import_.id)


def recorded_runs(workflow: ImportWorkflow, meter: Meter, folder: Path) -> None:
    """Import small files as recorded Dagster runs, and print what one import used."""
    from imports_pipeline.dagster_runtime.in_process_runner import quiet_dagster, run_import

    quiet_dagster()
    path = folder / "small.csv"
    contacts.write(path, range(100))

    def one() -> None:
        with workflow.database.connect() as connection:
            import_ = import_records.create_import(
                connection,
                organization_id="small",
                resource="contact",
                options=Options.of({"mode": "sync"}),
                source="cli",
                source_uri=str(path),
            )
        assert run_import(workflow, import_, wait=True).has_ended

    one()
    before = _events(workflow)

    def tell(seconds: float, own: float, server: float, wal: float) -> None:
        events = (_events(workflow) - before) / RUNS
        print(f"\nA recorded run of 100 rows, mean of {RUNS}: {seconds / RUNS:.2f} s, processor", end=" ")
        print(f"{own / RUNS:.2f} s and the server {server / RUNS:.2f} s,", end=" ")
        print(f"{wal / RUNS * 1000:,.0f} kB of WAL, {events:.0f} rows of Dagster's event log")

    with metered(meter, tell):
        for _ in range(RUNS):
            one()


def _events(workflow: ImportWorkflow) -> int:
    with workflow.database.connect() as connection:
        row = connection.execute("SELECT count(*) FROM dagster.event_logs").fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    """Measure and print the tables."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with database(home, {}) as url:
            migrate(url)
            os.environ.update(dagster_environment(url, home))
            workflow = ImportWorkflow(Database(url), LocalStore(home / "files"), Settings(home=home))
            meter = Meter(home, url)
            print(f"{ROWS:,} rows, as for a million\n")
            print("| import | phase | s | processor s | server's s | MB of WAL |\n|---|---|---|---|---|---|")
            path = home / "contacts.csv"
            contacts.write(path, range(ROWS))
            import_rows(workflow, meter, path, "created")
            import_rows(workflow, meter, path, "unchanged")
            contacts.write(path, range(ROWS), changed=lambda _: True)
            import_rows(workflow, meter, path, "updated")
            recorded_runs(workflow, meter, home)


if __name__ == "__main__":
    main()
