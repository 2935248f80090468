"""The command ``dev``: PostgreSQL, Dagster's web server, daemon and code server, and the HTTP API, until Ctrl-C.

Dagster and the API run in process sessions of their own. Ctrl-C therefore reaches only this command, which stops the
others in order and the database last.
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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from imports_pipeline.cli.session import STOPPED_BY, interruptible
from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment, project_root
from imports_pipeline.database.server_url import database
from imports_pipeline.settings import Settings

HOST: Final = "127.0.0.1"
# The signals that stop a process, and the seconds to wait after each. Dagster's processes wait some seconds for
# each other.
_STOP_SIGNALS: Final = ((signal.SIGINT, 30.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
_PAUSE_SECONDS: Final = 0.2


def dev(home: Path, port: int = 3000, api_port: int = 0) -> int:
    """Run the system until Ctrl-C, SIGTERM or SIGHUP, and return the exit status: 0 if a signal stopped it.

    Args:
        home: The folder of the embedded database.
        port: The port of Dagster's web server.
        api_port: The port of the API; 0 means no API.

    Raises:
        ServerError: there is no database.
        FileNotFoundError: IMPORTS_DEPLOYMENT names no folder with a ``dagster.yaml``.
        StoreError: the file store cannot be used.
    """
    from imports_pipeline.database.migrations import migrate
    from imports_pipeline.filestore.opening import open_store

    settings = Settings.read()
    open_store(settings).check()

    for option, number in (("--port", port), ("--api-port", api_port)):
        if number and not _is_free(number):
            print(f"Port {number} is in use; choose another one with {option}.", file=sys.stderr)
            return 1
    with interruptible():
        try:
            with database(home) as url:
                migrate(url)
                environment = {
                    **os.environ,
                    **dagster_environment(url, home, settings.store_url, settings.deployment),
                }
                if settings.syncs is not None:
                    # Dagster's processes have another working directory, so the path must be absolute.
                    environment["IMPORTS_SYNCS"] = str(settings.syncs)
                if api_port:
                    # Every process signs URLs that this API serves.
                    environment.setdefault("IMPORTS_API_URL", f"http://{HOST}:{api_port}")
                return _run(port, api_port, environment, url)
        except KeyboardInterrupt:
            return 0


def _run(port: int, api_port: int, environment: dict[str, str], database_url: str) -> int:
    dagster = ["-m", "dagster", "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
    parts = [_Part("Dagster", f"http://{HOST}:{port}", "/server_info", dagster)]
    if api_port:
        api = ["-c", "from imports_pipeline.cli import main; main()", "api", "--port", str(api_port)]
        parts.append(_Part("The Imports API", f"http://{HOST}:{api_port}", "/healthz", api))
    children: list[subprocess.Popen[bytes]] = []
    try:
        for part in parts:
            child = subprocess.Popen(
                [sys.executable, *part.arguments],
                cwd=project_root(),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if part.url.endswith(f":{api_port}") else None,
                start_new_session=True,
            )
            children.append(child)
        if api_port:
            print(f"The development API key is {_development_key(database_url, environment)}", flush=True)
        return _watch(parts, children)
    finally:
        for number in STOPPED_BY:  # a second Ctrl-C must not interrupt the clean-up
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(children):
            _stop(child)


@dataclass(frozen=True)
class _Part:
    """One of the servers: its name, the URL and path at which it responds, and its command."""

    name: str
    url: str
    path: str
    arguments: Sequence[str]


def _development_key(database_url: str, environment: Mapping[str, str]) -> str:
    """Return the API key for development, which is created once and kept in a file with mode 0600."""
    from imports_pipeline.database.connections import DEFAULT_ORGANIZATION, Database
    from imports_pipeline.registry import api_keys

    path = Path(environment["IMPORTS_HOME"]) / "keys" / "development-api-key"
    with Database(database_url).connect() as connection:
        if path.exists():
            text = path.read_text().strip()
            if api_keys.find(connection, text) is not None:
                return text
        _, text = api_keys.create(connection, DEFAULT_ORGANIZATION, api_keys.SCOPES, name="development")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    return text


def _watch(parts: Sequence[_Part], children: Sequence[subprocess.Popen[bytes]]) -> int:
    """Print the URL of each part when it responds, and return an exit status when one of them ends."""
    silent = list(parts)
    while True:
        for part, child in zip(parts, children, strict=True):
            if child.poll() is not None:
                print(f"{part.name} has ended unexpectedly; its output above says why.", file=sys.stderr)
                return child.returncode or 1
        for part in list(silent):
            if _answers(part.url + part.path):
                print(f"{part.name} is at {part.url} (Ctrl-C stops it).", flush=True)
                silent.remove(part)
        time.sleep(_PAUSE_SECONDS)


def _stop(child: subprocess.Popen[bytes]) -> None:
    for number, seconds in _STOP_SIGNALS:
        for process in _members(child):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not _members(child):
                return
            time.sleep(_PAUSE_SECONDS)


def _members(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the living processes of the child's session; its id is not reused while one of them lives."""
    child.poll()
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == child.pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the web server sets this option too
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
