"""The links that a batch adds and removes. Validation finds them for the plan, and processing applies them.

A link is a member of a group or a location of a contact. ``add`` and ``remove`` change single links; ``set`` replaces
the whole list. Adding a link that exists, or removing one that does not, is no change.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.database.statistics import analyze
from imports_pipeline.model.imports import Batch
from imports_pipeline.schemas.catalog import RESOURCES


def find_links(connection: psycopg.Connection[Any], batch: Batch) -> int:
    """Fill the staging table of links from the references; return the number of changes."""
    staging = Staging(batch.id)
    count = 0
    for relation in RESOURCES[batch.resource].relations:
        for query in (_ADDED, _REMOVED, _NOT_SET):
            statement = sql.SQL(query).format(
                links=staging.links,
                refs=staging.refs,
                relation=literal(relation.name),
                table=sql.Identifier(relation.table),
                own=sql.Identifier(relation.own),
                other=sql.Identifier(relation.other),
            )
            count += connection.execute(statement, {"organization": batch.organization_id}).rowcount
    analyze(connection, staging.links)
    return count


def apply_links(connection: psycopg.Connection[Any], batch: Batch) -> None:
    """Write the links.

    The record that a link points to is locked against deletion. A link to a record that was deleted in the meantime is
    left out.
    """
    staging = Staging(batch.id)
    parameters = {"organization": batch.organization_id}
    for relation in RESOURCES[batch.resource].relations:
        names = {
            "links": staging.links,
            "relation": literal(relation.name),
            "table": sql.Identifier(relation.table),
            "own": sql.Identifier(relation.own),
            "other": sql.Identifier(relation.other),
        }
        connection.execute(sql.SQL(_UNLINK).format(**names), parameters)
        for others in relation.others:
            connection.execute(sql.SQL(_LINK).format(others=sql.Identifier(others), **names), parameters)


_ADDED = """
    INSERT INTO {links} (relation, id, target_id, added)
    SELECT DISTINCT {relation}, r.id, r.target_id, true
    FROM {refs} r
    WHERE r.relation = {relation} AND r.operation IN ('add', 'set') AND r.target_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM {table} m WHERE m.organization_id = %(organization)s
                      AND m.{own} = r.id AND m.{other} = r.target_id)
      AND NOT EXISTS (SELECT FROM {refs} x WHERE x.relation = {relation} AND x.operation = 'remove'
                      AND x.id = r.id AND x.target_id = r.target_id)
"""

_REMOVED = """
    INSERT INTO {links} (relation, id, target_id, added)
    SELECT DISTINCT {relation}, r.id, r.target_id, false
    FROM {refs} r
    JOIN {table} m ON m.organization_id = %(organization)s AND m.{own} = r.id AND m.{other} = r.target_id
    WHERE r.relation = {relation} AND r.operation = 'remove'
"""

_NOT_SET = """
    INSERT INTO {links} (relation, id, target_id, added)
    SELECT {relation}, m.{own}, m.{other}, false
    FROM {table} m
    JOIN (SELECT DISTINCT id FROM {refs} WHERE relation = {relation} AND operation = 'set') s ON s.id = m.{own}
    WHERE m.organization_id = %(organization)s
      AND NOT EXISTS (SELECT FROM {refs} r WHERE r.relation = {relation} AND r.operation = 'set'
                      AND r.id = m.{own} AND r.target_id = m.{other})
"""

_UNLINK = """
    DELETE FROM {table} m USING {links} l
    WHERE l.relation = {relation} AND NOT l.added
      AND m.organization_id = %(organization)s AND m.{own} = l.id AND m.{other} = l.target_id
"""

_LINK = """
    INSERT INTO {table} (organization_id, {own}, {other})
    SELECT %(organization)s, l.id, o.id
    FROM {links} l JOIN {others} o ON o.organization_id = %(organization)s AND o.id = l.target_id
    WHERE l.relation = {relation} AND l.added
    FOR KEY SHARE OF o
    ON CONFLICT DO NOTHING
"""
