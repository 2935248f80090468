"""Settings of an organization for all its imports: how many records an overwrite may remove without approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from imports_pipeline.batch_phases.planning.guards import Limits


def limits(connection: psycopg.Connection[Any], organization_id: str) -> Limits:
    """Return the organization's limits. Limits that it has not set have their defaults."""
    row = connection.execute("SELECT limits FROM organizations WHERE id = %s", (organization_id,)).fetchone()
    return replace(Limits(), **row[0]) if row else Limits()


def set_limits(connection: psycopg.Connection[Any], organization_id: str, given: Mapping[str, float]) -> None:
    """Set some limits by name (``floor``, ``percent``, ``total``) and keep the others."""
    unknown = set(given) - set(asdict(Limits()))
    if unknown:
        raise ValueError(f"there is no limit {sorted(unknown)[0]!r}")
    connection.execute(
        """
        INSERT INTO organizations (id, limits) VALUES (%s, %s)
        ON CONFLICT (id) DO UPDATE SET limits = organizations.limits || excluded.limits
        """,
        (organization_id, Jsonb(dict(given))),
    )
