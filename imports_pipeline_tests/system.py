"""The whole system for a test: ``imports-pipeline dev`` on a free port, and commands beside it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.embedded.commands import swept

_START_SECONDS: Final = 180
COMMAND: Final = (sys.executable, "-c", "from imports_pipeline.cli import main; main()")


def without_the_dead(told: str) -> str:
    """Return what a command told without its lines on imports that other tests' killed processes left behind."""
    return re.sub(r"imports-pipeline: the process that ran \w+ has died; .*\n", "", told)


@dataclass(frozen=True)
class System:
    """A running system: where its pages are, its own folder, its first process."""

    url: str
    home: Path
    process: psutil.Process
    settings: Mapping[str, str] = field(default_factory=dict)

    def run(self, content: str, *options: str) -> str:
        """Import contacts by the command beside it; give what the command prints. It may fail."""
        source = self.home / "people.csv"
        source.write_text(content)
        return self.command("run", str(source), "--resource", "contact", *options)

    def command(self, *arguments: str) -> str:
        """Run another command beside it; give what it prints. It may fail."""
        done = forked_commands.run_text(arguments, env=environment(self.home, self.settings))
        return done.stdout + done.stderr


@contextmanager
def running(
    home: Path, settings: Mapping[str, str] | None = None, *, api_port: int = 0, pages_port: int = 0
) -> Iterator[System]:
    """Start the system in ``home``, wait for its pages, and stop it as Ctrl-C does.

    ``settings`` are environment variables; there are an API and pages where they have a port. A system that was
    killed meanwhile is only swept up after. Ctrl-C must end any other one with all its processes.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    log = home / f"dev-{port}.log"
    with swept(home / "postgres"), log.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, "dev", *_ports(port, api_port, pages_port)],
            env=environment(home, settings or {}),
            stdout=output,
            stderr=output,
            # As a shell does it for a command in the background; Ctrl-C must work all the same.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        try:
            end = time.monotonic() + _START_SECONDS
            while f"Dagster is at {url}" not in log.read_text():
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"Dagster did not start:\n{log.read_text()[-5000:]}")
                time.sleep(0.2)
            yield System(url, home, psutil.Process(process.pid), settings or {})
            if process.poll() is None:
                family = psutil.Process(process.pid).children(recursive=True)
                process.send_signal(signal.SIGINT)
                assert process.wait() == 0, log.read_text()[-5000:]
                assert "Ctrl-C stops the system.\n" in log.read_text()
                assert [child for child in family if lives(child)] == []
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            process.wait()


def _ports(port: int, api_port: int, pages_port: int) -> list[str]:
    return ["--port", str(port), "--api-port", str(api_port), "--pages-port", str(pages_port)]


def lives(process: psutil.Process) -> bool:
    """Return whether a process has not ended, whoever is to bury it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a system in ``home``: this process's own without what names another system."""
    ours = ("DATABASE_URL", "STORE_URL", "DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "IMPORTS_DAGSTER_STORAGE")
    # NiceGUI would take a process of pytest for one of its own tests.
    ours = (*ours, "PYTEST_CURRENT_TEST")
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {**inherited, "IMPORTS_HOME": str(home), **settings}
