"""Runs imports as recorded Dagster runs in this process: what command line and API do while somebody waits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import dagster as dg

from imports_pipeline.definitions import build_definitions
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration import logs, tags
from imports_pipeline.orchestration.jobs import REVERT_JOB, import_job_name, process_job_name
from imports_pipeline.orchestration.journey import Journey
from imports_pipeline.orchestration.resources import Imports
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.storage import registry

#: A caller that waits starts writing at once; a sensor that found the batch first would only wait behind it.
_CLAIM_SECONDS = 60
#: For Dagster's own statements, which are small; and after how long one of its connections is replaced.
_STATEMENT_MILLISECONDS = 60_000
_RECYCLE_SECONDS = 300


class Runner:
    """Runs one import after another; what Dagster needs for it is made once."""

    def __init__(self, journey: Journey, instance: dg.DagsterInstance, *, wait: bool) -> None:
        """Run on this instance. With ``wait`` a ``mixed`` import is written here too, by a second run."""
        self._journey = journey
        self._instance = instance
        self._wait = wait

    def run_import(self, import_: Import) -> Import:
        """Take a registered import through its phases and give it as it ended.

        Without ``wait`` a ``mixed`` import stays ``queued``. A fault of the machine ends it as ``failed``: there is
        nobody behind this process to try again.
        """
        resource = RESOURCES[import_.resource]
        import_ = self._run(import_, import_job_name(resource), tags.of(import_))
        if self._wait and import_.status is Status.QUEUED:
            import_ = self._run(import_, process_job_name(resource), tags.of_write(import_))
        return import_

    def run_revert(self, import_: Import) -> Import:
        """Take a registered revert through its one run and give it as it ended."""
        return self._run(import_, REVERT_JOB, tags.of(import_))

    def _run(self, import_: Import, job_name: str, run_tags: dict[str, str]) -> Import:
        journey = self._journey
        settings = journey.settings
        claim = _CLAIM_SECONDS if self._wait else 0
        job = _job(job_name, journey.database.url, str(settings.home), settings.store_url, claim)
        # Dagster's daemon cannot launch again what it did not launch.
        result = job.execute_in_process(
            instance=self._instance, tags={**run_tags, "dagster/max_retries": "0"}, raise_on_error=False
        )
        with journey.database.connect() as connection:
            registry.update_import(connection, import_.id, run_id=result.run_id)
        if not result.success:
            journey.endings.fail(
                import_.id,
                "fault",
                f"{_fault(result)} See the Dagster run {result.run_id}, then import again.",
            )
            tags.show_status(self._instance, journey.get(import_.id))
        return journey.get(import_.id)


@contextmanager
def opened(journey: Journey, *, wait: bool) -> Iterator[Runner]:
    """Give a runner for the block, in which connections to the database are kept open."""
    with journey.database.kept(), dg.DagsterInstance.get() as instance:
        # A run opens a hundred connections otherwise: the storages keep none, but for the web server.
        instance.optimize_for_webserver(
            statement_timeout=_STATEMENT_MILLISECONDS, pool_recycle=_RECYCLE_SECONDS, max_overflow=20
        )
        yield Runner(journey, instance, wait=wait)


@lru_cache(maxsize=8)
def _job(name: str, database_url: str, home: str, store_url: str, claim_seconds: int) -> dg.JobDefinition:
    """Make a job of this installation, once in this process."""
    imports = Imports(database_url=database_url, home=home, store_url=store_url, claim_seconds=claim_seconds)
    return build_definitions({"imports": imports}).resolve_job_def(name)


def run_import(journey: Journey, import_: Import, *, wait: bool) -> Import:
    """Run one import, as ``Runner.run_import`` does."""
    with opened(journey, wait=wait) as runner:
        return runner.run_import(import_)


def run_revert(journey: Journey, import_: Import) -> Import:
    """Run one revert, as ``Runner.run_revert`` does."""
    with opened(journey, wait=False) as runner:
        return runner.run_revert(import_)


def cancel_import(journey: Journey, import_id: str) -> Import:
    """End an import, stop its runs, and give it as it ended. Raises ``NoSuchImport``."""
    import_ = journey.endings.cancel(import_id)
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_id})):
            # One that no launcher knows (of another command) finds its import ended, and ends itself.
            if not run.is_finished:
                instance.run_coordinator.cancel_run(run.run_id)
        tags.show_status(instance, import_)
    return import_


def _fault(result: dg.ExecuteInProcessResult) -> str:
    """Say what broke, without a traceback."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None:
                return f"A fault of the machine in {event.step_key}: {error.message.strip().splitlines()[0]}."
    return "A fault of the machine ended the run."


def quiet_dagster() -> None:
    """Keep Dagster's own console log out of the way of what a command prints."""
    os.environ.setdefault(logs.LEVEL_VARIABLE, "CRITICAL")
