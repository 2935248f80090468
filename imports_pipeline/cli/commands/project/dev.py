"""The command ``dev``: PostgreSQL, Dagster's web server, daemon and code server, the HTTP API and the pages.

The command starts Dagster's servers itself, because ``dagster dev`` is superseded, and it and ``dg dev`` print two
lines for every tick (docs/decisions/0031-start-of-the-system.md).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

from imports_pipeline.cli.commands.project import home_lock
from imports_pipeline.cli.commands.project.servers import Server, ServerEndedError, Servers
from imports_pipeline.cli.session import STOPPED_BY, interruptible
from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment, project_root
from imports_pipeline.database.server_url import database
from imports_pipeline.settings import Settings

HOST: Final = "127.0.0.1"
_DEFINITIONS: Final = "imports_pipeline.definitions"
# Run keys and the state of sensors hang on this name; workspace.yaml and pyproject.toml have the same.
_LOCATION: Final = "imports_pipeline"


def dev(home: Path, port: int = 3000, api_port: int = 0, pages_port: int = 0) -> int:
    """Run the system until Ctrl-C, SIGTERM or SIGHUP, and return the exit status: 0 if a signal stopped it.

    Args:
        home: The folder of the embedded database.
        port: The port of Dagster's web server.
        api_port: The port of the API; 0 means no API.
        pages_port: The port of the pages, which need the API; 0 means no pages.

    Raises:
        ServerError: there is no database.
        FileNotFoundError: IMPORTS_DEPLOYMENT names no folder with a ``dagster.yaml``.
        StoreError: the file store cannot be used.
    """
    from imports_pipeline.filestore.opening import open_store

    settings = Settings.read()
    open_store(settings).check()

    if not api_port or find_spec("nicegui") is None:
        pages_port = 0
    try:
        with home_lock.only_one(home) as lock:
            return _serve(home, port, api_port, pages_port, settings, lock)
    except home_lock.AlreadyRunning as error:
        print(f"imports-pipeline: {error}", file=sys.stderr)
        return 1


def _serve(home: Path, port: int, api_port: int, pages_port: int, settings: Settings, lock: int) -> int:
    """Start the database and the servers, wait for a signal, and return the exit status."""
    from imports_pipeline.database.migrations import migrate

    for option, number in (("--port", port), ("--api-port", api_port), ("--pages-port", pages_port)):
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
                if pages_port:
                    environment.setdefault("IMPORTS_PAGES_URL", f"http://{HOST}:{pages_port}")
                return _run(port, api_port, pages_port, environment, url, lock)
        except KeyboardInterrupt:
            return 0


def _run(
    port: int, api_port: int, pages_port: int, environment: dict[str, str], database_url: str, lock: int
) -> int:
    servers = Servers(project_root(), environment, lock)
    with TemporaryDirectory(prefix="imports-dev-") as folder:
        code, web_server, daemon = _dagster(Path(folder), port)
        try:
            servers.start(code)
            if api_port:
                servers.start(_of_ours("The HTTP API", "api", api_port))
            if pages_port:
                servers.start(_of_ours("The server of the pages", "pages", pages_port))
            # Dagster's servers would show an error until the code is loaded.
            servers.wait_until_ready()
            servers.start(web_server)
            servers.start(daemon)
            servers.wait_until_ready()
            lines = [f"Dagster is at http://{HOST}:{port}"]
            if api_port:
                lines += [f"The HTTP API is at http://{HOST}:{api_port}"]
                lines += [f"The pages are at http://{HOST}:{pages_port}"] if pages_port else []
                lines += [f"The development API key is {_development_key(database_url, environment)}"]
            print(*lines, "Ctrl-C stops the system.", sep="\n", flush=True)
            with _warm_commands(environment):
                servers.wait()
        except ServerEndedError as error:
            print(error, file=sys.stderr)
            return error.status
        finally:
            for number in STOPPED_BY:  # a second Ctrl-C must not interrupt the clean-up
                signal.signal(number, signal.SIG_IGN)
            servers.stop()
    return 0


def _of_ours(name: str, command: str, port: int) -> Server:
    """Return a server that a command of ours is."""
    arguments = ["-c", "from imports_pipeline.cli import main; main()", command, "--port", str(port)]
    return Server(name, arguments, f"http://{HOST}:{port}/healthz", is_quiet=True)


@contextmanager
def _warm_commands(environment: Mapping[str, str]) -> Iterator[None]:
    """Run commands of other terminals in a process that has loaded their modules (``cli/warm/server.py``).

    The process ends when its standard input does, after the commands that run.
    """
    command = [sys.executable, "-c", "from imports_pipeline.cli import main; main()", "warm"]
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None
    with process.stdin:
        yield


def _dagster(folder: Path, port: int) -> tuple[Server, Server, Server]:
    """Return Dagster's code server, web server and daemon. Files that they share are written into the folder.

    At these levels they print neither ticks of sensors nor requests. Runs print their own lines. The daemon
    warns at its first start that it has no cursors yet.
    """
    code_socket, workspace = folder / "code.sock", folder / "workspace.yaml"
    location = {"socket": str(code_socket), "location_name": _LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}))
    quiet = ["--log-level", "warning"]
    of_code = ["-m", _DEFINITIONS, "--socket", str(code_socket), "--location-name", _LOCATION]
    of_pages = ["-w", str(workspace), "-h", HOST, "-p", str(port), "--dagster-log-level", "warning"]
    return (
        Server(
            "Dagster's code server", ["-m", "dagster", "code-server", "start", *of_code, *quiet], code_socket
        ),
        Server("Dagster", ["-m", "dagster_webserver", *of_pages], f"http://{HOST}:{port}/server_info"),
        Server(
            "Dagster's daemon", ["-m", "dagster._daemon", "run", "-w", str(workspace), "--log-level", "error"]
        ),
    )


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


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the web server sets this option too
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
