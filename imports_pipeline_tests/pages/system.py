"""The whole system for a test: ``imports-pipeline dev`` on a free port, and commands beside it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imports_pipeline_tests.embedded.commands import swept

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
#: Containers run as root and have neither a sandbox nor a GPU; nothing is fetched that no page asked for.
FLAGS: Final = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass(frozen=True)
class System:
    """A running system: where its pages are, and its own folder."""

    url: str
    home: Path

    def run(self, content: str, *options: str) -> str:
        """Import contacts by the command beside it; give what the command prints. It may fail."""
        source = self.home / "people.csv"
        source.write_text(content)
        done = subprocess.run(
            [*_COMMAND, "run", str(source), "--resource", "contact", *options],
            env=_environment(self.home),
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr


_START_SECONDS: Final = 120
_COMMAND: Final = (sys.executable, "-c", "from imports_pipeline.cli import main; main()")


def browser() -> str:
    """Find Chromium; without one the tests of pages fail, for a page that nobody looked at is no tested page."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise FileNotFoundError(
            "The tests of pages need Chromium and there is none: `apt-get install chromium`, or name one by"
            " CHROMIUM=/path/to/it, or leave these tests out by `make test PYTEST_ARGS='-m \"not browser\"'`."
        )
    return found


@contextmanager
def running(home: Path) -> Iterator[System]:
    """Start the system in ``home``, wait for its pages, and stop it as Ctrl-C does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    log = home / "dev.log"
    with swept(home / "postgres"), log.open("w") as output:
        process = subprocess.Popen(
            [*_COMMAND, "dev", "--port", str(port)], env=_environment(home), stdout=output, stderr=output
        )
        try:
            end = time.monotonic() + _START_SECONDS
            while f"Dagster is at {url}" not in log.read_text():
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"Dagster did not start:\n{log.read_text()[-5000:]}")
                time.sleep(0.2)
            yield System(url, home)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _environment(home: Path) -> dict[str, str]:
    ours = ("DATABASE_URL", "STORE_URL", "DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "IMPORTS_DAGSTER_STORAGE")
    return {name: value for name, value in os.environ.items() if name not in ours} | {
        "IMPORTS_HOME": str(home)
    }
