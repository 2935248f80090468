"""The Celery app of a worker: ``celery -A imports_pipeline.dagster_runtime.celery_worker worker``.

Made by the launcher of the instance, so broker, results and every setting are in one place: its ``dagster.yaml``.
"""

from __future__ import annotations

import multiprocessing.process
from typing import Final

import dagster as dg
from celery import Celery
from celery.signals import worker_process_init
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

_PROCESS: Final = multiprocessing.process.current_process()


def build_app() -> Celery:
    """Make the app. Raises ``RuntimeError`` when the instance does not launch its runs by Celery."""
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        raise RuntimeError("This instance does not launch runs by Celery; set IMPORTS_DEPLOYMENT=celery.")
    create_execute_job_task(launcher.celery)
    create_resume_job_task(launcher.celery)
    return launcher.celery


def may_have_children(**_: object) -> None:
    """Let a run have processes of its own (``workflow/part_executors.py``), which end with it.

    Celery's fork of multiprocessing makes the workers' processes daemons, and puts an object of its own where
    multiprocessing keeps the process at hand; it starts no process from there.
    """
    multiprocessing.process._current_process = _PROCESS  # type: ignore[attr-defined]


worker_process_init.connect(may_have_children)
app = build_app()
