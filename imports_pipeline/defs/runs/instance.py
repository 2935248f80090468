"""Creates and migrates Dagster's own tables."""

from __future__ import annotations

import dagster as dg


def migrate_dagster() -> None:
    """Create Dagster's tables, or upgrade those of an older version."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()
