"""The output of a run: in a file for its page, and on the terminal. Relies on private parts of Dagster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.compute_logs import ImportsComputeLogManager

KEY = ["a-run", "compute_logs", "some-step"]


def as_program(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Have the arguments and the streams of a program; those of pytest are no file descriptors 1 and 2."""
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    for number, name in ((1, "stdout"), (2, "stderr")):
        monkeypatch.setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def children() -> int:
    return len(psutil.Process().children())


def test_output_of_a_command_is_captured_and_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(monkeypatch, "run")
    manager = ImportsComputeLogManager(str(tmp_path))
    before = children()
    with manager.capture_logs(KEY):
        assert children() == before
        print("größer", flush=True)
        os.write(2, b"an error\n")
        subprocess.run(["echo", "of a child"], check=True)
    assert capfd.readouterr() == ("größer\nof a child\n", "an error\n")
    print("after", flush=True)
    assert capfd.readouterr().out == "after\n"
    found = manager.get_log_data(KEY)
    assert (found.stdout, found.stderr) == ("größer\nof a child\n".encode(), b"an error\n")
    assert manager.is_capture_complete(KEY)


def test_output_of_a_run_of_the_daemon_is_shown_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(monkeypatch, "api", "execute_run")
    manager = ImportsComputeLogManager(str(tmp_path))
    before = children()
    with manager.capture_logs(KEY):
        # Dagster's own processes. They may end before they have shown all.
        assert children() == before + 4
        print("found", flush=True)
    assert manager.get_log_data(KEY).stdout == b"found\n"
    assert manager.is_capture_complete(KEY)


def test_an_error_shows_what_was_written_before(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(monkeypatch, "run")

    def interrupted() -> None:
        with ImportsComputeLogManager(str(tmp_path)).capture_logs(KEY):
            print("before")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    print("after", flush=True)
    assert capfd.readouterr().out == "before\nafter\n"


def test_the_instance_uses_it(instance: DagsterInstance) -> None:
    assert isinstance(instance.compute_log_manager, ImportsComputeLogManager)
