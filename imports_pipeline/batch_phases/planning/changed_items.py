"""The comparison of staged items with their stored records, for checks, plan and processing.

Items are compared here and nowhere else. The result stays true until the batch is written: every committed write
increases the data version of the records, and a plan of an older data version is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.new_values import changed, compared, differs
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.statistics import analyze
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES


def find_updates(
    connection: psycopg.Connection[Any],
    batch: Batch,
    fields: Sequence[str],
    *,
    with_changes: bool,
    any_known: bool,
) -> None:
    """Fill the staging table ``updates`` from the items and from the links that change.

    The table also gets the items whose record is not stored (``is_unknown``), which validation rejects.

    Args:
        connection: the connection of the batch.
        batch: the batch.
        fields: the fields of its items, in the order of their staging columns.
        with_changes: True to fill the column ``changes``, which a plan file needs: JSON text with the old and the new
            value of each changed field, and the records added to and removed from each list.
        any_known: False if all items are new. Then there is nothing to compare, and the items are not read.
    """
    staging = Staging(batch.id)
    query = _COMPARED
    found: sql.Composable = sql.SQL("false")
    if batch.action is not Action.DELETE:
        values = compared(RESOURCES[batch.resource], fields, batch.options.blank_cells)
        if with_changes:
            query, found = _SHOWN, changed(values)
        else:
            found = differs(values)
    # CREATE TABLE AS can use parallel workers for its query; INSERT … SELECT cannot.
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(staging.updates))
    statement = sql.SQL(
        "CREATE UNLOGGED TABLE {updates} WITH (autovacuum_enabled = false) AS"
        + query
        + ("" if any_known else "WITH NO DATA")
    ).format(
        updates=staging.updates,
        items=staging.items,
        links=staging.links,
        table=sql.Identifier(RESOURCES[batch.resource].table),
        compared=found,
    )
    connection.execute(statement, {"organization": batch.organization_id})
    analyze(connection, staging.updates)


_COMPARED = """
    SELECT i.line, i.id, t.id IS NULL AS is_unknown, NULL::text AS changes
    FROM {items} i
    LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
    LEFT JOIN (SELECT DISTINCT id FROM {links}) l ON l.id = i.id
    WHERE NOT i.is_new AND (t.id IS NULL OR l.id IS NOT NULL OR {compared})
"""

_SHOWN = """
    SELECT line, id, is_unknown,
           CASE WHEN linked IS NULL THEN changes ELSE (changes::jsonb || linked)::text END AS changes
    FROM (
        SELECT i.line, i.id, t.id IS NULL AS is_unknown, {compared} AS changes, l.changes AS linked
        FROM {items} i
        LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
        LEFT JOIN (
            SELECT id, jsonb_object_agg(relation, targets) AS changes
            FROM (SELECT id, relation, jsonb_build_object(
                             'added', coalesce(jsonb_agg(target_id) FILTER (WHERE added), '[]'),
                             'removed', coalesce(jsonb_agg(target_id) FILTER (WHERE NOT added), '[]')) AS targets
                  FROM {links} GROUP BY id, relation) AS one
            GROUP BY id
        ) l ON l.id = i.id
        WHERE NOT i.is_new
        OFFSET 0
    ) r
    WHERE is_unknown OR linked IS NOT NULL OR changes <> '{{}}'
"""
