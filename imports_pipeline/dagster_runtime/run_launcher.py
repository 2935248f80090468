"""Launches runs as processes of this machine, forked from a process that has loaded their modules.

``dagster.yaml`` refers to the classes of this module. With Dagster's default launcher, the code server starts a new
Python process for each run, which loads modules for three seconds. Here the daemon forks each run from the fork server
(``fork_server.py``). The run executes the same command that Dagster's launchers for Celery and Kubernetes execute on
their machines. A tag of the run identifies its process, so that other processes can stop it, and a restarted daemon
can find out if it is still alive.

multiprocessing has a fork server too, but a process waits at its exit for all children that multiprocessing has
started, so the daemon could not be restarted while an import runs. Also, each child would load the daemon's main
module.
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
    """Launches runs by forking a process that has loaded their modules."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """Create the launcher without starting a fork server, because the web server and commands have one too."""
        self._inst_data = inst_data
        self._fork_server: ForkServer | None = None
        self._lock = threading.Lock()
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """The launcher's configuration in ``dagster.yaml``."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration schema: there are no options."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> WarmRunLauncher:
        """Create the launcher of an instance."""
        return cls(inst_data=inst_data, **config_value)

    def fork_server(self) -> ForkServer:
        """Return the fork server, starting it if it is not running."""
        with self._lock:
            if self._fork_server is None or not self._fork_server.is_running():
                self._fork_server = ForkServer(self._has_ended)
            return self._fork_server

    def on_daemon_start(self) -> None:
        """Start the fork server, and end the runs that died with the last daemon. The daemon calls this at its start.

        Dagster's run monitoring does not check runs that are starting or being canceled. It fails them after three
        minutes.
        """
        self.fork_server()
        between = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
        for run in self._instance.get_runs(dg.RunsFilter(statuses=between)):
            process = RunProcess.of(run)
            if process is None:
                # Only a daemon starts runs without a process, and this daemon has not launched any yet.
                gone = run.status is dg.DagsterRunStatus.STARTING
            else:
                gone = process.is_here() and process.find() is None
            if gone:
                self._end(run.run_id, "The process of this run has died together with the daemon.")

    def dispose(self) -> None:
        """Close the connection to the fork server. Its runs continue."""
        if self._fork_server is not None:
            self._fork_server.close()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run. The run gets the tag of its process before it begins."""
        run = context.dagster_run
        if run.job_code_origin is None:
            raise dg.DagsterInvariantViolationError(f"The run {run.run_id} does not say where its code is.")
        arguments = ExecuteRunArgs(run.job_code_origin, run.run_id, self._instance.get_ref(), True)
        fork_server = self.fork_server()
        pid = fork_server.fork(run.run_id, arguments.get_command_args())
        try:
            # The run also writes its tags, so the tag must be complete before the process may begin.
            self._instance.add_run_tags(run.run_id, RunProcess.here(run.run_id, pid).tag())
        except psutil.NoSuchProcess as error:
            raise ForkServerError("The process of the run ended at once.") from error
        except BaseException:
            psutil.Process(pid).kill()
            raise
        fork_server.release(run.run_id)

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run. Return False if it has ended, or if its process is on another machine."""
        run = self._instance.get_run_by_id(run_id)
        process = None if run is None or run.is_finished else RunProcess.of(run)
        if run is None or process is None:
            return False
        if run.status is not dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceling(run)
        if not process.is_here():
            message = f"The run is {process}, and can only be stopped there. Its import is ended in any case."
            self._instance.report_engine_event(message, run, cls=type(self))
            return False
        found = process.find()
        if found is None:
            self._end(run_id, f"The {process} had already ended.")
            return True
        try:
            # Dagster handles SIGTERM as an interrupt, which ends the run as canceled.
            found.send_signal(signal.SIGTERM)
        except psutil.NoSuchProcess:
            return False
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: this launcher can check the process of a run."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return the health of the run's process. Run monitoring fails the run unless the status is RUNNING."""
        process = RunProcess.of(run)
        if process is None:
            return CheckRunHealthResult(
                WorkerStatus.RUNNING, "The run is executed in the process of a command."
            )
        if not process.is_here():
            if tags.IMPORT_ID in run.tags:
                # This machine cannot see the process. The reconciler finds dead imports by their connections.
                return CheckRunHealthResult(WorkerStatus.RUNNING, f"The run is {process}.")
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, f"The run was {process}.")
        if process.find() is None:
            return CheckRunHealthResult(WorkerStatus.FAILED, f"The {process} has ended.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002
    ) -> str | None:
        """Return a text that names the run's process."""
        process = RunProcess.of(run)
        return f"The run was {process}." if process else None

    def _has_ended(self, run_id: str, status: int) -> None:
        """Fail the run of a process that has ended, unless the process has recorded the end of the run itself."""
        how = f"exit code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
        try:
            if self.has_instance:
                self._end(run_id, f"The process of this run ended before it ({how}).")
        except (SQLAlchemyError, DagsterPostgresException) as error:
            # Run monitoring finds the run when the database is available again.
            _log.warning("The end of the process of run %s could not be recorded: %s", run_id, error)

    def _end(self, run_id: str, message: str) -> None:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        if run.status is dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceled(run, message)
        else:
            self._instance.report_run_failed(run, message)


class WarmRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's run queue, which also starts the launcher when the daemon starts.

    Dagster has no hook for the start of its daemon. ``dequeue_interval_seconds`` is the only member of a run
    coordinator that nothing but the daemon reads (``dagster._daemon.controller.create_daemon_of_type``), once and
    before its first look at the queue. ``test_private_parts.py`` checks that.
    """

    @property
    def dequeue_interval_seconds(self) -> int:
        """The seconds between two looks at the queue. Reading it starts the launcher, see the class."""
        launcher = self._instance.run_launcher
        if isinstance(launcher, WarmRunLauncher):
            launcher.on_daemon_start()
        return super().dequeue_interval_seconds
