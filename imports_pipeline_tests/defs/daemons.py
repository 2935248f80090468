"""An instance of its own in SQLite with a real daemon, which a test can ask for runs, and kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil

from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline.dagster_runtime.run_process import RunProcess

INSTANCE = """
run_launcher: {module: imports_pipeline.dagster_runtime.run_launcher, class: WarmRunLauncher}
run_coordinator:
  module: imports_pipeline.dagster_runtime.run_launcher
  class: WarmRunCoordinator
  config: {dequeue_interval_seconds: 1}
run_monitoring: {enabled: true, poll_interval_seconds: 1}
concurrency: {runs: {max_concurrent_runs: 20}}
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
telemetry: {enabled: false}
"""
DAEMON = [
    sys.executable,
    "-m",
    "dagster._daemon",
    "run",
    "-m",
    "imports_pipeline_tests.defs.waiting",
]


def until(what: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait for something that comes about by itself; give it. ``seconds`` is generous: machines are slow."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return found


def start_daemon(folder: Path) -> subprocess.Popen[bytes]:
    """Start a daemon on the instance of a folder, and write what it says into it."""
    environment = {**os.environ, "DAGSTER_HOME": str(folder), "WAITING": str(folder), "OF_THE_DAEMON": "yes"}
    with (folder / "daemon.log").open("ab") as output:
        return subprocess.Popen(DAEMON, cwd=project_root(), env=environment, stdout=output, stderr=output)


@dataclass
class Installation:
    """An instance, its folder, and the daemon of the moment."""

    folder: Path
    instance: dg.DagsterInstance
    daemon: subprocess.Popen[bytes]

    def start_daemon(self) -> None:
        """Start a daemon; the one before, if it lives, ends first, for two would launch the same runs."""
        if self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(60)
        self.daemon = start_daemon(self.folder)

    def fork_server(self) -> psutil.Process:
        def find() -> psutil.Process | None:
            children = psutil.Process(self.daemon.pid).children()
            found = [
                one for one in children if "imports_pipeline.dagster_runtime.fork_server" in one.cmdline()
            ]
            return found[0] if found else None

        return until("there is a fork_server", find)

    def ask(self, *names: str) -> list[dg.DagsterRun]:
        """Have runs launched; give them once they wait. Each look of the daemon takes seconds: ask for many."""
        for name in names:
            (self.folder / "asked" / name).touch()
        for name in names:
            self.told(name)
        return [self.runs(name)[0] for name in names]

    def told(self, name: str, attempt: int = 0) -> dict[str, Any]:
        path = self.folder / "told" / f"{name}-{attempt}"
        until(f"{path.name} is under way", path.exists)
        return dict(json.loads(path.read_text()))

    def let_go(self, name: str) -> None:
        (self.folder / "go" / name).touch()

    def runs(self, name: str) -> list[dg.DagsterRun]:
        """Return the runs of this name, the first attempt first."""
        return list(self.instance.get_runs(dg.RunsFilter(tags={"name": name}), ascending=True))

    def ended(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        """Wait for a run's final status, and for there to be one alone."""
        until("the run ends", lambda: self.again(run).is_finished)
        final = {
            dg.DagsterEventType.RUN_SUCCESS,
            dg.DagsterEventType.RUN_FAILURE,
            dg.DagsterEventType.RUN_CANCELED,
        }
        assert len(self.instance.all_logs(run.run_id, of_type=final)) == 1
        return self.again(run).status

    def status_of_killed(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        """Wait for the final status of a run whose process was killed.

        Run monitoring may look at the same moment as the fork server reports the end, and then both record it.
        """
        until("the run ends", lambda: self.again(run).is_finished)
        return self.again(run).status

    def again(self, run: dg.DagsterRun) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found

    def process(self, run: dg.DagsterRun) -> psutil.Process:
        recorded = RunProcess.of(self.again(run))
        assert recorded is not None
        found = recorded.find()
        assert found is not None
        return found
