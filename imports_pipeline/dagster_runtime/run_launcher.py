"""Launches runs as processes of this machine that have loaded already; named by ``dagster.yaml``.

Dagster's default has its code server start a new Python for each run, which loads for three seconds. Here a run is
forked by the daemon from a process that has done so (``fork_server.py``). It does what Dagster's launchers for Celery
and Kubernetes have their machines do. The run's tag names its process, so the pages and commands can stop it, and a
daemon that was started anew can tell whether it lives.

Not multiprocessing's fork server: a process waits at its exit for all children that multiprocessing started, so a
daemon could not be restarted while an import runs; and each child would load the daemon's main module.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
from typing import Any

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError

from imports_pipeline.dagster_runtime.fork_client import ForkServer, ForkServerError
from imports_pipeline.dagster_runtime.run_process import RunProcess
from imports_pipeline.defs.runs import tags

_log = logging.getLogger(__name__)


class WarmRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Launches runs by forking a process that has loaded what they need."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """Start nothing yet: pages and commands have a launcher too."""
        self._inst_data = inst_data
        self._fork_server: ForkServer | None = None
        self._lock = threading.Lock()
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What the instance was told of this launcher."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take no options."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> WarmRunLauncher:
        """Make the launcher of an instance."""
        return cls(inst_data=inst_data, **config_value)

    def warm_up(self) -> ForkServer:
        """Return the fork server, started if there is none that lives."""
        with self._lock:
            if self._fork_server is None or not self._fork_server.lives():
                self._fork_server = ForkServer(self._has_ended)
            return self._fork_server

    def begin(self) -> None:
        """Do what is to be done when the daemon starts: load, and end what died with the one before.

        Run monitoring asks for no run that is about to start or to be canceled, and gives it up after three minutes.
        """
        self.warm_up()
        between = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
        for run in self._instance.get_runs(dg.RunsFilter(statuses=between)):
            process = RunProcess.of(run)
            if process is None:
                # Only a daemon has runs that are about to start, and this one has launched none.
                gone = run.status is dg.DagsterRunStatus.STARTING
            else:
                gone = process.is_here() and process.find() is None
            if gone:
                self._end(run.run_id, "The process of this run has gone, and so had the daemon.")

    def dispose(self) -> None:
        """Leave the runs to themselves."""
        if self._fork_server is not None:
            self._fork_server.close()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run; it has the tag of its process before it does anything."""
        run = context.dagster_run
        if run.job_code_origin is None:
            raise dg.DagsterInvariantViolationError(f"The run {run.run_id} does not say where its code is.")
        arguments = ExecuteRunArgs(run.job_code_origin, run.run_id, self._instance.get_ref(), True)
        fork_server = self.warm_up()
        pid = fork_server.fork(run.run_id, arguments.get_command_args())
        try:
            # Both would write the run's tags; nobody else does so while the process waits.
            self._instance.add_run_tags(run.run_id, RunProcess.here(run.run_id, pid).tag())
        except psutil.NoSuchProcess as error:
            raise ForkServerError("The process ended at once.") from error
        except BaseException:
            psutil.Process(pid).kill()
            raise
        fork_server.release(run.run_id)

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run; ``False`` when it has ended, or its process is not to be reached from here."""
        run = self._instance.get_run_by_id(run_id)
        process = None if run is None or run.is_finished else RunProcess.of(run)
        if run is None or process is None:
            return False
        if run.status is not dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceling(run)
        if not process.is_here():
            message = (
                f"The run is {process}, and can only be stopped there; its import is ended all the same."
            )
            self._instance.report_engine_event(message, run, cls=type(self))
            return False
        found = process.find()
        if found is None:
            self._end(run_id, f"The {process} had gone already.")
            return True
        try:
            # Dagster takes it for an interrupt, which ends the run as canceled.
            found.send_signal(signal.SIGTERM)
        except psutil.NoSuchProcess:
            return False
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Return that run monitoring may ask whether a run's process lives."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether the run's process lives; run monitoring fails a run for any answer but that it does."""
        process = RunProcess.of(run)
        if process is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "It runs in the process of a command.")
        if not process.is_here():
            if tags.IMPORT_ID in run.tags:
                # PostgreSQL knows whether somebody works on an import (reconciler.py); this machine does not.
                return CheckRunHealthResult(WorkerStatus.RUNNING, f"It is {process}.")
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, f"It was {process}.")
        if process.find() is None:
            return CheckRunHealthResult(WorkerStatus.FAILED, f"The {process} has gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002
    ) -> str | None:
        """Return which process a run was."""
        process = RunProcess.of(run)
        return f"The run was {process}." if process else None

    def _has_ended(self, run_id: str, status: int) -> None:
        """End the run of a process that is gone and could not say so; the others have ended."""
        how = f"exit code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
        try:
            if self.has_instance:
                self._end(run_id, f"The process of this run ended before it ({how}).")
        except (SQLAlchemyError, DagsterPostgresException) as error:
            # Run monitoring finds it, when the database is back.
            _log.warning("That the process of run %s has ended could not be recorded: %s", run_id, error)

    def _end(self, run_id: str, message: str) -> None:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        if run.status is dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceled(run, message)
        else:
            self._instance.report_run_failed(run, message)


class WarmRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's queue; its daemon has the launcher begin when it starts, and not when the first run is launched."""

    @property
    def dequeue_interval_seconds(self) -> int:
        """The seconds between two looks at the queue: asked for once, by the daemon that makes them."""
        launcher = self._instance.run_launcher
        if isinstance(launcher, WarmRunLauncher):
            launcher.begin()
        return super().dequeue_interval_seconds
