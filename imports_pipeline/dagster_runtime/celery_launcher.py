"""Launches runs as tasks of Celery; named by ``deploy/celery/dagster.yaml`` and imported for nothing else.

dagster-celery's launcher, but for what it believes of a run that Celery cannot tell about: it would have it
failed. A broker that has restarted knows none of the runs under way, and a command's own runs were never in it.
Whether somebody works on an import is PostgreSQL's to say (``defs/runs/reconciler.py``).
"""

from __future__ import annotations

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError


class ImportsCeleryRunLauncher(CeleryRunLauncher):
    """A ``CeleryRunLauncher`` that fails a run only when Celery says that its process is gone."""

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether the run's process is known to be gone."""
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "It runs in the process of a command.")
        try:
            found = super().check_run_worker_health(run)
        except (OperationalError, OSError) as error:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"The results cannot be asked: {error}.")
        if found.status is WorkerStatus.UNKNOWN:
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.msg)
        return found

    def terminate(self, run_id: str) -> bool:
        """Have the run's process stopped; ``False`` when it is none of Celery's."""
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
        """Return which task a run was."""
        return f"Celery task {run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, 'unknown')}"
