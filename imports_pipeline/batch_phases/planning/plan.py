"""The plan: the number of records that the batch would create, update, leave unchanged, delete and remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.planning.protected_records import (
    claimed_records,
    drop_temporary_tables,
    keep_protected,
    unidentified_rows,
)
from imports_pipeline.batch_phases.planning.scope import in_scope, is_removed
from imports_pipeline.batch_phases.staging import ItemCounts, Staging
from imports_pipeline.import_phases.memory.remembered_rows import check_ids
from imports_pipeline.model.files import Files
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES

#: The counts of a plan. ``scope`` is the number of records that an overwrite is about. ``unidentified`` counts rejected
#: rows that do not show which record they stand for, and ``first_unidentified`` is the line of the first, or 0.
COUNTS = (
    "created", "updated", "unchanged", "deleted", "overwritten", "scope", "unidentified", "first_unidentified",
)  # fmt: skip


def make_plan(
    connection: psycopg.Connection[Any], batch: Batch, files: Files, fields: Sequence[str], items: ItemCounts
) -> dict[str, int]:
    """Return the plan of the staged items, as the counts ``COUNTS``.

    Call it after ``find_updates``, and after the rejected items have left the staging tables.

    Args:
        connection: the connection of the batch.
        batch: the batch.
        files: the files of its import.
        fields: the fields of its items, in the order of their staging columns.
        items: the numbers of its items.

    Raises:
        MemoryMisled: the plan could differ from that without a memory.
    """
    counts = dict.fromkeys(COUNTS, 0)
    staging = Staging(batch.id)
    if batch.action is Action.DELETE:
        counts["deleted"] = items.known
        return counts
    updated = _count(connection, staging.updates)
    known = items.known + batch.remembered
    counts |= {"created": items.new, "updated": updated, "unchanged": known - updated}
    if creates_groups(batch):
        counts["groups_created"] = _count(connection, staging.new_groups)
    if batch.action is Action.OVERWRITE:
        table = sql.Identifier(RESOURCES[batch.resource].table)
        counts["scope"] = _count(connection, sql.SQL("{} t WHERE {}").format(table, in_scope(batch)))
        if batch.options.location_id is None and _count(connection, staging.protected) == 0:
            # Each known item names one record of the scope, and no rejected row protects another. The difference is
            # negative only if another write interferes; then the plan is computed again before it is carried out.
            counts["overwritten"] = max(0, counts["scope"] - known)
        else:
            keep_protected(connection, batch)
            removed = sql.SQL("{} t WHERE {}").format(table, is_removed(batch))
            counts["overwritten"] = _count(connection, removed)
            if counts["overwritten"]:
                found = unidentified_rows(connection, batch, fields)
                if batch.remembered:
                    # Remembered rows have no items, so the rejected rows must not be compared with them.
                    check_ids(
                        files, claimed_records(connection), "a rejected row shows the keys of another row"
                    )
                counts["unidentified"], counts["first_unidentified"] = found
            drop_temporary_tables(connection)
    return counts


def _count(connection: psycopg.Connection[Any], source: sql.Composable) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(source)).fetchone()
    return int(row[0]) if row else 0
