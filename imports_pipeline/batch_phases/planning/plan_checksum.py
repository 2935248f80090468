"""The checksum of a plan: two plans have the same one if carrying them out does the same.

It depends on the operation, the line and the record of each entry, on the old and the new value of each changed field,
on every value of a new, deleted or removed record, on the links that change, on the records that rejected rows protect,
and on the counts. It does not depend on ids that were made for new records, on the times and authors of stored records,
or on the order in which PostgreSQL returns rows.

PostgreSQL hashes the rows, so that nothing but a digest for each part of the plan leaves the database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.planning.scope import is_removed
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES

# The version of what is hashed. Increase it with every change of that.
_VERSION: Final = 1
# The columns of a stored record that are no values of it.
_NOT_VALUES: Final = ("organization_id", "created_at", "updated_at", "created_by", "updated_by")


def plan_checksum(
    connection: psycopg.Connection[Any], batch: Batch, plan: Mapping[str, int], fields: Sequence[str]
) -> str:
    """Return the checksum of a plan as 64 hexadecimal digits.

    Args:
        connection: the connection of the batch.
        batch: the batch, whose ``find_updates`` ran with ``with_changes``.
        plan: the counts of the plan.
        fields: the fields of the items, in the order of their staging columns.
    """
    said = [_VERSION, batch.resource, batch.action, list(fields), sorted(plan.items())]
    digest = hashlib.sha256(json.dumps(said).encode())
    for name, query in _parts(batch, plan, fields):
        row = connection.execute(
            sql.SQL(
                "SELECT sha256(string_agg(sha256(convert_to(text, 'UTF8')), ''::bytea ORDER BY place))"
                " FROM ({}) AS entries (place, text)"
            ).format(query),
            {"organization": batch.organization_id},
        ).fetchone()
        if row is not None and row[0] is not None:
            digest.update(name.encode() + bytes(row[0]))
    return digest.hexdigest()


def _parts(
    batch: Batch, plan: Mapping[str, int], fields: Sequence[str]
) -> Iterator[tuple[str, sql.Composable]]:
    """Yield the name of each part of the plan, and its query: the place that orders an entry, and the entry as text."""
    staging = Staging(batch.id)
    stored = sql.Identifier(RESOURCES[batch.resource].table)
    values = sql.SQL("to_jsonb(t) - {}").format(_array(_NOT_VALUES))
    if batch.action is Action.DELETE:
        yield (
            "deleted",
            sql.SQL(
                "SELECT i.line, ROW(i.line, i.id, {values})::text FROM {items} i"
                " JOIN {stored} t ON t.organization_id = %(organization)s AND t.id = i.id"
            ).format(values=values, items=staging.items, stored=stored),
        )
        return
    if plan["created"]:
        given = sql.SQL(", ").join(sql.Identifier("i", f"f{position}") for position in range(len(fields)))
        yield (
            "created",
            sql.SQL("SELECT i.line, ROW(i.line, {given})::text FROM {items} i WHERE i.is_new").format(
                given=given, items=staging.items
            ),
        )
    if plan["updated"]:
        # The changes of linked records also name the links, in no order and with the ids of new records.
        relations = [relation.name for relation in RESOURCES[batch.resource].relations]
        yield (
            "updated",
            sql.SQL(
                "SELECT u.line, ROW(u.line, u.id, CASE WHEN u.id IN (SELECT id FROM {links})"
                " THEN (u.changes::jsonb - {relations})::text ELSE u.changes END)::text FROM {updates} u"
            ).format(links=staging.links, relations=_array(relations), updates=staging.updates),
        )
    yield "links", sql.SQL(_LINKS).format(links=staging.links, items=staging.items, new=staging.new_groups)
    if creates_groups(batch):
        yield "groups", sql.SQL('SELECT name COLLATE "C", name FROM {}').format(staging.new_groups)
    if batch.action is Action.OVERWRITE:
        yield "protected", sql.SQL("SELECT id, id FROM {}").format(staging.kept)
    if plan["overwritten"]:
        yield (
            "removed",
            sql.SQL("SELECT t.id, ROW(t.id, {values})::text FROM {stored} t WHERE {removed}").format(
                values=values, stored=stored, removed=is_removed(batch)
            ),
        )


def _array(texts: Sequence[str]) -> sql.Composable:
    return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(map(literal, texts)))


# A link belongs to the line of its item. What it points to is a stored record, a group that the batch creates, or a new
# record of another line.
_LINKS: Final = """
    SELECT entry COLLATE "C", entry FROM (
        SELECT ROW(i.line, l.relation, l.added, CASE
                   WHEN g.id IS NOT NULL THEN 'new group ' || g.name
                   WHEN n.id IS NOT NULL THEN 'new record of line ' || n.line
                   ELSE l.target_id END)::text AS entry
        FROM {links} l
        JOIN {items} i ON i.id = l.id
        LEFT JOIN {new} g ON g.id = l.target_id
        LEFT JOIN {items} n ON n.id = l.target_id AND n.is_new
    ) AS l
"""
