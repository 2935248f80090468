"""Systems for the tests of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.database.server_url import database
from imports_pipeline_tests.system import running
from imports_pipeline_tests.whole.stack import Stack


class Start(Protocol):
    """Starts a system in a folder, for a block, with an API and pages where they have a port."""

    def __call__(
        self, home: Path, settings: Mapping[str, str], *, api_port: int = 0, pages_port: int = 0
    ) -> AbstractContextManager[Stack]: ...


@pytest.fixture(scope="session")
def start() -> Start:
    """Yield what starts a system in a folder, for a block."""

    @contextmanager
    def started(
        home: Path, settings: Mapping[str, str], *, api_port: int = 0, pages_port: int = 0
    ) -> Iterator[Stack]:
        with (
            running(home, settings, api_port=api_port, pages_port=pages_port) as system,
            database(home, {}) as url,
            pytest.MonkeyPatch.context() as patch,
        ):
            for name, value in dagster_environment(url, home).items():
                patch.setenv(name, value)
            with DagsterInstance.get() as instance:
                yield Stack(system, url, instance)

    return started
