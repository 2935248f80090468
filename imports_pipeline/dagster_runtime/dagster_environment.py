"""Prepares the environment variables, the database schema and the folders of Dagster's processes.

Dagster's tables are in a separate schema of our database, so there is one server to run and one backup to make, and no
table names conflict. This module does not import Dagster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg

from imports_pipeline.database.dagster_indexes import DAGSTER_SCHEMA

#: The variable that is not empty if Dagster's tables exist.
TABLES_EXIST: Final = "IMPORTS_DAGSTER_TABLES_EXIST"
# Dagster creates all tables of a storage if one of these is missing (`dagster_postgres`).
_MAIN_TABLES: Final = ("event_logs", "instance_info", "jobs", "runs")
_CHECKOUT: Final = Path(__file__).resolve().parents[2]
# The dagster.yaml in the root of the checkout is that of `dg check defs` and `dg list defs`, which need no database.
_INSTANCE: Final = Path(__file__).resolve().with_name("instance")


def dagster_environment(
    database_url: str, home: Path, store_url: str = "", deployment: str = ""
) -> dict[str, str]:
    """Return the environment variables for Dagster, and create its schema and folders.

    Raises:
        FileNotFoundError: there is no ``dagster.yaml`` of this ``deployment`` (see ``dagster_home``).
        OSError: a folder cannot be created.
        psycopg.Error: the schema cannot be created.
    """
    home = home.resolve()
    storage = home / "dagster"
    storage.mkdir(parents=True, exist_ok=True)
    exist = _create_schema(database_url)
    return {
        "DAGSTER_HOME": str(dagster_home(deployment)),
        "DAGSTER_POSTGRES_URL": _dagster_url(database_url),
        TABLES_EXIST: "1" if exist else "",
        "IMPORTS_DAGSTER_STORAGE": str(storage),
        "IMPORTS_HOME": str(home),
        # Dagster's processes have another working directory. The caller has made relative paths absolute.
        **({"STORE_URL": store_url} if store_url else {}),
        "DATABASE_URL": database_url,
        # By default a tick of a run-status sensor reports 5 ended runs, which is too slow for hundreds of imports.
        "DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT": "50",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def dagster_home(deployment: str = "") -> Path:
    """Return the folder of the ``dagster.yaml`` that configures how runs are launched.

    Args:
        deployment: the name of a folder in ``deploy``, or the path of any folder. The empty string means the
            ``dagster.yaml`` of the working directory, or that of the package, in which every run is a process of this
            machine.

    Raises:
        FileNotFoundError: there is no such file.
    """
    root = project_root()
    if not deployment:
        return root if root != _CHECKOUT and (root / "dagster.yaml").is_file() else _INSTANCE
    for folder in (root / "deploy" / deployment, Path(deployment)):
        if (folder / "dagster.yaml").is_file():
            return folder.resolve()
    known = sorted(file.parent.name for file in root.glob("deploy/*/dagster.yaml"))
    raise FileNotFoundError(
        f"IMPORTS_DEPLOYMENT is {deployment!r}, but there is no dagster.yaml for it; give the path of its folder"
        + (f", or {' or '.join(known)}." if known else ".")
    )


def project_root() -> Path:
    """Return the folder of ``workspace.yaml``, in which Dagster's processes run.

    A checkout comes first, then the working directory if it has a ``workspace.yaml`` or a ``dagster.yaml``, and then
    the folder inside the package, with which an installed wheel runs.
    """
    for folder in (_CHECKOUT, Path.cwd()):
        if any((folder / name).is_file() for name in ("workspace.yaml", "dagster.yaml")):
            return folder
    return _INSTANCE


def _create_schema(database_url: str) -> bool:
    """Create the schema of Dagster's tables if it does not exist; return True if its tables do."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        # "create schema if not exists" needs the right to create schemas even if the schema exists.
        known = connection.execute("select 1 from pg_namespace where nspname = %s", [DAGSTER_SCHEMA])
        if not known.fetchone():
            connection.execute(f"create schema if not exists {DAGSTER_SCHEMA}")
            return False
        tables = connection.execute(
            "select count(*) from pg_tables where schemaname = %s and tablename = any(%s)",
            [DAGSTER_SCHEMA, list(_MAIN_TABLES)],
        )
        return tables.fetchone() == (len(_MAIN_TABLES),)


def _dagster_url(database_url: str) -> str:
    """Return the URL with the driver psycopg2, because SQLAlchemy 2.1 defaults to psycopg 3, and Dagster's schema."""
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    # Without synchronous_commit, Dagster's events reach the disk with the next commit of an import, which flushes all
    # earlier writes. Waiting for the disk at each event would take a third of the time of a small import.
    given = query.get("options", "")
    query["options"] = f"{given} -csearch_path={DAGSTER_SCHEMA} -csynchronous_commit=off".strip()
    return urlunsplit(parts._replace(scheme="postgresql+psycopg2", query=urlencode(query, quote_via=quote)))
