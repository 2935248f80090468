"""Measures what a year of use costs: the same work in an empty installation, after the year, and after retention.

`YEAR_IMPORTS` imports (10,000) of `YEAR_ORGANIZATIONS` organizations (2,000) over `YEAR_DAYS` days (365) are built in
the database, each with its run and events in Dagster's tables, with `YEAR_TICKS` ticks (250,000) and `YEAR_FILES`
dropped files (60,000) in `done/`. On an embedded PostgreSQL in a folder of its own.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database import dagster_indexes
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.defs.runs.instance import log_deletion
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.dagster_retention import DagsterRetention
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.year import history
from imports_pipeline_tests.year.work import import_ten_rows, pieces_of_work

IMPORTS = int(os.environ.get("YEAR_IMPORTS", "10000"))
ORGANIZATIONS = int(os.environ.get("YEAR_ORGANIZATIONS", "2000"))
TICKS = int(os.environ.get("YEAR_TICKS", "250000"))
DAYS = int(os.environ.get("YEAR_DAYS", "365"))
FILES = int(os.environ.get("YEAR_FILES", "60000"))
REPEAT = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), {}) as url:
        home = Path(folder)
        migrate(url)
        os.environ.update(dagster_environment(url, home))
        os.environ["IMPORTS_LOG_LEVEL"] = "CRITICAL"
        store = LocalStore(home / "files")
        workflow = ImportWorkflow(Database(url), store, Settings(home))
        with dg.DagsterInstance.get() as instance, workflow.database.connect() as connection:
            template = import_ten_rows(workflow, home)
            dagster_indexes.create_missing(connection)
            empty = _measured(workflow, instance, connection, home)
            begun = time.perf_counter()
            history.build(connection, template.id, imports=IMPORTS, organizations=ORGANIZATIONS, days=DAYS)
            history.add_ticks(connection, TICKS)
            history.add_dropped_files(store, ORGANIZATIONS, FILES)
            print(f"{IMPORTS:,} imports built in {time.perf_counter() - begun:.0f} s")
            # Otherwise the server would still write what was built.
            connection.execute("CHECKPOINT")
            year = _measured(workflow, instance, connection, home)
            begun = time.perf_counter()
            retained = DagsterRetention(connection, workflow.settings, log_deletion(instance)).remove()
            print(f"{retained.sentence()} It took {time.perf_counter() - begun:.0f} s.")
            connection.execute("VACUUM FULL")
            connection.execute("CHECKPOINT")
            after = _measured(workflow, instance, connection, home)
    print(f"\n{'':40}{'empty':>12}{'year':>12}{'retained':>12}")
    for name, value in empty.items():
        print(f"{name:40}{value:12.1f}{year[name]:12.1f}{after[name]:12.1f}")


def _measured(
    workflow: ImportWorkflow, instance: dg.DagsterInstance, connection: Any, home: Path
) -> dict[str, float]:
    """Return the median milliseconds of each piece of work, and the megabytes of the tables."""
    work = pieces_of_work(workflow, instance, "org-0001")
    work["import of ten rows"] = lambda: import_ten_rows(workflow, home)
    found = {f"{name}, ms": _median(one) for name, one in work.items()}
    for what, size in sorted(history.sizes(connection).items()):
        found[f"tables: {what}, MB"] = size / 1e6
    return found


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEAT):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return sorted(times)[REPEAT // 2] * 1000


if __name__ == "__main__":
    main()
