"""Runs as forked processes, launched by a real daemon through its queue, on an instance of their own in SQLite."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline.dagster_runtime.run_process import RunProcess
from imports_pipeline.defs.runs import tags
from imports_pipeline_tests.defs.daemons import INSTANCE, Installation, start_daemon, until
from imports_pipeline_tests.system import lives

# The tests share an instance and its daemon, so they run in one process, in any order: each one requests its own runs
# and starts the daemon if an earlier one has killed it. `make test` runs two of them, `make soak` all. Runs of the
# whole system are killed in whole/test_kills.py.
soak = pytest.mark.soak
STARTING = dg.DagsterRunStatus.STARTING
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


@pytest.fixture(scope="module")
def instance_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("launcher")
    (folder / "dagster.yaml").write_text(INSTANCE)
    for name in ("asked", "told", "go"):
        (folder / name).mkdir()
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        made = Installation(folder, instance, start_daemon(folder))
        try:
            yield made
        finally:
            made.daemon.terminate()
            made.daemon.wait(60)
            for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
                with suppress(AssertionError):
                    made.process(run).kill()
            print((folder / "daemon.log").read_text()[-20000:])


@pytest.fixture
def installation(instance_of_all: Installation) -> Installation:
    """Return the installation with a daemon that runs."""
    if instance_of_all.daemon.poll() is not None:
        instance_of_all.start_daemon()
    return instance_of_all


def test_a_run_is_a_process_as_if_started_anew(installation: Installation) -> None:
    (run,) = installation.ask("plain")
    fork_server = installation.fork_server()
    told = installation.told("plain")
    process = installation.process(run)
    assert process.pid == told["pid"]
    assert told["parent"] == fork_server.pid
    assert told["cwd"] == str(project_root())
    assert told["arguments"][1:] == ["api", "execute_run"]
    assert told["environment"] == "yes"
    assert told["threads"] == 1
    assert told["children_signal"]
    assert set(told["parts"]) <= {
        "imports_pipeline.dagster_runtime.run_launcher",
        "imports_pipeline.dagster_runtime.fork_client",
        "imports_pipeline.dagster_runtime.run_process",
        "imports_pipeline.defs.runs",
        "imports_pipeline.defs.runs.tags",
    }, "the instance's own launcher, and nothing that an edit would leave behind"
    files = {file.path for file in process.open_files()}
    assert not [path for path in files if path.endswith(".db")], "no connection came along"
    installation.let_go("plain")
    assert installation.ended(run) is SUCCESS
    until("its process is gone", lambda: not lives(process))
    assert installation.instance.run_launcher.check_run_worker_health(installation.again(run)).status is (
        WorkerStatus.FAILED
    )


@soak
def test_runs_are_processes_of_their_own(installation: Installation) -> None:
    runs = installation.ask("first", "second", "third")
    assert len({installation.process(run) for run in runs}) == len(runs)
    for name in ("first", "second", "third"):
        installation.let_go(name)
    assert [installation.ended(run) for run in runs] == [SUCCESS] * len(runs)


@soak
def test_a_run_is_stopped_from_another_process(installation: Installation) -> None:
    (run,) = installation.ask("stopped")
    cancel = installation.instance.run_coordinator.cancel_run
    process = installation.process(run)
    assert cancel(run.run_id)
    assert installation.ended(run) is dg.DagsterRunStatus.CANCELED
    until("its process is gone", lambda: not lives(process))
    assert not cancel(run.run_id), "it has ended"


def test_a_killed_run_fails_and_is_launched_once_more(installation: Installation) -> None:
    (first,) = installation.ask("killed")
    installation.process(first).kill()
    assert installation.status_of_killed(first) is FAILURE
    assert "SIGKILL" in _failures(installation, first)
    installation.told("killed", 1)
    first, second = installation.runs("killed")
    assert second.parent_run_id == first.run_id
    assert RunProcess.of(installation.again(second)) != RunProcess.of(installation.again(first))
    installation.process(second).kill()
    assert installation.status_of_killed(second) is FAILURE
    until("there is no third", lambda: installation.again(second).tags.get(tags.WILL_RETRY) == "false")
    assert len(installation.runs("killed")) == 2


@soak
def test_a_process_that_leaves_without_a_word_fails_its_run(installation: Installation) -> None:
    (run,) = installation.ask("exits")
    installation.let_go("exits")
    assert installation.ended(run) is FAILURE
    assert "exit code 3" in _failures(installation, run)


@soak
def test_another_process_of_the_same_number_is_not_the_run(installation: Installation) -> None:
    (running,) = installation.ask("not-me")
    launcher = installation.instance.run_launcher
    mine = RunProcess.here(running.run_id, os.getpid())
    other = RunProcess(running.run_id, mine.host, mine.pid, mine.began - 3600)
    shown = running.with_tags({**running.tags, **other.tag()})
    assert launcher.check_run_worker_health(installation.again(running)).status is WorkerStatus.RUNNING
    assert launcher.check_run_worker_health(shown).status is WorkerStatus.FAILED
    # For real: run monitoring of the daemon sees it so, and nobody signals this process.
    worker = installation.process(running)
    caught: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: caught.append(number))
    try:
        installation.instance.add_run_tags(running.run_id, other.tag())
        launcher.terminate(running.run_id)
        # Run monitoring looks at the same moment, so both may have said that it ended.
        until("the run ends", lambda: installation.again(running).is_finished)
        assert installation.again(running).status in (FAILURE, dg.DagsterRunStatus.CANCELED)
        assert caught == []
    finally:
        signal.signal(signal.SIGTERM, before)
        worker.kill()


@soak
def test_a_run_of_another_machine_is_left_to_it(installation: Installation) -> None:
    (running,) = installation.ask("elsewhere")
    launcher = installation.instance.run_launcher
    there = RunProcess(running.run_id, "elsewhere", 4711, 12.5).tag()
    lost = running.with_tags({**running.tags, **there})
    assert launcher.check_run_worker_health(lost).status is WorkerStatus.UNKNOWN
    of_import = running.with_tags({**lost.tags, tags.IMPORT_ID: "imp_1"})
    assert launcher.check_run_worker_health(of_import).status is WorkerStatus.RUNNING
    of_command = running.with_tags({"name": "command"})
    assert launcher.check_run_worker_health(of_command).status is WorkerStatus.RUNNING
    worker = installation.process(running)
    installation.instance.add_run_tags(running.run_id, {**there, tags.IMPORT_ID: "imp_1"})
    assert not launcher.terminate(running.run_id)
    events = installation.instance.all_logs(running.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    assert any("elsewhere" in str(event.message) for event in events)
    worker.terminate()
    assert installation.ended(running) is dg.DagsterRunStatus.CANCELED


@soak
def test_runs_go_on_without_their_fork_server_and_the_next_has_a_new_one(installation: Installation) -> None:
    (run,) = installation.ask("without")
    killed = installation.fork_server()
    killed.kill()
    until("it is gone", lambda: not lives(killed))
    installation.process(run).kill()
    assert installation.ended(run) is FAILURE, "run monitoring finds what no fork_server tells"
    installation.let_go("without")
    installation.told("without", 1)
    assert installation.ended(installation.runs("without")[1]) is SUCCESS
    assert installation.fork_server() != killed


@soak
def test_runs_go_on_when_the_daemon_is_killed_and_the_next_one_knows_them(
    installation: Installation,
) -> None:
    ends, dies, is_canceled = installation.ask("ends", "dies", "is-canceled")
    fork_server = installation.fork_server()
    installation.daemon.kill()
    installation.daemon.wait(60)
    assert lives(fork_server), "it has runs"
    installation.let_go("ends")
    assert installation.ended(ends) is SUCCESS
    installation.process(dies).kill()
    installation.start_daemon()
    assert installation.ended(dies) is FAILURE
    assert installation.instance.run_coordinator.cancel_run(is_canceled.run_id)
    assert installation.ended(is_canceled) is dg.DagsterRunStatus.CANCELED
    until("the fork_server ends after its runs", lambda: not lives(fork_server))
    installation.let_go("dies")
    installation.told("dies", 1)
    assert installation.ended(installation.runs("dies")[1]) is SUCCESS


@soak
def test_a_daemon_ends_in_order_and_waits_for_no_run(installation: Installation) -> None:
    (run,) = installation.ask("in-order")
    fork_server = installation.fork_server()
    installation.daemon.terminate()
    assert installation.daemon.wait(60) == 0
    assert lives(fork_server), "it has a run"
    installation.let_go("in-order")
    assert installation.ended(run) is SUCCESS
    until("the fork_server ends after its run", lambda: not lives(fork_server))


@soak
def test_a_run_that_was_about_to_start_when_all_died_is_launched_once_more(
    installation: Installation,
) -> None:
    installation.start_daemon()
    fork_server = installation.fork_server()
    fork_server.suspend()
    (installation.folder / "asked" / "about-to-start").touch()
    until(
        "it is being launched",
        lambda: [run.status for run in installation.runs("about-to-start")] == [STARTING],
    )
    installation.daemon.kill()
    installation.daemon.wait(60)
    fork_server.kill()
    installation.start_daemon()
    installation.told("about-to-start", 1)
    first, second = installation.runs("about-to-start")
    assert installation.ended(first) is FAILURE
    installation.let_go("about-to-start")
    assert installation.ended(second) is SUCCESS


def _failures(installation: Installation, run: dg.DagsterRun) -> str:
    events = installation.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return " ".join(str(event.dagster_event.message) for event in events if event.dagster_event is not None)
