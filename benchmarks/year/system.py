"""Dagster's processes of an installation: the whole system, or its pages alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from imports_pipeline.dagster_runtime.dagster_environment import project_root
from imports_pipeline_tests.system import COMMAND, environment


@contextmanager
def system(home: Path) -> Iterator[None]:
    """Run the whole system, with Dagster's daemon."""
    command = [*COMMAND, "dev", "--port", str(_free_port()), "--api-port", "0"]
    with _process(home, command, environment(home, {}), "Dagster is at "):
        yield


@contextmanager
def pages(home: Path) -> Iterator[str]:
    """Run Dagster's pages without the daemon, which would work at the same time, and yield their URL."""
    port = str(_free_port())
    workspace = str(project_root() / "workspace.yaml")
    command = [sys.executable, "-m", "dagster_webserver", "-w", workspace, "-h", "127.0.0.1", "-p", port]
    with _process(home, command, os.environ, "Serving dagster-webserver on"):
        url = f"http://127.0.0.1:{port}"
        # It says so before it listens.
        while not _answers(url):
            time.sleep(0.2)
        yield url


def run(home: Path, *arguments: str) -> None:
    """Run a command of the package."""
    subprocess.run([*COMMAND, *arguments], env=environment(home, {}), check=True, stdout=subprocess.DEVNULL)


def request(url: str, query: str) -> object:
    """Make a request of Dagster's pages."""
    body = json.dumps({"query": query}).encode()
    asked = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=300) as response:
        answer = json.load(response)
    if answer.get("errors"):
        raise RuntimeError(f"{query}: {answer['errors']}")
    return answer


@contextmanager
def _process(home: Path, command: Sequence[str], variables: Mapping[str, str], ready: str) -> Iterator[None]:
    log = home / "system.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=dict(variables),
            cwd=project_root(),
            stdout=output,
            stderr=output,
        )
        try:
            while ready not in log.read_text():
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.2)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _answers(url: str) -> bool:
    try:
        request(url, "{ version }")
    except urllib.error.URLError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
