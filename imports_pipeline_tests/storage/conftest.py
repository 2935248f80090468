"""Both file stores, empty, and what the tests do with any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.storage.files import Store
from imports_pipeline.storage.local import LocalStore
from imports_pipeline.storage.s3 import S3Store


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "files")


@pytest.fixture
def s3(bucket_url: str) -> S3Store:
    return S3Store(bucket_url)


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """Give an empty store of each kind."""
    found: Store = request.getfixturevalue(request.param)
    return found
