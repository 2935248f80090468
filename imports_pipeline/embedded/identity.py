"""The user as whom the server runs. PostgreSQL refuses to run as root, and containers often run as root.

The owner of an existing data folder is the user. For a new folder, root first tries a user namespace in which it has
another user id: files keep their owner, and no folder has to be made accessible. If the kernel or the container
runtime refuses user namespaces, an unprivileged user is tried who can reach the programs and the folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imports_pipeline.embedded.errors import ServerError

#: The environment of the programs. Inherited PG* variables would redirect them, and a locale may not exist.
ENVIRONMENT: Final[Mapping[str, str]] = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_TRIAL_SECONDS: Final = 20


@dataclass(frozen=True)
class Identity:
    """A way to start a program without root: a command before it, another user, or neither if we are not root."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments for ``subprocess`` with this identity."""
        plain: dict[str, Any] = {"env": dict(ENVIRONMENT), "start_new_session": True, "umask": 0o077}
        if self.uid is None:
            return plain
        return {**plain, "user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make this user the owner of a folder and its contents, if the identity has a user."""
        if self.uid is None or path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path):
            for name in files:
                shutil.chown(Path(folder) / name, self.uid, self.gid)
            if Path(folder) != path:
                shutil.chown(folder, self.uid, self.gid)
        # The folder itself comes last: its owner marks that everything in it has been changed.
        shutil.chown(path, self.uid, self.gid)


def choose(folder: Path, data: Path, binaries: Path) -> Identity:
    """Return an identity that can reach ``folder`` and the programs.

    Raises:
        ServerError: there is none.
    """
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise ServerError(
                f"{data} belongs to another user. Run the command as that user, or set IMPORTS_HOME to a "
                "folder of your own, or set DATABASE_URL to a PostgreSQL server."
            )
        return Identity()
    for identity in _candidates(folder, data):
        if identity.uid is not None:
            folder.chmod(0o711)  # others may pass through; the modes of its contents keep them closed
        if _works(identity, folder, binaries):
            return identity
    raise ServerError(
        "PostgreSQL does not run as root, this machine refuses user namespaces, and no other user can reach "
        f"both {binaries} and {folder}. Run the command as an ordinary user, or move the project to a folder "
        "that others may pass through, or set DATABASE_URL to a PostgreSQL server."
    )


def _candidates(folder: Path, data: Path) -> Iterator[Identity]:
    owner = data.stat().st_uid if data.exists() else 0
    if owner != 0:
        yield Identity(uid=owner, gid=data.stat().st_gid)
        return
    if (unshare := shutil.which("unshare")) and (number := _ordinary_number()):
        yield Identity((unshare, "--user", f"--map-user={number}", f"--map-group={number}", "--"))
    if (neighbour := folder.parent.stat()).st_uid != 0:
        yield Identity(uid=neighbour.st_uid, gid=neighbour.st_gid)
    for name in ("postgres", "nobody"):
        if entry := _user(name):
            yield Identity(uid=entry.pw_uid, gid=entry.pw_gid)


def _ordinary_number() -> int | None:
    """Return a user id that has a name, which initdb requires; never 65534, the owner of unmapped files."""
    numbers = [entry.pw_uid for entry in pwd.getpwall() if 0 < entry.pw_uid < 65534]
    return 1000 if 1000 in numbers else min(numbers, default=None)


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _works(identity: Identity, folder: Path, binaries: Path) -> bool:
    """Return True if the identity can run ``postgres --version`` in the folder.

    Modes of parent folders, rules of the container and settings of the kernel decide together, so it is tried.
    """
    trial: list[str | Path] = [
        *identity.prefix,
        "/bin/sh",
        "-c",
        'cd "$1" && exec "$2" --version',
        "sh",
        folder,
        binaries / "postgres",
    ]
    try:
        done = subprocess.run(
            trial,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
            **identity.options(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
