"""Private parts of dependencies that the launchers rely on. A new version that changes them fails here."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import billiard
import dagster as dg
import pytest
from dagster._daemon.controller import create_daemon_of_type
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from imports_pipeline.dagster_runtime.celery_processes import allow_child_processes
from imports_pipeline.dagster_runtime.run_launcher import WarmRunLauncher
from imports_pipeline_tests.defs.daemons import INSTANCE


def test_the_launcher_starts_with_the_daemon_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(WarmRunLauncher, "on_daemon_start", lambda launcher: started.append(launcher))
    (tmp_path / "dagster.yaml").write_text(INSTANCE)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.info_dict()
        instance.get_concurrency_config()
        assert started == [], "the web server and commands also read the configuration"
        create_daemon_of_type(QueuedRunCoordinatorDaemon.daemon_type(), instance)
        assert started == [instance.run_launcher]


def _start_child(allowed: bool) -> None:
    if allowed:
        allow_child_processes()
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    raise SystemExit(child.exitcode)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_worker_process_of_celery_starts_children_only_if_allowed(allowed: bool) -> None:
    worker = billiard.Process(target=_start_child, args=(allowed,))
    worker.daemon = True
    worker.start()
    worker.join(60)
    assert (worker.exitcode == 0) is allowed
