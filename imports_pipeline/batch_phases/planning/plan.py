"""The plan: what the batch would do to each record, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.planning.protected_records import (
    forget,
    keep_protected,
    unidentified_rows,
)
from imports_pipeline.batch_phases.planning.scope import in_scope, is_removed
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.options import Action
from imports_pipeline.schemas.catalog import RESOURCES

#: What a plan counts: items by what they would do, removals, the scope, and rejected rows of nobody known; and the
#: line of the first of those, or 0.
COUNTS = (
    "created", "updated", "unchanged", "deleted", "overwritten", "scope", "unidentified", "first_unidentified",
)  # fmt: skip


def make_plan(connection: psycopg.Connection[Any], batch: Batch, fields: Sequence[str]) -> dict[str, int]:
    """Count the staged items by what they would do, and what cleanup would remove.

    For an overwrite ``overwritten`` of the ``scope`` records it answers for would go; ``unidentified`` counts
    the rejected rows that do not show which record they stand for. Comes after ``find_updates``, and after the
    rejected items are gone. ``fields`` are those of the items, in the order of their staging columns.
    """
    counts = dict.fromkeys(COUNTS, 0)
    staging = Staging(batch.id)
    items = sql.SQL(
        "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM {}"
    ).format(staging.items)
    new, known = connection.execute(items).fetchone() or (0, 0)
    if batch.action is Action.DELETE:
        counts["deleted"] = known
        return counts
    updated = _count(connection, staging.updates)
    counts |= {"created": new, "updated": updated, "unchanged": known - updated}
    if batch.action is Action.OVERWRITE:
        table = sql.Identifier(RESOURCES[batch.resource].table)
        counts["scope"] = _count(connection, sql.SQL("{} t WHERE {}").format(table, in_scope(batch)))
        if batch.options.location_id is None and _count(connection, staging.protected) == 0:
            # The items name a record of the scope each, and nothing else keeps one. Not below nothing: a plan that
            # another write crosses is made again before it is carried out.
            counts["overwritten"] = max(0, counts["scope"] - known)
        else:
            keep_protected(connection, batch)
            removed = sql.SQL("{} t WHERE {}").format(table, is_removed(batch))
            counts["overwritten"] = _count(connection, removed)
            if counts["overwritten"]:
                found = unidentified_rows(connection, batch, fields)
                counts["unidentified"], counts["first_unidentified"] = found
            forget(connection)
    return counts


def _count(connection: psycopg.Connection[Any], source: sql.Composable) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(source)).fetchone()
    return int(row[0]) if row else 0
