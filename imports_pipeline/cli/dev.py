"""The whole system here until Ctrl-C: PostgreSQL, and Dagster's web server, daemon and code server.

Dagster runs in a session of its own: Ctrl-C reaches this command alone, which then stops the others in order
and the database last.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from imports_pipeline.settings import Settings
from imports_pipeline.storage.environment import dagster_environment, project_root
from imports_pipeline.storage.server import database

HOST: Final = "127.0.0.1"
_STOPPED_BY: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Each signal and how long to wait before the next. Dagster's own processes give each other some seconds.
_STOPPING: Final = ((signal.SIGINT, 30.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
_PAUSE_SECONDS: Final = 0.2


def dev(home: Path, port: int = 3000) -> int:
    """Run the system until Ctrl-C, SIGTERM or SIGHUP, and return the exit code: 0 when it was stopped so.

    Raises:
        ServerError: there is no database.
        FileNotFoundError: there is no project folder with ``dagster.yaml``.
        StoreError: the file store cannot be used.
    """
    from imports_pipeline.storage.files import open_store
    from imports_pipeline.storage.migrations import migrate

    settings = Settings.read()
    open_store(settings).check()

    if not _is_free(port):
        print(f"Port {port} is in use; give another one with --port.", file=sys.stderr)
        return 1
    with _interruptible():
        try:
            with database(home) as url:
                migrate(url)
                environment = {**os.environ, **dagster_environment(url, home, settings.store_url)}
                if settings.syncs is not None:
                    # Dagster's processes have another working directory.
                    environment["IMPORTS_SYNCS"] = str(settings.syncs)
                return _run(port, environment)
        except KeyboardInterrupt:
            return 0


def _run(port: int, environment: dict[str, str]) -> int:
    command = ["dagster", "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
    child: subprocess.Popen[bytes] | None = None
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=project_root(),
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        return _watch(child, f"http://{HOST}:{port}")
    finally:
        for number in _STOPPED_BY:  # nor may a second Ctrl-C leave half of it running
            signal.signal(number, signal.SIG_IGN)
        if child is not None:
            _stop(child)


def _watch(child: subprocess.Popen[bytes], url: str) -> int:
    """Say where the web pages are once they answer, and wait for the end; a healthy child has none."""
    announced = False
    while child.poll() is None:
        if not announced and _answers(url):
            print(f"Dagster is at {url} (Ctrl-C stops it).", flush=True)
            announced = True
        time.sleep(_PAUSE_SECONDS)
    print("Dagster has ended by itself; the reason is above.", file=sys.stderr)
    return child.returncode or 1


def _stop(child: subprocess.Popen[bytes]) -> None:
    for number, seconds in _STOPPING:
        for process in _members(child):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not _members(child):
                return
            time.sleep(_PAUSE_SECONDS)


def _members(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """List what lives of the session that the child leads; its number is not reused before all have gone."""
    child.poll()
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == child.pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make every way to stop a command a ``KeyboardInterrupt``, also if a shell put it in the background.

    Such a shell has SIGINT ignored, and Dagster would inherit that and never stop.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in _STOPPED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
