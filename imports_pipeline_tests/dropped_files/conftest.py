"""A store with folders of uploads of its own, and who watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.stores import Store
from imports_pipeline.workflow.dropped_files.watcher import Watcher
from imports_pipeline_tests.dropped_files.dropping import Dropped
from imports_pipeline_tests.journeys import Imports


@pytest.fixture(params=["local", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name the kind of store; a test of one kind replaces this."""
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    if kind == "s3":
        return S3Store(request.getfixturevalue("bucket_url"))
    return LocalStore(tmp_path / "files")


@pytest.fixture
def dropped(imports: Imports, store: Store) -> Dropped:
    """Return what drops files and looks at what became of them; the table of uploads is empty."""
    imports.query("DELETE FROM uploads RETURNING id")
    workflow = replace(imports.workflow, store=store)
    return Dropped(
        Imports(workflow, imports.organization, imports.folder), Watcher(workflow, settle_seconds=0)
    )


@pytest.fixture
def with_settings(dropped: Dropped) -> Callable[..., Dropped]:
    """Return the same with other settings."""

    def changed(**settings: Any) -> Dropped:
        workflow = replace(
            dropped.imports.workflow, settings=replace(dropped.imports.workflow.settings, **settings)
        )
        imports = Imports(workflow, dropped.imports.organization, dropped.imports.folder)
        return Dropped(imports, replace(dropped.watcher, workflow=workflow))

    return changed
