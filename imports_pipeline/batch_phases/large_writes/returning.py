"""Revert of a large write by going back to the table that it replaced, if no record has changed since.

The records need not be written. The table that the import made becomes a replaced table: it holds the previous values
of the records that the revert changes.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.restoring import Undoing
from imports_pipeline.database.editions import (
    Replaced,
    block_other_writers,
    point_to,
    removed_table,
    replaced_tables,
)
from imports_pipeline.schemas.catalog import Relation

Connection = psycopg.Connection[Any]

#: The largest number of records that are listed in the plan files of a return. To compare each with its previous
#: values, and to write them, takes many times as long as the return itself. A dry run lists all.
LISTED: Final = 10_000


def find_replaced(connection: Connection, undoing: Undoing) -> Replaced | None:
    """Return the table that the import replaced, if its records are what the revert would restore, or None.

    This is not so if the import changed links or created groups, if a record that it created has links by now, or if a
    record has changed since. A change that leaves ``updated_at`` as it was is not seen, as in ``restoring.py``. Changes
    through the view wait until the caller's transaction ends.
    """
    resource = undoing.resource
    found = [
        one
        for one in replaced_tables(connection, undoing.organization_id, resource.name)
        if one.import_id == undoing.import_id and one.next_is_current and one.made_rows is not None
    ]
    if not found or not block_other_writers(connection, resource.table):
        return None
    parameters = undoing.parameters()
    linked = connection.execute(
        "SELECT EXISTS (SELECT FROM links_history WHERE import_id = %(import)s AND organization_id = %(organization)s)"
        " OR %(with_groups)s AND EXISTS (SELECT FROM groups WHERE organization_id = %(organization)s"
        " AND created_by = %(import)s)",
        {**parameters, "with_groups": undoing.with_groups},
    ).fetchone()
    if linked != (False,) or any(_links_created(connection, undoing, one) for one in resource.relations):
        return None
    counted = connection.execute(
        sql.SQL(
            "SELECT count(*), count(*) FILTER (WHERE updated_by = %(import)s AND updated_at = %(written_at)s),"
            " coalesce(bool_and(updated_at <= %(written_at)s), true)"
            " FROM {} WHERE organization_id = %(organization)s"
        ).format(sql.Identifier(resource.table)),
        parameters,
    ).fetchone()
    return found[0] if counted == (found[0].made_rows, found[0].made_changes, True) else None


def _links_created(connection: Connection, undoing: Undoing, relation: Relation) -> bool:
    """Return True if a record that the import created has a link. To go back would leave a link of no record."""
    row = connection.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT FROM {} t JOIN {} m ON m.organization_id = t.organization_id AND m.{} = t.id"
            " WHERE t.organization_id = %(organization)s AND t.created_by = %(import)s)"
        ).format(
            sql.Identifier(undoing.resource.table),
            sql.Identifier(relation.table),
            sql.Identifier(relation.own),
        ),
        undoing.parameters(),
    ).fetchone()
    return row != (False,)


def plan_return(connection: Connection, undoing: Undoing, replaced: Replaced) -> dict[str, int]:
    """Return the counts of ``plan_revert`` for a return to the replaced table."""
    row = connection.execute(
        sql.SQL(
            "SELECT (SELECT count(*) FROM {} WHERE organization_id = %(organization)s AND created_by = %(import)s),"
            " (SELECT count(*) FROM {})"
        ).format(sql.Identifier(undoing.resource.table), removed_table(replaced.next_schema)),
        undoing.parameters(),
    ).fetchone()
    created, removed = row or (0, 0)
    counts = {
        "created": removed,
        "updated": (replaced.made_changes or 0) - created,
        "deleted": created,
        "unchanged": 0,
        "conflict": 0,
    }
    return counts | ({"groups_deleted": 0, "groups_left": 0} if undoing.with_groups else {})


def go_back(connection: Connection, undoing: Undoing, replaced: Replaced) -> None:
    """Make the replaced table the current one."""
    point_to(
        connection,
        undoing.organization_id,
        undoing.resource.name,
        replaced.schema,
        undoing.resource.table,
        undoing.revert_id,
    )
