"""Pre-images: the row of each record before an import changed it, for undo and for the record's history.

They are written in the transaction of the change. A record that an import creates has no pre-image; its
``created_by`` names the import. Of links, the additions and removals are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch
from imports_pipeline.schemas.catalog import RESOURCES, Relation, Resource


def table(resource: Resource) -> sql.Identifier:
    """Return the table of a resource's pre-images: ``import_id``, ``operation``, ``changed_at``, then its columns."""
    return sql.Identifier(f"{resource.table}_history")


def keep_updated(
    connection: psycopg.Connection[Any], batch: Batch, changed: sql.Composable, parameters: dict[str, Any]
) -> None:
    """Store the pre-images of the records ``t`` that are about to be updated.

    Args:
        connection: the connection of the transaction that updates them.
        batch: the batch that updates them.
        changed: the rest of a FROM clause, and a WHERE clause, that select these records.
        parameters: the parameters of ``changed``, and ``author``.
    """
    resource = RESOURCES[batch.resource]
    statement = sql.SQL("INSERT INTO {} SELECT %(author)s, 'updated', now(), t.* FROM {} t, {}").format(
        table(resource), sql.Identifier(resource.table), changed
    )
    connection.execute(statement, parameters)


def delete_and_keep(
    connection: psycopg.Connection[Any],
    batch: Batch,
    operation: str,
    condition: sql.Composable,
    parameters: dict[str, Any],
) -> int:
    """Delete records with their links and store both; return the number of records.

    The links are deleted after the records, so that a link written in the meantime is deleted with its record.

    Args:
        connection: the connection of the transaction.
        batch: the batch that deletes.
        operation: what the pre-images say happened: ``deleted`` or ``overwritten``.
        condition: selects the records ``t``.
        parameters: the parameters of ``condition``, with ``organization`` and ``author``.
    """
    resource = RESOURCES[batch.resource]
    connection.execute('CREATE TEMP TABLE removed_records (id text COLLATE "C") ON COMMIT DROP')
    statement = sql.SQL(
        """
        WITH gone AS (DELETE FROM {records} t WHERE {condition} RETURNING t.*),
        kept AS (INSERT INTO {history} SELECT %(author)s, {operation}, now(), gone.* FROM gone)
        INSERT INTO removed_records SELECT id FROM gone
        """
    ).format(
        records=sql.Identifier(resource.table),
        history=table(resource),
        operation=literal(operation),
        condition=condition,
    )
    count = connection.execute(statement, parameters).rowcount
    if count:
        connection.execute("ANALYZE removed_records")
        unlink_removed(connection, resource, sql.Identifier("removed_records"), parameters)
    connection.execute("DROP TABLE removed_records")
    return count


def unlink_removed(
    connection: psycopg.Connection[Any],
    resource: Resource,
    removed: sql.Identifier,
    parameters: Mapping[str, Any],
) -> None:
    """Delete the links of removed records, and store them.

    Args:
        connection: the connection of the transaction that removes the records.
        resource: the resource of the records.
        removed: a table with their ids in its column ``id``.
        parameters: ``organization`` and ``author``.
    """
    for relation in resource.relations:
        _unlink_and_keep(connection, relation, removed, parameters)


def columns(connection: psycopg.Connection[Any], resource: Resource) -> list[str]:
    """Return the columns of a resource's table in their order, which is the same in all its tables."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        (resource.table,),
    )
    return [name for (name,) in rows]


def _unlink_and_keep(
    connection: psycopg.Connection[Any],
    relation: Relation,
    removed: sql.Identifier,
    parameters: Mapping[str, Any],
) -> None:
    connection.execute(
        sql.SQL(
            """
            WITH gone AS (
                DELETE FROM {links} m USING {removed} r
                WHERE m.organization_id = %(organization)s AND m.{own} = r.id RETURNING m.{own}, m.{other}
            )
            INSERT INTO links_history (import_id, organization_id, relation, own, other, added, changed_at)
            SELECT %(author)s, %(organization)s, {relation}, {own}, {other}, false, now() FROM gone
            """
        ).format(
            links=sql.Identifier(relation.table),
            removed=removed,
            relation=literal(relation.name),
            own=sql.Identifier(relation.own),
            other=sql.Identifier(relation.other),
        ),
        parameters,
    )


def keep_links(connection: psycopg.Connection[Any], batch: Batch, parameters: dict[str, Any]) -> None:
    """Store the links that the batch adds and removes, from its staging table."""
    connection.execute(
        sql.SQL(
            """
            INSERT INTO links_history (import_id, organization_id, relation, own, other, added, changed_at)
            SELECT %(author)s, %(organization)s, relation, id, target_id, added, now() FROM {}
            """
        ).format(Staging(batch.id).links),
        parameters,
    )


def prune(connection: psycopg.Connection[Any], days: int) -> int:
    """Delete pre-images and links older than ``days``; return the number of rows deleted."""
    count = 0
    for name in (*(f"{resource.table}_history" for resource in RESOURCES.values()), "links_history"):
        count += connection.execute(
            sql.SQL("DELETE FROM {} WHERE changed_at < now() - make_interval(days => %s)").format(
                sql.Identifier(name)
            ),
            (days,),
        ).rowcount
    return count
