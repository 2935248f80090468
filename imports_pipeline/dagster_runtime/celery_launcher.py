"""Launches runs as Celery tasks. Only ``deploy/celery/dagster.yaml`` refers to this module.

This is dagster-celery's launcher with one difference. dagster-celery fails every run whose task Celery does not know.
But a restarted broker does not know the runs in progress, and the runs of commands were never Celery tasks. The
reconciler (``defs/runs/reconciler.py``) finds dead runs by the connections in PostgreSQL instead.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError


class ImportsCeleryRunLauncher(CeleryRunLauncher):
    """A ``CeleryRunLauncher`` that reports a run as failed only if Celery knows that its process has died."""

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return the health of the run's process: running, unless Celery knows that it has died."""
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return CheckRunHealthResult(
                WorkerStatus.RUNNING, "The run is executed in the process of a command."
            )
        try:
            found = super().check_run_worker_health(run)
        except (OperationalError, OSError) as error:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"The Celery results cannot be read: {error}.")
        if found.status is WorkerStatus.UNKNOWN:
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.msg)
        return found

    def terminate(self, run_id: str) -> bool:
        """Ask Celery to stop the run's process. Return False if the run is not a Celery task."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return bool(super().terminate(run_id))

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002
    ) -> str | None:
        """Return a text with the id of the run's Celery task."""
        return f"Celery task {run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, 'unknown')}"
