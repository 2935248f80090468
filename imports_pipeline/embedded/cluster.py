"""Creation of the data folder and its password, as one atomic step.

Both are created in a temporary folder beside the target and renamed into place. A process that is killed at any
moment leaves no data folder or a complete one, and temporary folders that the next start removes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from imports_pipeline.embedded.binaries import MAJOR_VERSION
from imports_pipeline.embedded.errors import ServerError
from imports_pipeline.embedded.identity import Identity

USER: Final = "imports"
_TEMPORARY: Final = "new-"
# Only TCP connections from this machine with a password are accepted.
_CLIENT_RULES: Final = "# type database user address method\nhost all all 127.0.0.1/32 scram-sha-256\n"


def data_folder(folder: Path) -> Path:
    """Return the path of the data folder."""
    return folder / "data"


def prepare(folder: Path, binaries: Path, identity: Identity) -> None:
    """Create the data folder and the password if they are missing.

    The caller holds the start lock and knows that no server runs.

    Raises:
        ServerError: the folder is of another PostgreSQL, its password is lost, or initdb failed.
    """
    data = data_folder(folder)
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if not data.exists():
        _create(folder, data, binaries, identity)
    version = (data / "PG_VERSION").read_text().strip()
    if version != str(MAJOR_VERSION):
        raise ServerError(
            f"{data} was created by PostgreSQL {version}, and this package runs {MAJOR_VERSION}. Move the folder "
            "away to begin with an empty database, or run the old version elsewhere and set DATABASE_URL to it."
        )
    identity.own(data)
    password(folder)  # fail before the start if the password file is missing


def password(folder: Path) -> str:
    """Read the password of the server in ``folder``.

    Raises:
        ServerError: the file is missing or may not be read.
    """
    path = folder / "password"
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ServerError(
            f"The database's password cannot be read from {path} ({error.strerror}). Put the file back, or "
            f"move {folder} away to begin with an empty database."
        ) from None


def _create(folder: Path, data: Path, binaries: Path, identity: Identity) -> None:
    workshop = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder))
    secret = secrets.token_urlsafe(32)
    # The password is stored before the data: data without its password cannot be used, the reverse is harmless.
    _write_durably(workshop / "password", secret)
    (workshop / "password").rename(folder / "password")
    _write_durably(workshop / "initial", secret)  # initdb's copy, which its user can read
    identity.own(workshop)
    arguments = [
        f"--pgdata={workshop / 'data'}",
        f"--pwfile={workshop / 'initial'}",
        f"--username={USER}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    done = subprocess.run(
        [*identity.prefix, binaries / "initdb", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        **identity.options(),
    )
    if done.returncode != 0:
        shutil.rmtree(workshop, ignore_errors=True)
        raise ServerError(
            f"The database could not be created in {folder}: {' '.join(done.stderr.split()[-60:])} "
            "Check the disk space and the permissions, or set DATABASE_URL to a PostgreSQL server."
        )
    (workshop / "data" / "pg_hba.conf").write_text(_CLIENT_RULES)
    (workshop / "data").rename(data)
    _sync(folder)
    shutil.rmtree(workshop, ignore_errors=True)


def _write_durably(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Flush a folder to disk, so that new and renamed entries survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
