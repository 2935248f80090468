"""What whole-workflow tests run on: a real PostgreSQL, a folder of files, an organization of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance
from hypothesis import settings
from psycopg import sql

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database.connections import Database
from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.defs.runs.dagster_connections import close_connections, keep_connections
from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.stores import Store
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.object_store import BUCKET, ObjectStore, object_store

_NUMBERS = count(1)

# The same examples in each run; HYPOTHESIS_PROFILE=random draws new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("random", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "fixed")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """Yield the URL of the embedded server; all workers of a session share one."""
    base = tmp_path_factory.getbasetemp()
    with database(base if worker_id == "master" else base.parent, {}) as url:
        yield url


@pytest.fixture(scope="session")
def database_url(server: str, worker_id: str) -> str:
    """Return the URL of the worker's own database with all tables."""
    name = f"journeys_{worker_id}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        # No test pulls the plug of the machine, and each commit would wait for the disk.
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name))
        )
    url = f"{server.rpartition('/')[0]}/{name}"
    migrate(url)
    return url


@pytest.fixture(scope="session")
def workflow(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImportWorkflow]:
    """Yield the phases on the worker's database and a temporary file store.

    Connections stay open between their uses, as in a command: to open nine for each import takes nearly half of an
    import's CPU in the tests and in PostgreSQL. Runs that daemons and API workers start do not share them.
    """
    home = tmp_path_factory.mktemp("home")
    database = Database(database_url)
    with database.pooled():
        yield ImportWorkflow(database, LocalStore(home / "files"), Settings(home=home))


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectStore]:
    """Yield the worker's own SeaweedFS."""
    with object_store() as store:
        yield store


@pytest.fixture
def bucket_url(object_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the object server into the environment, and give an ``s3://`` URL that nothing else uses."""
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/test-{next(_NUMBERS)}"


@pytest.fixture
def organization() -> str:
    """Return an organization that nothing else uses: that is what keeps tests apart."""
    return f"org-{next(_NUMBERS)}"


@pytest.fixture
def imports(workflow: ImportWorkflow, organization: str, tmp_path: Path) -> Imports:
    """Return what runs imports in the test's organization and looks at what they left."""
    return Imports(workflow, organization, tmp_path)


@pytest.fixture(scope="session")
def dagster_home(workflow: ImportWorkflow) -> Iterator[dict[str, str]]:
    """Put what Dagster's processes need into the environment, as the command line does, and give it."""
    environment = dagster_environment(workflow.database.url, workflow.settings.home)
    environment["IMPORTS_LOG_LEVEL"] = "CRITICAL"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield {**os.environ, **environment}


@pytest.fixture(scope="session")
def instance(dagster_home: dict[str, str]) -> Iterator[DagsterInstance]:
    """Yield Dagster's instance of the project's own ``dagster.yaml``, which keeps its connections as commands do."""
    with DagsterInstance.get() as instance:
        keep_connections(instance)
        yield instance
        close_connections(instance)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run tests that share something expensive in one worker."""
    from imports_pipeline_tests.scheduling import Scheduling

    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that at the end no worker waits for them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name parameters of bytes by their argument: an archive holds the time, and workers must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "files")


@pytest.fixture
def s3(bucket_url: str) -> S3Store:
    return S3Store(bucket_url)


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store of each kind."""
    found: Store = request.getfixturevalue(request.param)
    return found
