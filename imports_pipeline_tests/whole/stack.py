"""The running system with what a test needs beside it: launches, the database, a way to pull the plug."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import psutil
import psycopg
from dagster import DagsterInstance
from dagster_graphql import DagsterGraphQLClient
from psycopg.rows import dict_row

from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.database.connections import Database
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.statuses import FINAL
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.system import System

_PID: Final = re.compile(r"pid: (\d+)")


@dataclass(frozen=True)
class Stack:
    """A running system and its database."""

    system: System
    database_url: str
    instance: DagsterInstance

    def query(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database; gives rows by column, nothing for a statement without rows."""
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def client(self) -> DagsterGraphQLClient:
        """Return a client of Dagster's pages."""
        host, port = self.system.url.removeprefix("http://").split(":")
        return DagsterGraphQLClient(host, port_number=int(port))

    def launch(self, job: str, config: Mapping[str, Any]) -> str:
        """Launch a job as its Launchpad does; give the run's id."""
        return self.client().submit_job_execution(
            job,
            repository_location_name="imports_pipeline",
            repository_name="__repository__",
            run_config=dict(config),
        )

    def import_of(self, organization: str) -> dict[str, Any] | None:
        """Return the organization's newest import, if there is one yet."""
        found = self.query(
            "SELECT * FROM imports WHERE organization_id = %s ORDER BY created_at DESC LIMIT 1", organization
        )
        return found[0] if found else None

    def ended(self, organization: str) -> dict[str, Any] | None:
        """Return the organization's newest import once it has a final status."""
        found = self.import_of(organization)
        return found if found is not None and found["status"] in FINAL else None

    def holds(self, organization: str) -> bool:
        """Return whether the organization's import is being held."""
        found = self.import_of(organization)
        return found is not None and bool(
            self.query(
                "SELECT 1 AS held FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'PgSleep'",
                worker_name(found["id"]),
            )
        )

    def process_of(self, run_id: str) -> psutil.Process:
        """Return the process that executes a run."""
        events = self.instance.all_logs(run_id)
        pids = [match[1] for event in events if (match := _PID.search(event.user_message or event.message))]
        return psutil.Process(int(pids[-1]))

    def run_of(self, organization: str) -> str:
        """Return the id of the run that is under way for the organization's import."""
        found = self.import_of(organization)
        assert found is not None
        (run,) = [
            run
            for run in self.instance.get_runs()
            if run.tags.get(".dagster/imports_id") == found["id"] and not run.is_finished
        ]
        return run.run_id

    def install_holds(self) -> None:
        """Make imports of an organization wait where the table ``test_holds`` says, at the end of a phase."""
        self.query(
            """
            CREATE TABLE test_holds (organization_id text PRIMARY KEY, phase text);
            CREATE FUNCTION test_hold() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE held text;
            BEGIN
                SELECT phase INTO held FROM test_holds h WHERE h.organization_id = NEW.organization_id;
                IF held IS NOT NULL AND NEW.phases @> jsonb_build_array(jsonb_build_object('name', held))
                   AND NOT OLD.phases @> jsonb_build_array(jsonb_build_object('name', held)) THEN
                    PERFORM pg_sleep(3600);
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER test_hold BEFORE UPDATE ON imports FOR EACH ROW EXECUTE FUNCTION test_hold()
            """
        )

    def hold(self, organization: str, phase: str) -> None:
        """Hold the organization's next import at the end of this phase, before it is committed."""
        self.query("INSERT INTO test_holds VALUES (%s, %s)", organization, phase)

    def let_go(self, organization: str) -> None:
        """Hold it no longer; what sleeps already is not woken."""
        self.query("DELETE FROM test_holds WHERE organization_id = %s", organization)

    def prepare(self, organization: str, content: str) -> None:
        """Give the organization the contacts of a file, without Dagster: it is not what is tested."""
        workflow = ImportWorkflow(
            Database(self.database_url), LocalStore(self.system.home / "files"), Settings(self.system.home)
        )
        Imports(workflow, organization, self.system.home).completed(content)

    def names(self, organization: str) -> list[str]:
        """Return the names of the organization's contacts."""
        rows = self.query("SELECT name FROM contacts WHERE organization_id = %s ORDER BY name", organization)
        return [row["name"] for row in rows]

    def source(self, name: str, content: str) -> str:
        """Write a file to import; give its path."""
        path = self.system.home / name
        path.write_text(content)
        return str(path)


def until(what: str, condition: Callable[[], Any], seconds: float = 240) -> Any:
    """Wait for something that comes about by itself; give it. ``seconds`` is generous: machines are slow."""
    end = time.monotonic() + seconds
    while True:
        # The database may just be starting again.
        with suppress(psycopg.OperationalError):
            if found := condition():
                return found
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def pull_the_plug(system: System) -> None:
    """Kill everything at once: the command, Dagster's processes, the runs, PostgreSQL."""
    family = [system.process, *system.process.children(recursive=True)]
    family += [
        process
        for process in psutil.process_iter()
        if process not in family and str(system.home / "postgres") in _arguments(process)
    ]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=30)


def _arguments(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@contextmanager
def seconds(what: str) -> Iterator[None]:
    """Print how long the block took; the figures are for people, no test looks at them."""
    started = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - started:.1f} s")
