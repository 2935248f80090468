"""One network of hosts for all tests of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imports_pipeline_tests.hosts.cluster import Hosts
from imports_pipeline_tests.hosts.cluster import hosts as started


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Start the system on its hosts."""
    with started(tmp_path_factory.mktemp) as made:
        yield made
