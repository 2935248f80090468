"""The Celery app of a worker: ``celery -A imports_pipeline.orchestration.celery_worker worker``.

Made by the launcher of the instance, so broker, results and every setting are in one place: its ``dagster.yaml``.
"""

from __future__ import annotations

import dagster as dg
from celery import Celery
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task


def build_app() -> Celery:
    """Make the app. Raises ``RuntimeError`` when the instance does not launch its runs by Celery."""
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        raise RuntimeError("This instance does not launch runs by Celery; set IMPORTS_DEPLOYMENT=celery.")
    create_execute_job_task(launcher.celery)
    create_resume_job_task(launcher.celery)
    return launcher.celery


app = build_app()
