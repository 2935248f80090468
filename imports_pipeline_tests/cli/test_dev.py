"""`dev` as a user has it: started, looked at, stopped by Ctrl-C, killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from imports_pipeline.cli.commands.project.home_lock import AlreadyRunning, only_one
from imports_pipeline.cli.commands.project.servers import Server
from imports_pipeline_tests.embedded.commands import server_processes, swept
from imports_pipeline_tests.system import lives

_PROGRAM = "import sys; from pathlib import Path; from imports_pipeline.cli.commands.project.dev import dev; \
sys.exit(dev(Path(sys.argv[1]), int(sys.argv[2])))"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with swept(tmp_path / "postgres"):
        yield tmp_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(home: Path, port: int) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(home), str(port)],
        stdout=subprocess.PIPE,
        stderr=(home / "dagster.log").open("w"),
        text=True,
        env=environ,
        # As a shell does it for a command in the background; Ctrl-C must work all the same.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )


@pytest.mark.long
def test_dev_serves_until_it_is_stopped(home: Path) -> None:
    """By SIGTERM. That Ctrl-C also ends all of a system, every test that starts one holds (``system.running``)."""
    port = free_port()
    with started(home, port) as process:
        try:
            assert process.stdout is not None
            next(line for line in process.stdout if f"Dagster is at http://127.0.0.1:{port}" in line)
            assert _locations(port) == ["imports_pipeline"]
            family = _family(process.pid)
            with (
                pytest.raises(AlreadyRunning, match=f"already runs in .*`kill {process.pid}`"),
                only_one(home),
            ):
                pass
            password = (home / "postgres" / "password").read_text()
            assert not [child for child in family if password in _arguments(child)]
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == "Ctrl-C stops the system.\n"
            assert process.wait() == 0, (home / "dagster.log").read_text()
            assert (home / "dagster.log").read_text() == "", "neither ticks nor warnings nor stack traces"
            assert [child for child in family if lives(child)] == []
            assert server_processes(home / "postgres") == []
        finally:
            process.terminate()  # of a test that failed: it takes its family with it


def test_a_taken_port_is_told(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with started(home, taken.getsockname()[1]) as process:
            assert process.wait() == 1
    assert "is in use" in (home / "dagster.log").read_text()


# Holds the lock and starts a server as `dev` does; the server does nothing.
_HOLDER = """
import sys, time
from pathlib import Path
from imports_pipeline.cli.commands.project.home_lock import only_one
from imports_pipeline.cli.commands.project.servers import Server, Servers
home = Path(sys.argv[1])
with only_one(home) as lock:
    Servers(home, {}, lock).start(Server("A server", ["-c", "import time; time.sleep(60)"]))
    print("started", flush=True)
    time.sleep(60)
"""


def test_servers_of_a_killed_dev_keep_another_one_away(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        (server,) = psutil.Process(process.pid).children()
        process.kill()
    with pytest.raises(AlreadyRunning) as refused, only_one(tmp_path):
        pass
    # The sentence names what to stop, and that helps.
    command = re.search("its servers still run. Stop them with `(.*)`", str(refused.value))
    assert command is not None
    assert command[1] == f"kill {server.pid}"
    subprocess.run(["sh", "-c", command[1]], check=True)
    # It raises an error if the server still lives then.
    server.wait(60)
    with only_one(tmp_path):
        pass


def test_servers_of_this_machine_are_not_asked_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as here:
        monkeypatch.setattr(SimpleHTTPRequestHandler, "do_GET", lambda handler: handler.send_error(200))
        threading.Thread(target=here.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
        monkeypatch.delenv("no_proxy", raising=False)
        # An opener that an earlier test made has the proxies of that time.
        monkeypatch.setattr(urllib.request, "_opener", None)
        assert Server("A server", [], f"http://127.0.0.1:{here.server_port}/").responds()
        here.shutdown()


def _locations(port: int) -> list[str]:
    question = {"query": "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    return [entry["name"] for entry in answer["data"]["workspaceOrError"]["locationEntries"]]


def _family(pid: int) -> list[psutil.Process]:
    """Wait for the process that runs are forked from, which comes last, and give all of them."""
    end = time.monotonic() + 120
    while True:
        family = psutil.Process(pid).children(recursive=True)
        if any("imports_pipeline.dagster_runtime.fork_server" in _arguments(child) for child in family):
            return family
        assert time.monotonic() < end, "no fork_server was started within two minutes"
        time.sleep(0.1)


def _arguments(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
