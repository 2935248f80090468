"""PostgreSQL on a host of its own: a process there that runs the embedded server until its standard input ends.

``python -m imports_pipeline_tests.hosts.postgres FOLDER ADDRESS`` prints the URL by which the other hosts reach it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from imports_pipeline.database.server_url import database
from imports_pipeline.embedded import settings
from imports_pipeline_tests.embedded.commands import swept
from imports_pipeline_tests.hosts.network import NETWORK, Host


@contextmanager
def postgres(folder: Path, place: Host) -> Iterator[str]:
    """Run a server on the host for the block; give its URL."""
    command = [sys.executable, "-m", __name__, str(folder), place.address]
    with swept(folder / "postgres"):
        process = subprocess.Popen(
            [*place.inside, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, "PostgreSQL did not start; the reason is above"
            yield url
        finally:
            process.stdin.close()
            process.wait(60)


def _serve(folder: Path, address: str) -> None:
    # Seen by the test's network alone.
    settings._SETTINGS["listen_addresses"] = "*"
    with database(folder, {}) as url:
        _let_in(url)
        print(url.replace("127.0.0.1", address), flush=True)
        sys.stdin.read()


def _let_in(url: str) -> None:
    """Let the other hosts in, by password."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        with Path(row[0]).open("a") as file:
            file.write(f"host all all {NETWORK} scram-sha-256\n")
        connection.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
