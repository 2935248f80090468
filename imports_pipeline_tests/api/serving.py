"""A running API for tests, and callers of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from imports_pipeline.database.connections import Database
from imports_pipeline.registry import api_keys
from imports_pipeline.registry.api_keys import SCOPES

_COMMAND: Final = (sys.executable, "-c", "from imports_pipeline.cli import main; main()")
_START_SECONDS: Final = 120


@dataclass(frozen=True)
class Api:
    """A running API: where it is, and the database behind it."""

    url: str
    database: Database
    process: psutil.Process

    def workers(self) -> list[psutil.Process]:
        """Return the processes that run imports."""
        return [
            child
            for child in self.process.children()
            if any("spawn_main" in argument for argument in child.cmdline())
        ]

    def caller(self, organization: str, *scopes: str) -> httpx.Client:
        """Return a client with a key of the organization; for everything unless scopes are named."""
        with self.database.connect() as connection:
            _, text = api_keys.create(connection, organization, scopes or SCOPES)
        return httpx.Client(base_url=self.url, headers={"X-API-KEY": text}, timeout=120)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(database_url: str, home: Path, settings: Mapping[str, str] | None = None) -> Iterator[Api]:
    """Serve the API for the block, and check that it ends in peace."""
    port = free_port()
    log = home / f"api-{port}.log"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "IMPORTS_HOME": str(home),
        "IMPORTS_API_RATE": "0",
        **(settings or {}),
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [*_COMMAND, "api", "--port", str(port)], env=environment, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + _START_SECONDS
        while not _answers(url):
            assert process.poll() is None, log.read_text()[-5000:]
            assert time.monotonic() < end, log.read_text()[-5000:]
            time.sleep(0.1)
        yield Api(url, Database(database_url), psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    text = log.read_text()
    assert code == 0, text
    assert "Traceback" not in text, text


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def data_of(answer: httpx.Response, status: int) -> Any:
    """Return the data of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"status", "message", "data", "errors", "code", "pagination", "endpoint"}
    assert body["status"] == ("success" if status < 400 else "error")
    return body["data"]


def code_of(answer: httpx.Response, status: int) -> str:
    """Return the code of a refusal that must have this status."""
    data_of(answer, status)
    body = answer.json()
    assert body["message"]
    assert body["errors"]
    return str(body["code"])
