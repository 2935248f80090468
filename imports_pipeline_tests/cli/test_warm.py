"""Commands that the warm process runs: they behave as in a process of their own, and fall back to one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from imports_pipeline.cli.warm import VARIABLE, socket_path
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys.faults import until
from imports_pipeline_tests.system import COMMAND, environment


class Warm:
    """A warm process, and commands beside it."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env, self.folder = env, folder
        self.socket = Path(socket_path(env["IMPORTS_HOME"]))
        self.process = subprocess.Popen([*COMMAND, "warm"], env=env, stdin=subprocess.PIPE)
        until(lambda: not _refuses(self.socket) or self.process.poll() is not None)

    def begin(
        self, *arguments: str, program: tuple[str, ...] = COMMAND, **more: Any
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*program, *arguments],
            env=self.env | more,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, stdin: str = "", **more: Any) -> tuple[int, str, str]:
        begun = self.begin(*arguments, **more)
        out, err = begun.communicate(stdin, timeout=300)
        return begun.returncode, out, err

    def has_run(self, *arguments: str, **more: Any) -> bool:
        """Run a command and return whether it was the warm process that ran it."""
        before = self._time_of_commands()
        assert self.run(*arguments, **more)[0] == 0
        return self._time_of_commands() > before

    def _time_of_commands(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.children_user + times.children_system

    def commands(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def waiting(self) -> subprocess.Popen[str]:
        """Begin a command that waits for its standard input."""
        begun = self.begin("batch", "-", "--resource", "contact", "--action", "merge", "--json")
        until(lambda: len(self.commands()) == 1)
        return begun


@pytest.fixture(scope="module")
def warm(workflow: ImportWorkflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    env = environment(workflow.settings.home, {"DATABASE_URL": workflow.database.url, "COLUMNS": "80"})
    process = Warm({**env, "IMPORTS_ORGANIZATION": "warm"}, tmp_path_factory.mktemp("warm"))
    yield process
    if process.process.poll() is None:
        process.process.kill()
        process.process.wait(60)


def test_commands_behave_as_in_their_own_process(warm: Warm) -> None:
    (warm.folder / "people.csv").write_text("name,email\nÄnn,ann@example.com\n", encoding="utf-8")
    for status, command in (
        (0, ("read", "people.csv")),
        (1, ("show", "imp_0")),
        (2, ("run", "people.csv", "--resource", "contact", "--action", "none")),
    ):
        own = warm.run(*command, **{VARIABLE: "false"})
        expected = (status, own[1], own[2].replace("-c run", "imports-pipeline run"))
        assert warm.run(*command) == expected
    assert warm.has_run("list")
    assert not warm.has_run("list", **{VARIABLE: "false"})
    assert not warm.has_run("--version")
    status, out, err = warm.run(
        "batch", "-", "--resource", "contact", "--action", "merge", "--json", stdin='[{"name": "Bob"}]'
    )
    assert (status, json.loads(out)["stats"]["created"]) == (0, 1), err


def test_what_the_warm_process_must_not_run(warm: Warm) -> None:
    """Other code, and a folder into which somebody else could have put the socket."""
    assert not warm.has_run("list", program=(sys.executable, "-O", *COMMAND[1:]))
    warm.socket.parent.chmod(0o777)
    assert not warm.has_run("list")
    warm.socket.parent.chmod(0o700)
    assert warm.has_run("list")
    status, _, err = warm.run("warm")
    assert (status, err) == (
        1,
        f"imports-pipeline: another process runs the commands of {warm.env['IMPORTS_HOME']} already.\n",
    )


def test_signals_reach_the_command_and_it_dies_with_its_client(warm: Warm) -> None:
    for _ in range(5):
        # The signal arrives while the fork is still becoming the command.
        begun = warm.begin("batch", "-", "--resource", "contact", "--action", "merge")
        while not warm.commands():
            time.sleep(0.0005)
        begun.send_signal(signal.SIGINT)
        begun.communicate(timeout=60)
        assert begun.returncode == 130
        until(lambda: not warm.commands())
        assert warm.process.poll() is None, "the signal is the command's alone"
    killed = warm.waiting()
    killed.kill()
    killed.communicate(timeout=60)
    until(lambda: not warm.commands())
    other = warm.waiting()
    os.kill(warm.commands()[0].pid, signal.SIGKILL)
    other.communicate(timeout=60)
    assert other.returncode == 128 + signal.SIGKILL


def test_the_end_of_the_process_ends_no_command_and_begins_none_twice(warm: Warm) -> None:
    """Nobody knows how far a command is whose process is killed, so its client does not begin it again."""
    begun = warm.waiting()
    command = warm.commands()[0]
    warm.process.kill()
    warm.process.wait(60)
    _, err = begun.communicate(timeout=60)
    assert begun.returncode == 3
    assert "the warm process that ran this command has ended" in err
    until(lambda: not command.is_running())
    assert warm.run("list")[0] == 0, "a socket to which nobody listens is passed over"

    warm = Warm(warm.env, warm.folder)
    assert warm.has_run("list"), "it takes the place of the one that was killed"
    begun = warm.waiting()
    assert warm.process.stdin is not None
    warm.process.stdin.close()
    until(lambda: _refuses(warm.socket))
    assert warm.run("list")[0] == 0
    out, err = begun.communicate('[{"name": "Cid"}]', timeout=300)
    assert (begun.returncode, json.loads(out)["stats"]["created"]) == (0, 1), err
    assert warm.process.wait(60) == 0
    assert not warm.socket.exists()


def _refuses(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) != 0
