"""Dagster's own tables."""

from __future__ import annotations

import dagster as dg


def migrate_dagster() -> None:
    """Make Dagster's tables, or bring those of an older version up to date."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()
