"""Dagster's home for the tests of metadata."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _home(dagster_home: Any) -> None:
    """Every test here runs Dagster's own jobs."""
