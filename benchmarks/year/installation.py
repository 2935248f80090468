"""Installations with a history: a new one, one after a year, and one that never removed anything."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psycopg

from benchmarks.year.system import system
from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database import dagster_bloat, dagster_indexes
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.retention.dagster_retention import DagsterRetention
from imports_pipeline_tests.year import history
from imports_pipeline_tests.year.work import import_ten_rows

IMPORTS: Final = int(os.environ.get("YEAR_IMPORTS", "10000"))
ORGANIZATIONS: Final = int(os.environ.get("YEAR_ORGANIZATIONS", "2000"))
#: Dropped files in ``done/``.
FILES: Final = int(os.environ.get("YEAR_FILES", "60000"))
#: The organization whose pages are measured. It made all imports of the last page.
MEASURED: Final = "org-0000"

_TICKS_A_DAY: Final = 95_000
_DAYS, _NIGHTS = 365, 52
# More than the 25 rows that the pages show.
_PAGE: Final = 30
# Two of three imports have one run, and the third one has two.
_MODES: Final = ("sync", "sync", "mixed")
# Seconds in which the sensors make their first ticks, of which the others are copies.
_FIRST_TICKS: Final = 30


@dataclass(frozen=True)
class Installation:
    """An installation in a folder of its own."""

    home: Path
    workflow: ImportWorkflow
    instance: dg.DagsterInstance
    connection: psycopg.Connection[Any]

    def build(self, kind: str) -> None:
        """Build the history of this kind, unless an earlier call has built it."""
        built = self.home / "built"
        if built.exists():
            return
        begun = time.perf_counter()
        templates = [import_ten_rows(self.workflow, self.home, mode).id for mode in _MODES]
        dagster_indexes.create_missing(self.connection)
        dagster_bloat.vacuum_sooner(self.connection)
        if kind == "without retention":
            self._copy(templates, IMPORTS, days=2 * _DAYS)
            self._add_captured_output()
        else:
            with system(self.home):
                time.sleep(_FIRST_TICKS)
            if kind == "year":
                self._copy(templates, IMPORTS, days=_DAYS, night=self._night)
                history.add_ticks(self.connection, _TICKS_A_DAY)
                history.add_dropped_files(self.workflow.store, ORGANIZATIONS, FILES)
            self._copy(templates, _PAGE, days=1, first=IMPORTS + 1, organizations=1)
            history.add_dropped_files(self.workflow.store, 1, _PAGE, first=FILES)
        # Otherwise the daemon would read all events that were built, to see if a run is to be retried.
        self.connection.execute(
            "UPDATE dagster.kvs SET value = (SELECT max(id) FROM dagster.event_logs)"
            " WHERE key LIKE 'EVENT_LOG_CONSUMER_CURSOR-%'"
        )
        # Otherwise the server would still write what was built.
        self.connection.execute("CHECKPOINT")
        built.write_text(json.dumps(history.sizes(self.connection)))
        print(f"{kind}: built in {time.perf_counter() - begun:.0f} s", flush=True)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of our tables, of Dagster's, and of its ticks, each with the indexes, as they were built."""
        found: dict[str, int] = json.loads((self.home / "built").read_text())
        return found

    def _copy(
        self,
        templates: list[str],
        imports: int,
        *,
        days: int,
        organizations: int = ORGANIZATIONS,
        night: Callable[[float], None] | None = None,
        first: int = 1,
    ) -> None:
        history.build(
            self.connection,
            templates,
            imports=imports,
            organizations=organizations,
            days=days,
            night=night,
            between=max(imports // _NIGHTS, 1),
            first=first,
        )

    def _night(self, age: float) -> None:
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

    def _add_captured_output(self) -> None:
        """Write three files for each run, as Dagster does."""
        folder = Path(os.environ["IMPORTS_DAGSTER_STORAGE"]) / "storage"
        for (run_id,) in self.connection.execute("SELECT run_id FROM dagster.runs").fetchall():
            place = folder / run_id / "compute_logs"
            place.mkdir(parents=True, exist_ok=True)
            for ending in ("out", "err", "complete"):
                (place / f"step.{ending}").write_bytes(b"line\n")


@contextmanager
def installation(home: Path, kind: str) -> Iterator[Installation]:
    """Open the installation of a kind (``new``, ``year``, ``without retention``), built if it is not there yet.

    Only one can be open in a process, because Dagster is configured by environment variables.
    """
    home.mkdir(parents=True, exist_ok=True)
    with database(home, {}) as url:
        migrate(url)
        os.environ.update(dagster_environment(url, home))
        os.environ["IMPORTS_LOG_LEVEL"] = "CRITICAL"
        workflow = ImportWorkflow(Database(url), LocalStore(home / "files"), Settings(home))
        with dg.DagsterInstance.get() as instance, workflow.database.connect() as connection:
            ours = Installation(home, workflow, instance, connection)
            ours.build(kind)
            yield ours
