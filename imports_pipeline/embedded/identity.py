"""As whom the server runs. PostgreSQL refuses to run as root, and containers often are root.

The data folder's owner decides once there is one. For a new folder, root first tries a user namespace in
which it has another number: no file changes its owner, no path has to be opened. Where the kernel or the
container runtime refuses that, an unprivileged user does it, if it can reach the programs and the folder.
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

#: What the programs see of our environment. PG* variables would redirect them, a locale may not exist here.
ENVIRONMENT: Final[Mapping[str, str]] = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_TRIAL_SECONDS: Final = 20


@dataclass(frozen=True)
class Identity:
    """How to start a program so that it isn't root: a command before it, or another user, or plainly."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def options(self) -> dict[str, Any]:
        """Return the arguments of ``subprocess`` for this identity."""
        plain: dict[str, Any] = {"env": dict(ENVIRONMENT), "start_new_session": True, "umask": 0o077}
        if self.uid is None:
            return plain
        return {**plain, "user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make a folder and all in it this user's, where it has to be."""
        if self.uid is None or path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path):
            for name in files:
                shutil.chown(Path(folder) / name, self.uid, self.gid)
            if Path(folder) != path:
                shutil.chown(folder, self.uid, self.gid)
        # Last, because its owner is what tells us that the work is done.
        shutil.chown(path, self.uid, self.gid)


def choose(folder: Path, data: Path, binaries: Path) -> Identity:
    """Find an identity that reaches ``folder`` and the programs.

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
            folder.chmod(0o711)  # to be passed through; what is in it stays closed by its own modes
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
    """Pick a user number that has a name, without which initdb stops; never the one of unmapped owners."""
    numbers = [entry.pw_uid for entry in pwd.getpwall() if 0 < entry.pw_uid < 65534]
    return 1000 if 1000 in numbers else min(numbers, default=None)


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _works(identity: Identity, folder: Path, binaries: Path) -> bool:
    """Try it: the modes of all parents, the container's rules and the kernel's settings decide together."""
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
