"""The groups that a batch of contacts creates because its rows name them (``missing_groups: create``).

Transforming gives each a new id, so to links and checks they are groups like any other. They are written with the
contacts, in one transaction that holds the write lock of both resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.notices import Notice

#: How many groups a notice names; it counts all of them.
_NAMED: Final = 10


def drop_unused(connection: psycopg.Connection[Any], batch: Batch) -> None:
    """Drop the groups that no contact will be in: those that only rejected rows name, or that a row removes too."""
    staging = Staging(batch.id)
    connection.execute(
        sql.SQL(
            "DELETE FROM {new_groups} n WHERE NOT EXISTS"
            " (SELECT FROM {links} l WHERE l.relation = 'groups' AND l.added AND l.target_id = n.id)"
        ).format(new_groups=staging.new_groups, links=staging.links)
    )
    analyze(connection, staging.new_groups)


def notices(connection: psycopg.Connection[Any], batch: Batch) -> tuple[Notice, ...]:
    """Return the notice that names the groups; it says which differ from a stored one by their case alone."""
    found = connection.execute(
        sql.SQL(
            """
            SELECT n.name, (SELECT min(g.name) FROM groups g
                            WHERE g.organization_id = %s AND g.resource = 'contact' AND lower(g.name) = lower(n.name)),
                   count(*) OVER ()
            FROM {} n ORDER BY 2 IS NULL, n.name LIMIT {}
            """
        ).format(Staging(batch.id).new_groups, literal(_NAMED)),
        (batch.organization_id,),
    ).fetchall()
    if not found:
        return ()
    count = found[0][2]
    named = [f"`{name}`{f' (not the stored `{near}`)' if near else ''}" for name, near, _ in found]
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    what = "1 group that is not stored is" if count == 1 else f"{count:,} groups that are not stored are"
    return (
        Notice(
            "groups_created", f"{what} created, as `missing_groups: create` asks: {', '.join(named)}{more}."
        ),
    )


def create(connection: psycopg.Connection[Any], batch: Batch, parameters: Mapping[str, Any]) -> int:
    """Write the groups and return their count; under a ``location_id`` they belong to that location."""
    location = batch.options.location_id
    statement = sql.SQL(
        "INSERT INTO groups (organization_id, id, name, resource, location_id, created_by, updated_by)"
        " SELECT %(organization)s, id, name, 'contact', {}, %(author)s, %(author)s FROM {}"
    ).format(sql.SQL("NULL") if location is None else literal(location), Staging(batch.id).new_groups)
    return connection.execute(statement, parameters).rowcount


def planned(batch: Batch, number: sql.Composable) -> sql.Composed:
    """Query the lines of the plan file; each has the first line that names its group.

    Args:
        batch: the batch
        number: the expression by which lines are ordered, from the place ``place`` of the group among all
    """
    staging = Staging(batch.id)
    return sql.SQL(
        """
        SELECT {number}, line, id, 'groups_created', name, NULL::text, NULL::text, NULL::text
        FROM (SELECT n.id, n.name, min(r.line) AS line, row_number() OVER (ORDER BY min(r.line), n.name) AS place
              FROM {new_groups} n JOIN {refs} r ON r.target_id = n.id AND r.operation <> 'remove'
              GROUP BY n.id, n.name) AS n
        """
    ).format(number=number, new_groups=staging.new_groups, refs=staging.refs)
