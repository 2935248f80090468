"""The checksum of a plan: two plans have the same one if carrying them out does the same.

It depends on the operation, the line and the record of each entry, on the old and the new value of each changed field,
on every value of a new, deleted or removed record, on the links that change, on the records that rejected rows protect,
and on the counts. It does not depend on ids that were made for new records, on the times and authors of stored records,
or on the order in which PostgreSQL returns rows.

PostgreSQL hashes the rows, so that nothing but a digest for each part of the plan leaves the database. What is removed
or protected is hashed by SHA-256, row by row in order. New and changed records, which can be millions, have a hash of
64 bits each, with a seed that only the database knows: nobody can look for values with the same hash. The sum and the
exclusive or of these do not need an order, because every entry has its line in it. That takes a third of the time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.new_values import compared
from imports_pipeline.batch_phases.planning.scope import is_removed
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES

# The version of what is hashed. Increase it with every change of that.
_VERSION: Final = 2
# The columns of a stored record that are no values of it.
_NOT_VALUES: Final = ("organization_id", "created_at", "updated_at", "created_by", "updated_by")


def plan_checksum(
    connection: psycopg.Connection[Any], batch: Batch, plan: Mapping[str, int], fields: Sequence[str]
) -> str:
    """Return the checksum of a plan as 64 hexadecimal digits.

    Args:
        connection: the connection of the batch.
        batch: the batch, after ``find_updates``.
        plan: the counts of the plan.
        fields: the fields of the items, in the order of their staging columns.
    """
    said = [_VERSION, batch.resource, batch.action, list(fields), sorted(plan.items())]
    digest = hashlib.sha256(json.dumps(said).encode())
    parameters = {"organization": batch.organization_id}
    for name, query in (*_large_parts(batch, plan, fields), *_ordered_parts(batch, plan)):
        row = connection.execute(query, parameters).fetchone()
        digest.update(f"{name} {[None if one is None else str(one) for one in row or ()]}".encode())
    return digest.hexdigest()


def _large_parts(
    batch: Batch, plan: Mapping[str, int], fields: Sequence[str]
) -> Iterator[tuple[str, sql.Composed]]:
    """Yield the name of each part that may have as many entries as the file has rows, and the query of its hash."""
    staging, resource = Staging(batch.id), RESOURCES[batch.resource]
    if batch.action is Action.DELETE:
        return
    if plan["created"]:
        given = sql.SQL("").join(
            sql.SQL(", {}").format(sql.Identifier("i", f"f{position}")) for position in range(len(fields))
        )
        yield (
            "created",
            sql.SQL(_HASHED).format(
                entry=sql.SQL("i.line{}").format(given),
                source=sql.SQL("{} i WHERE i.is_new").format(staging.items),
            ),
        )
    if plan["updated"]:
        changes = sql.SQL("").join(
            sql.SQL(
                ", CASE WHEN {new} IS DISTINCT FROM {old} THEN {old} END,"
                " CASE WHEN {new} IS DISTINCT FROM {old} THEN {new} END"
            ).format(old=old, new=new)
            for _, old, new in compared(resource, fields, batch.options.blank_cells)
        )
        yield (
            "updated",
            sql.SQL(_HASHED).format(
                entry=sql.SQL("i.line, i.id{}").format(changes),
                source=sql.SQL(
                    "{updates} u JOIN {items} i ON i.line = u.line"
                    " JOIN {stored} t ON t.organization_id = %(organization)s AND t.id = i.id"
                ).format(updates=staging.updates, items=staging.items, stored=sql.Identifier(resource.table)),
            ),
        )
    # A link points to a stored record, or to a group that the batch creates, whose id is another in each plan.
    yield (
        "links",
        sql.SQL(_HASHED).format(
            entry=sql.SQL(
                "i.line, l.relation, l.added, CASE WHEN g.id IS NULL THEN l.target_id ELSE 'new group ' || g.name END"
            ),
            source=sql.SQL(
                "{links} l JOIN {items} i ON i.id = l.id LEFT JOIN {groups} g ON g.id = l.target_id"
            ).format(links=staging.links, items=staging.items, groups=staging.new_groups),
        ),
    )


# The hash of an entry is evaluated once: OFFSET keeps PostgreSQL from evaluating it in each aggregate.
_HASHED: Final = """
    SELECT count(*), bit_xor(hash), sum(hash)
    FROM (
        SELECT hash_record_extended(ROW({entry}), (SELECT seed FROM plan_seed)) AS hash FROM {source} OFFSET 0
    ) AS entries
"""


def _ordered_parts(batch: Batch, plan: Mapping[str, int]) -> Iterator[tuple[str, sql.Composed]]:
    """Yield the name of each part about records that the rows do not change, and the query of its digest."""
    staging = Staging(batch.id)
    stored = sql.Identifier(RESOURCES[batch.resource].table)
    values = sql.SQL("to_jsonb(t) - ARRAY[{}]").format(sql.SQL(", ").join(map(literal, _NOT_VALUES)))
    if batch.action is Action.DELETE:
        yield (
            "deleted",
            digest_of(
                sql.SQL(
                    "SELECT i.line, ROW(i.line, i.id, {values})::text FROM {items} i"
                    " JOIN {stored} t ON t.organization_id = %(organization)s AND t.id = i.id"
                ).format(values=values, items=staging.items, stored=stored)
            ),
        )
        return
    if creates_groups(batch):
        yield "groups", digest_of(sql.SQL('SELECT name COLLATE "C", name FROM {}').format(staging.new_groups))
    if batch.action is Action.OVERWRITE:
        yield "protected", digest_of(sql.SQL("SELECT id, id FROM {}").format(staging.kept))
    if plan["overwritten"]:
        yield (
            "removed",
            digest_of(
                sql.SQL("SELECT t.id, ROW(t.id, {values})::text FROM {stored} t WHERE {removed}").format(
                    values=values, stored=stored, removed=is_removed(batch)
                )
            ),
        )


def digest_of(entries: sql.Composable) -> sql.Composed:
    """Return the query of the SHA-256 digest of entries, each with the place that orders it."""
    return sql.SQL(
        "SELECT encode(sha256(string_agg(sha256(convert_to(text, 'UTF8')), ''::bytea ORDER BY place)), 'hex')"
        " FROM ({}) AS entries (place, text)"
    ).format(entries)
