"""The Celery app of a worker: ``celery -A imports_pipeline.dagster_runtime.celery_worker worker``.

The launcher of the Dagster instance creates the app. Its ``dagster.yaml`` is therefore the only place with the broker,
the result backend and all other settings.
"""

from __future__ import annotations

import dagster as dg
from celery import Celery
from celery.signals import worker_process_init
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from imports_pipeline.dagster_runtime.celery_processes import allow_child_processes


def build_app() -> Celery:
    """Create the app. Raises ``RuntimeError`` if the instance does not launch its runs by Celery."""
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        raise RuntimeError("This instance does not launch runs by Celery; set IMPORTS_DEPLOYMENT=celery.")
    create_execute_job_task(launcher.celery)
    create_resume_job_task(launcher.celery)
    return launcher.celery


worker_process_init.connect(allow_child_processes)
app = build_app()
