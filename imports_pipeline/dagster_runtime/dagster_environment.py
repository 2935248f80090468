"""The environment in which Dagster's processes find their configuration, their tables and their folders.

Dagster's tables live in a schema of their own in our database: one server to run, one backup to make, and no
name of theirs beside ours. This module prepares; it doesn't import Dagster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg

DAGSTER_SCHEMA: Final = "dagster"


def dagster_environment(
    database_url: str, home: Path, store_url: str = "", deployment: str = ""
) -> dict[str, str]:
    """Return the environment variables for Dagster; create its schema and the folders they name.

    Raises:
        FileNotFoundError: there is no ``dagster.yaml`` where ``deployment`` says (``dagster_home``).
        OSError: a folder cannot be made.
        psycopg.Error: the schema cannot be made.
    """
    home = home.resolve()
    storage = home / "dagster"
    storage.mkdir(parents=True, exist_ok=True)
    _create_schema(database_url)
    return {
        "DAGSTER_HOME": str(dagster_home(deployment)),
        "DAGSTER_POSTGRES_URL": _dagster_url(database_url),
        "IMPORTS_DAGSTER_STORAGE": str(storage),
        "IMPORTS_HOME": str(home),
        # Dagster's processes have another working directory; a relative path is absolute by now.
        **({"STORE_URL": store_url} if store_url else {}),
        "DATABASE_URL": database_url,
        # A tick looks at 5 ended runs unless told otherwise; a morning's imports would be reported at noon.
        "DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT": "50",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def dagster_home(deployment: str = "") -> Path:
    """Find the folder of the ``dagster.yaml`` that says how runs are launched.

    ``deployment`` is the name of a folder in ``deploy``, or the path of any folder; empty is the project's own,
    in which every run is a process of this machine.

    Raises:
        FileNotFoundError: there is no such file.
    """
    root = project_root()
    if not deployment:
        return root
    for folder in (root / "deploy" / deployment, Path(deployment)):
        if (folder / "dagster.yaml").is_file():
            return folder.resolve()
    known = sorted(file.parent.name for file in root.glob("deploy/*/dagster.yaml"))
    raise FileNotFoundError(
        f"IMPORTS_DEPLOYMENT is {deployment!r}, and there is no dagster.yaml of that; give the path of its folder"
        + (f", or {' or '.join(known)}." if known else ".")
    )


def project_root() -> Path:
    """Find the folder of ``dagster.yaml`` and ``workspace.yaml``.

    Raises:
        FileNotFoundError: it is neither that of the package nor the working directory.
    """
    for folder in (Path(__file__).resolve().parents[2], Path.cwd()):
        if (folder / "dagster.yaml").is_file():
            return folder
    raise FileNotFoundError(
        "dagster.yaml is neither beside the package nor in the working directory; "
        "run the command in the project's folder."
    )


def _create_schema(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        # "if not exists" alone needs the right to create schemas even where the schema is there.
        known = connection.execute("select 1 from pg_namespace where nspname = %s", [DAGSTER_SCHEMA])
        if not known.fetchone():
            connection.execute(f"create schema if not exists {DAGSTER_SCHEMA}")


def _dagster_url(database_url: str) -> str:
    """Name the driver, which SQLAlchemy 2.1 would take for psycopg 3, and put Dagster's schema first."""
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    # What Dagster logs of a run is on disk with the next commit of an import, which waits for all that was written
    # before it; waiting for the disk at each of its events as well is a third of a small import.
    given = query.get("options", "")
    query["options"] = f"{given} -csearch_path={DAGSTER_SCHEMA} -csynchronous_commit=off".strip()
    return urlunsplit(parts._replace(scheme="postgresql+psycopg2", query=urlencode(query, quote_via=quote)))
