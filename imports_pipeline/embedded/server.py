"""One server for each folder, shared by all commands that use the folder at the same time.

The first command starts it, the last one stops it. Files of a command that may have been killed are not trusted: the
locks show which processes live, and PostgreSQL recovers its data. A server that was left running is used, and then
stopped like any other.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from imports_pipeline.embedded import cluster, identity, locks, postmaster
from imports_pipeline.embedded.binaries import binaries_folder
from imports_pipeline.embedded.errors import NoServer, ServerError

_DATABASE: Final = "imports"
_ATTEMPTS: Final = 4  # another program may take the free port before the server does
_START_SECONDS: Final = 600  # after a crash the server first replays up to 4 GB of WAL
_DYING_SECONDS: Final = 2  # a killed server accepts connections for a moment without responding
_APPEAR_SECONDS: Final = 15  # from the start of the process until its pid file exists

_log = logging.getLogger(__name__)


def has_data(folder: Path) -> bool:
    """Return True if a server has been created in ``folder``."""
    return cluster.data_folder(folder).exists()


@contextmanager
def running_server(folder: Path, *, create: bool = True) -> Iterator[str]:
    """Yield the URL of a running server whose data is in ``folder``; start and stop it as needed.

    Args:
        folder: The folder of the server.
        create: Whether to create a server if there is none.

    Raises:
        NoServer: there is no server in ``folder``, and ``create`` is False.
        ServerError: the server cannot be started or used; the message says what to do.
    """
    folder = folder.absolute()
    if not create and not has_data(folder):
        raise NoServer(
            f"There is no database yet: {folder} has no PostgreSQL, and this command does not make one."
            " Set IMPORTS_HOME to the folder of an existing one (by default .imports in the working folder) or"
            " DATABASE_URL to a PostgreSQL server; `imports-pipeline run` makes a new one."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServerError(
            f"The folder {folder} cannot be created: {error.strerror}. Set IMPORTS_HOME to another folder."
        ) from None
    folder = folder.resolve()
    with locks.opened(folder / "users.lock") as users:
        with locks.exclusive(folder / "start.lock"):
            locks.share(users)
            try:
                url = _bring_up(folder)
            except BaseException:
                _leave(folder, users)  # also on Ctrl-C no started server may stay behind
                raise
        try:
            yield url
        finally:
            with locks.exclusive(folder / "start.lock"):
                _leave(folder, users)


def _leave(folder: Path, users: int) -> None:
    if not locks.try_exclusive(users):
        return
    if not postmaster.stop(cluster.data_folder(folder), folder / "server.lock"):
        _log.warning("PostgreSQL in %s does not stop; see postgres.log there.", folder)


def _bring_up(folder: Path) -> str:
    """Return the URL of the running server; start it if there is none."""
    data, lock = cluster.data_folder(folder), folder / "server.lock"
    rotated = False
    for _ in range(_ATTEMPTS):
        with locks.opened(lock) as descriptor:
            if locks.try_exclusive(descriptor):
                binaries = binaries_folder()
                runner = identity.choose(folder, data, binaries)
                cluster.prepare(folder, binaries, runner)
                if not rotated:
                    _rotate(folder / "postgres.log")
                    rotated = True
                postmaster.start(folder, data, binaries, runner, descriptor)
        password = cluster.password(folder)
        if (port := _wait_until_ready(data, lock)) and _has_database(folder, port, password):
            return f"postgresql://{cluster.USER}:{password}@127.0.0.1:{port}/{_DATABASE}"
        if not postmaster.end_orphans(data, lock):
            raise ServerError(
                f"{folder} is in use by a PostgreSQL that this command cannot see, perhaps in another "
                "container. Stop that one, or set IMPORTS_HOME to another folder."
            )
    raise ServerError(
        f"PostgreSQL does not start in {folder}. The end of its log says: {_tail(folder / 'postgres.log')} "
        "Repair that, or set DATABASE_URL to a PostgreSQL server."
    )


def _wait_until_ready(data: Path, lock: Path) -> int | None:
    """Wait until the server accepts connections; return its port, or None if there is no server."""
    postmaster.wait(lambda: not locks.is_held(lock) or postmaster.find(data) is not None, _APPEAR_SECONDS)

    def settled() -> bool:
        server = postmaster.find(data)
        return server is None or server.ready

    if not postmaster.wait(settled, _START_SECONDS):
        raise ServerError(
            f"PostgreSQL in {data.parent} is not ready after ten minutes; see postgres.log there."
        )
    server = postmaster.find(data)
    return server.port if server and server.ready else None


def _has_database(folder: Path, port: int, password: str) -> bool:
    """Create the database if it is missing, and return False if the server died meanwhile."""
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=cluster.USER,
            password=password,
            dbname="postgres",
            connect_timeout=30,
            autocommit=True,
        ) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [_DATABASE]).fetchone():
                connection.execute(f"create database {_DATABASE}")
    except psycopg.OperationalError as error:
        data = cluster.data_folder(folder)
        if postmaster.wait(lambda: postmaster.find(data) is None, _DYING_SECONDS):
            return False
        raise ServerError(
            f"PostgreSQL in {folder} runs but refuses the connection: {error} If the password file there was "
            "replaced, put the right one back; otherwise see postgres.log there."
        ) from None
    return True


def _rotate(log: Path) -> None:
    """Rename the log of the previous start to ``.log.1``, so that logs cannot fill the disk over the years."""
    if log.exists():
        os.replace(log, log.with_suffix(".log.1"))


def _tail(log: Path) -> str:
    try:
        return " ".join(log.read_text(errors="replace").splitlines()[-5:])
    except OSError:
        return "(there is no log)"
