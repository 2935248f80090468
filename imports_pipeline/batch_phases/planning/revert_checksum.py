"""The checksum of the plan of a revert: two plans have the same one if carrying them out does the same.

What a revert restores is what the import kept when it was written, so the checksum depends on the operation of each
record, and on the links that are there to be taken away or brought back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.planning.plan_checksum import digest_of
from imports_pipeline.batch_phases.restoring import Undoing
from imports_pipeline.database.literals import literal
from imports_pipeline.schemas.catalog import Relation

# The version of what is hashed. Increase it with every change of that.
_VERSION: Final = 1


def revert_checksum(connection: psycopg.Connection[Any], undoing: Undoing, plan: Mapping[str, int]) -> str:
    """Return the checksum of a plan that ``plan_revert`` has made, as 64 hexadecimal digits."""
    said = [_VERSION, "revert", undoing.resource.name, undoing.import_id, sorted(plan.items())]
    digest = hashlib.sha256(json.dumps(said).encode())
    for name, query in _parts(undoing):
        row = connection.execute(query, undoing.parameters()).fetchone()
        digest.update(f"{name} {row}".encode())
    return digest.hexdigest()


def _parts(undoing: Undoing) -> Iterator[tuple[str, sql.Composed]]:
    """Yield the name of each part of the plan, and the query of its digest."""
    yield "records", digest_of(sql.SQL("SELECT id, ROW(id, operation)::text FROM undo"))
    if undoing.with_groups:
        yield "groups", digest_of(sql.SQL("SELECT id, ROW(id, operation)::text FROM undo_groups"))
    for relation in undoing.resource.relations:
        yield relation.name, digest_of(_links(relation))


def _links(relation: Relation) -> sql.Composed:
    """Return the query of the links that the import has added or removed, with what is there of them now."""
    targets = sql.SQL(" OR ").join(
        sql.SQL(
            "EXISTS (SELECT FROM {} o WHERE o.organization_id = h.organization_id AND o.id = h.other)"
        ).format(sql.Identifier(others))
        for others in relation.others
    )
    return sql.SQL(
        """
        SELECT ROW(h.own, h.other), ROW(h.own, h.other, h.added, m.own IS NOT NULL, {targets})::text
        FROM links_history h
        JOIN undo u ON u.id = h.own AND u.operation IN ('created', 'updated')
        LEFT JOIN (SELECT organization_id, {own} AS own, {other} AS other FROM {links}) m
             ON m.organization_id = h.organization_id AND m.own = h.own AND m.other = h.other
        WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s AND h.relation = {relation}
        """
    ).format(
        targets=targets,
        own=sql.Identifier(relation.own),
        other=sql.Identifier(relation.other),
        links=sql.Identifier(relation.table),
        relation=literal(relation.name),
    )
