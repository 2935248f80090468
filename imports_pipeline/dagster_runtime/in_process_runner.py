"""Executes an import as recorded Dagster runs in this process, for commands whose caller waits for the result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import dagster as dg
import psycopg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from imports_pipeline.database.active_imports import worker_name
from imports_pipeline.defs.jobs import OF_REGISTERED, REVERT_JOB, import_job_name
from imports_pipeline.defs.one_job import build_job
from imports_pipeline.defs.resources import Imports
from imports_pipeline.defs.runs import run_errors, run_logs, size_tags, tags
from imports_pipeline.defs.runs.dagster_connections import close_connections, keep_connections
from imports_pipeline.model.imports import Import
from imports_pipeline.registry import import_updates
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow import signals
from imports_pipeline.workflow.import_workflow import ImportWorkflow

# A caller that waits writes the batch at once. During this time the sensor leaves the batch alone, because its run
# would only wait for the write lock.
_CLAIM_SECONDS = 60
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


class Runner:
    """Runs imports one after the other with one Dagster instance."""

    def __init__(self, workflow: ImportWorkflow, instance: dg.DagsterInstance, *, wait: bool) -> None:
        """Use an open instance. ``opened`` creates a runner."""
        self._workflow, self._instance, self._wait = workflow, instance, wait

    def run(self, import_: Import, more_tags: Mapping[str, str] = _NO_TAGS) -> Import:
        """Run the phases of a registered import like ``run_import``, and return it with its final status."""
        run_tags = tags.of_write(import_) if self._wait else tags.of(import_)
        run_tags = {**run_tags, **self._size_tags(import_), **more_tags}
        return self._run(import_, import_job_name(RESOURCES[import_.resource]), OF_REGISTERED, run_tags)

    def _size_tags(self, import_: Import) -> dict[str, str]:
        try:
            with self._workflow.database.connect() as connection:
                return size_tags.run_tags(self._workflow, connection, import_)
        except OSError:
            # The run meets the same error of the file store and ends its import.
            return {}

    def run_revert(self, import_: Import) -> Import:
        """Run a registered revert and return it with its final status."""
        run_config = {"import_id": import_.reverts, "dry_run": import_.options.dry_run}
        return self._run(import_, REVERT_JOB, run_config, tags.of(import_))

    def _run(
        self, import_: Import, job_name: str, run_config: Mapping[str, Any], run_tags: dict[str, str]
    ) -> Import:
        claim = _CLAIM_SECONDS if self._wait else 0
        return _run(self._instance, self._workflow, import_, job_name, run_config, run_tags, claim)


@contextmanager
def opened(workflow: ImportWorkflow, *, wait: bool) -> Iterator[Runner]:
    """Yield a runner for many imports. This process keeps its connections to PostgreSQL open during the block.

    ``wait`` is as for ``run_import``.
    """
    with workflow.database.pooled(), dg.DagsterInstance.get() as instance:
        keep_connections(instance)
        try:
            yield Runner(workflow, instance, wait=wait)
        finally:
            close_connections(instance)


def run_import(
    workflow: ImportWorkflow, import_: Import, *, wait: bool, more_tags: Mapping[str, str] = _NO_TAGS
) -> Import:
    """Run the phases of a registered import and return the import.

    With ``wait`` the run that has checked a ``mixed`` import writes it too: nobody needs an answer in between, and a
    second run takes a third of the time of a small import. Without it the import stays ``queued``. An infrastructure
    error ends the import as ``failed``, because no daemon retries a run of this process. The run has ``more_tags`` too.
    """
    with opened(workflow, wait=wait) as runner:
        return runner.run(import_, more_tags)


def run_revert(workflow: ImportWorkflow, import_: Import) -> Import:
    """Run a registered revert and return it with its final status."""
    with opened(workflow, wait=False) as runner:
        return runner.run_revert(import_)


@lru_cache(maxsize=16)
def _job(name: str, database_url: str, home: str, store_url: str, claim_seconds: int) -> dg.JobDefinition:
    """Return a job of this installation. It is built once in each process."""
    imports = Imports(database_url=database_url, home=home, store_url=store_url, claim_seconds=claim_seconds)
    return build_job(name, {"imports": imports})


def cancel_import(workflow: ImportWorkflow, import_id: str) -> Import:
    """Cancel an import, stop its runs, and return it with its final status. Raises ``NoSuchImport``."""
    import_ = workflow.finalization.cancel(import_id)
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_id})):
            # A run that no launcher knows belongs to another command. It ends when it finds its import ended.
            if not run.is_finished:
                instance.run_coordinator.cancel_run(run.run_id)
        tags.show_status(instance, import_)
    return import_


def _run(
    instance: dg.DagsterInstance,
    workflow: ImportWorkflow,
    import_: Import,
    job_name: str,
    run_config: Mapping[str, Any],
    run_tags: dict[str, str],
    claim_seconds: int,
) -> Import:
    settings = workflow.settings
    job = _job(job_name, workflow.database.url, str(settings.home), settings.store_url, claim_seconds)
    if signals.signal_received() is not None:
        return _stopped(instance, workflow, import_)
    try:
        run = _create_run(instance, job, run_config, run_tags, settings.code_location)
        with _said_to_work_on(workflow, import_.id):
            result = execute_run(InMemoryJob(job), run, instance)
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        if signals.signal_received() is None:
            raise
        return _stopped(instance, workflow, import_)
    with workflow.database.connect() as connection:
        import_updates.update_import(connection, import_.id, run_id=result.run_id)
    if not result.success:
        what = run_errors.sentence(result.all_events) or "A fault of the machine ended the run."
        workflow.finalization.fail(
            import_.id, "fault", f"{what} See the Dagster run {result.run_id}, then import again."
        )
        tags.show_status(instance, workflow.get(import_.id))
    return workflow.get(import_.id)


def _create_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    run_config: Mapping[str, Any],
    run_tags: dict[str, str],
    code_location: str,
) -> dg.DagsterRun:
    """Record a run as Dagster's daemon does, so that the timeline and the history of its job show it.

    ``execute_in_process`` records no origin, by which these pages find runs. ``test_tags.py`` checks it.
    """
    repository = RemoteRepositoryOrigin(
        RegisteredCodeLocationOrigin(code_location), SINGLETON_REPOSITORY_NAME
    )
    return instance.create_run_for_job(
        job,
        run_config=run_config,
        tags={
            **job.run_tags,
            **run_tags,
            tags.MAX_RETRIES: "0",
            tags.IN_PROCESS: "true",
        },
        remote_job_origin=RemoteJobOrigin(repository, job.name),
    )


@contextmanager
def _said_to_work_on(workflow: ImportWorkflow, import_id: str) -> Iterator[None]:
    """Keep a connection named after the import open between its phases, for ``abandoned_imports.py``."""
    stack = ExitStack()
    stack.enter_context(workflow.database.connect(worker_name(import_id)))
    try:
        yield
    finally:
        # The connection may have been lost in the meantime. It is no longer needed.
        with suppress(psycopg.Error):
            stack.close()


def _stopped(instance: dg.DagsterInstance, workflow: ImportWorkflow, import_: Import) -> Import:
    """Cancel an import because of a signal, and return it with its final status."""
    ended = workflow.finalization.cancel(import_.id)
    for run in instance.get_runs(dg.RunsFilter(tags={tags.IMPORT_ID: import_.id})):
        if not run.is_finished:
            instance.report_run_canceled(run, "The command was stopped.")
    tags.show_status(instance, ended)
    return ended


def quiet_dagster() -> None:
    """Set the log level so that Dagster's console log does not mix with the output of a command."""
    os.environ.setdefault(run_logs.LEVEL_VARIABLE, "CRITICAL")
