"""Pre-images: what each record was before an import changed it, written in the transaction of the change.

A pre-image is the whole row as it was. A record that an import creates has none: ``created_by`` names the
import. Links are kept as what was added and removed.
"""

from __future__ import annotations

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
    """Keep the records ``t`` that ``changed`` (a FROM and WHERE clause) is about to update."""
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
    """Delete the records ``t`` of a condition, keep them and their links; give their count.

    The links go after the records, so that one written meanwhile goes with its record.
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
        for relation in resource.relations:
            _unlink_and_keep(connection, relation, parameters)
    connection.execute("DROP TABLE removed_records")
    return count


def _unlink_and_keep(
    connection: psycopg.Connection[Any], relation: Relation, parameters: dict[str, Any]
) -> None:
    connection.execute(
        sql.SQL(
            """
            WITH gone AS (
                DELETE FROM {links} m USING removed_records r
                WHERE m.organization_id = %(organization)s AND m.{own} = r.id RETURNING m.{own}, m.{other}
            )
            INSERT INTO links_history (import_id, organization_id, relation, own, other, added, changed_at)
            SELECT %(author)s, %(organization)s, {relation}, {own}, {other}, false, now() FROM gone
            """
        ).format(
            links=sql.Identifier(relation.table),
            relation=literal(relation.name),
            own=sql.Identifier(relation.own),
            other=sql.Identifier(relation.other),
        ),
        parameters,
    )


def keep_links(connection: psycopg.Connection[Any], batch: Batch, parameters: dict[str, Any]) -> None:
    """Keep the links that the batch adds and removes, from its staging table."""
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
    """Forget what was kept longer than ``days``; give the count of rows removed."""
    count = 0
    for name in (*(f"{resource.table}_history" for resource in RESOURCES.values()), "links_history"):
        count += connection.execute(
            sql.SQL("DELETE FROM {} WHERE changed_at < now() - make_interval(days => %s)").format(
                sql.Identifier(name)
            ),
            (days,),
        ).rowcount
    return count
