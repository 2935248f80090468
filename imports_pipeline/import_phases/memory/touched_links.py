"""Finds out whether links, or the groups and locations that they can lead to, were written or removed since."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.database.literals import literal
from imports_pipeline.import_phases.memory.seen import Seen, is_written_since
from imports_pipeline.schemas.catalog import Resource

Connection = psycopg.Connection[Any]


def links_changed(connection: Connection, organization_id: str, resource: Resource, then: Seen) -> bool:
    """Return True if what ``see`` looks at for ``has_links`` was written or removed since; False if it did not then."""
    if then.linked is None:
        return False
    linked, written = linked_now(connection, organization_id, resource, then)
    return bool(written) or linked != then.linked


def linked_now(
    connection: Connection, organization_id: str, resource: Resource, then: Seen | None
) -> tuple[int, int]:
    """Return the exclusive or of the hashes of all links and what they can link to; and how many were written since."""
    written: sql.Composable = sql.SQL("false") if then is None else is_written_since(then)
    hashed: list[tuple[str, sql.Composable]] = []
    for relation in resource.relations:
        ends = sql.SQL("{} || ' ' || {}").format(*map(sql.Identifier, (relation.own, relation.other)))
        hashed += [(relation.table, ends), *((other, sql.Identifier("id")) for other in relation.others)]
    rows = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "SELECT hashtextextended({}, {}) AS hash, {} AS is_written FROM {} t WHERE organization_id = {}"
        ).format(text, literal(seed), written, sql.Identifier(table), literal(organization_id))
        for seed, (table, text) in enumerate(hashed)
    )
    row = connection.execute(
        sql.SQL(
            "SELECT coalesce(bit_xor(hash), 0), count(*) FILTER (WHERE is_written) FROM ({}) AS links"
        ).format(rows)
    ).fetchone()
    assert row is not None
    return row[0], row[1]
