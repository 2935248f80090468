"""Measures what a year of use costs: the same work in an empty installation, after the year, and without retention.

`YEAR_IMPORTS` imports (10,000) of `YEAR_ORGANIZATIONS` organizations (2,000) over 365 days are built in the database,
each with its runs and events in Dagster's tables; every third import has two runs. Retention removes records once in
each built week, as if it were that day. There are the ticks of one day (95,000), or of five without retention, and
`YEAR_FILES` dropped files (60,000) in `done/`. Each installation has an embedded PostgreSQL in a folder of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database import dagster_bloat, dagster_indexes
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention
from imports_pipeline_tests.system import COMMAND, environment
from imports_pipeline_tests.year import history
from imports_pipeline_tests.year.pages import REQUESTS
from imports_pipeline_tests.year.work import import_ten_rows, pieces_of_work

IMPORTS = int(os.environ.get("YEAR_IMPORTS", "10000"))
ORGANIZATIONS = int(os.environ.get("YEAR_ORGANIZATIONS", "2000"))
TICKS_A_DAY = 95_000
FILES = int(os.environ.get("YEAR_FILES", "60000"))
DAYS, NIGHTS = 365, 52
REPEAT = 5
#: Seconds in which the daemon makes ticks that are measured.
TICK_SECONDS = 45

Figures = dict[str, float]


def main() -> None:
    with installation() as ours:
        templates = ours.prepare()
        empty = _shown("empty", ours.measured())
        ours.build(templates, ticks=TICKS_A_DAY, night=ours.night)
        year = _shown("year", ours.measured())
    with installation() as ours:
        templates = ours.prepare()
        ours.build(templates, ticks=5 * TICKS_A_DAY, night=None)
        without = _shown("without retention", ours.measured())
        first_nights(ours)
    print(f"\n{'':52}{'empty':>12}{'year':>12}{'ratio':>8}{'without retention':>20}")
    for name, value in empty.items():
        ratio = year[name] / value
        print(f"{name:52}{value:12.1f}{year[name]:12.1f}{ratio:8.2f}{without[name]:20.1f}")
    for what in ("dagster", "public"):
        name = f"tables: {what}, MB"
        print(f"{name} for an import: {(year[name] - empty[name]) * 1000 / IMPORTS:.1f} KB")


@dataclass(frozen=True)
class Installation:
    """An installation in a folder of its own."""

    home: Path
    workflow: ImportWorkflow
    instance: dg.DagsterInstance
    connection: psycopg.Connection[Any]

    def prepare(self) -> list[str]:
        """Create what the first use creates, and return the imports that are copied."""
        modes = ("sync", "sync", "mixed")
        templates = [import_ten_rows(self.workflow, self.home, mode).id for mode in modes]
        dagster_indexes.create_missing(self.connection)
        dagster_bloat.vacuum_sooner(self.connection)
        return templates

    def build(self, templates: list[str], *, ticks: int, night: Callable[[float], None] | None) -> None:
        """Build the history of a year."""
        begun = time.perf_counter()
        history.build(
            self.connection,
            templates,
            imports=IMPORTS,
            organizations=ORGANIZATIONS,
            days=DAYS,
            night=night,
            between=IMPORTS // NIGHTS,
        )
        history.add_ticks(self.connection, ticks)
        history.add_dropped_files(self.workflow.store, ORGANIZATIONS, FILES)
        # Otherwise the server would still write what was built.
        self.connection.execute("CHECKPOINT")
        print(f"{IMPORTS:,} imports built in {time.perf_counter() - begun:.0f} s")

    def night(self, age: float) -> None:
        """Remove what is due when the newest record is so many days old, and what autovacuum does in a week."""
        settings = self.workflow.settings
        then = replace(
            settings,
            run_event_days=round(settings.run_event_days + age),
            run_days=round(settings.run_days + age),
        )
        DagsterRetention(self.connection, then, lambda _: None).remove()
        for table in ("event_logs", "run_tags", "asset_event_tags"):
            self.connection.execute(f"VACUUM dagster.{table}")

    def measured(self) -> Figures:
        """Return the milliseconds of each piece of work, and the megabytes of the tables."""
        work = pieces_of_work(self.workflow, self.instance, "org-0001")
        work["import of ten rows"] = lambda: import_ten_rows(self.workflow, self.home)
        found = {f"{name}, ms": _median(one) for name, one in work.items()}
        with _dagster(self.home) as url:
            found |= _ticks(self.connection)
            found |= {f"{name}, ms": _median(_requested(url, text)) for name, text in REQUESTS.items()}
            for command in ("list", "uploads"):
                found[f"command {command}, ms"] = _median(partial(_run, self.home, command))
            found["a dropped file until it is in done/, ms"] = _median(lambda: _drop(self.workflow.store))
        for what, size in sorted(history.sizes(self.connection).items()):
            found[f"tables: {what}, MB"] = size / 1e6
        return found


@contextmanager
def installation() -> Iterator[Installation]:
    """Create an installation, and remove it afterwards."""
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), {}) as url:
        home = Path(folder)
        migrate(url)
        os.environ.update(dagster_environment(url, home))
        os.environ["IMPORTS_LOG_LEVEL"] = "CRITICAL"
        workflow = ImportWorkflow(Database(url), LocalStore(home / "files"), Settings(home))
        with dg.DagsterInstance.get() as instance, workflow.database.connect() as connection:
            yield Installation(home, workflow, instance, connection)


def _shown(name: str, figures: Figures) -> Figures:
    """Print the figures at once, because the rest takes minutes, and return them."""
    print(name, json.dumps({what: round(value, 1) for what, value in figures.items()}), flush=True)
    return figures


def first_nights(ours: Installation) -> None:
    """Let the retention remove what is due, as in the first nights of an installation that never had it."""
    settings = replace(ours.workflow.settings, run_event_days=21, run_days=180, retention_seconds=1800)
    begun = time.perf_counter()
    retained = DagsterRetention(ours.connection, settings, lambda _: None).remove()
    spent = time.perf_counter() - begun
    print(
        f"{retained.sentence()} It took {spent:.0f} s, for 100,000 imports {spent * 100_000 / IMPORTS:.0f} s."
    )


def _ticks(connection: psycopg.Connection[Any]) -> Figures:
    """Return the median duration of the ticks that the daemon makes from now on, by sensor."""
    last = connection.execute("SELECT coalesce(max(id), 0) FROM dagster.job_ticks").fetchone()
    time.sleep(TICK_SECONDS)
    rows = connection.execute(
        "SELECT tick_body FROM dagster.job_ticks WHERE id > %s AND status <> 'STARTED'", last
    )
    durations: dict[str, list[float]] = {}
    for (body,) in rows:
        tick = json.loads(body)
        if tick.get("end_timestamp"):
            spent = tick["end_timestamp"] - tick["timestamp"]
            durations.setdefault(tick["job_name"], []).append(1000 * spent)
    return {
        f"tick of {name} by the daemon, ms": sorted(found)[len(found) // 2]
        for name, found in sorted(durations.items())
        if name in ("uploads", "queued_batches", "reconciler")
    }


@contextmanager
def _dagster(home: Path) -> Iterator[str]:
    """Run Dagster's daemon and pages in the installation, and yield the URL of the pages."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = home / "dev.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, "dev", "--port", str(port), "--api-port", "0"],
            env=environment(home, {}),
            stdout=output,
            stderr=output,
        )
        try:
            while "Dagster is at " not in log.read_text():
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _run(home: Path, command: str) -> None:
    arguments = [*COMMAND, command, "--organization", "org-0001"]
    subprocess.run(arguments, env=environment(home, {}), check=True, stdout=subprocess.DEVNULL)


def _requested(url: str, query: str) -> Callable[[], object]:
    """Return a function that makes a request of Dagster's pages."""

    def request() -> object:
        body = json.dumps({"query": query}).encode()
        asked = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=300) as response:
            answer = json.load(response)
        if answer.get("errors"):
            raise RuntimeError(f"{query}: {answer['errors']}")
        return answer

    return request


def _drop(store: LocalStore) -> None:
    """Drop a file and wait until it was imported and moved."""
    name = f"people-{time.time_ns()}.csv"
    place = store.path(f"uploads/org-0001/contact/merge/{name}")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"name,email\nAnn {name},{name}@example.com\n")
    while not list((place.parent / "done").glob(f"*/{name}")):
        time.sleep(0.1)


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEAT):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return sorted(times)[REPEAT // 2] * 1000


if __name__ == "__main__":
    main()
