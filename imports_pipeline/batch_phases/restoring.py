"""Revert: undo what an import created, updated, deleted or overwrote, in the caller's transaction.

If the ``updated_by`` and ``updated_at`` of a record are still those of the import, nobody has changed it since. Then
it is restored exactly, with these two columns, so that several imports can be reverted one after the other. A record
that was changed since is left alone and reported as a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.large_writes import replaced_records
from imports_pipeline.batch_phases.new_values import changed
from imports_pipeline.batch_phases.planning.plan_files import who, write_plan_files
from imports_pipeline.batch_phases.reverted_groups import delete_groups, plan_groups, planned
from imports_pipeline.database.literals import literal
from imports_pipeline.model.files import Files
from imports_pipeline.schemas.catalog import Relation, Resource

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Undoing:
    """The import that is reverted (``import_id``) and the import that reverts it (``revert_id``).

    ``written_at`` is the time of the write of ``import_id``, as its records have it in ``updated_at``.
    """

    import_id: str
    revert_id: str
    organization_id: str
    resource: Resource
    written_at: datetime
    #: the import may have created groups beside its contacts
    with_groups: bool = False

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the statements below."""
        return {
            "import": self.import_id,
            "author": self.revert_id,
            "organization": self.organization_id,
            "written_at": self.written_at,
        }


def plan_revert(connection: Connection, undoing: Undoing) -> dict[str, int]:
    """Decide what the revert does to each record that the import changed, and write it to the temporary table ``undo``.

    Returns:
        The number of records by operation: ``created`` (the import deleted the record; it is inserted again),
        ``updated`` (restored), ``deleted`` (the import had created it), ``unchanged`` (already as it was before the
        import) and ``conflict``.
    """
    resource = undoing.resource
    names = {
        "records": sql.Identifier(resource.table),
        "kept": replaced_records.of_import(connection, resource, undoing.organization_id, undoing.import_id),
    }
    # The planner has no statistics yet of the rows that an import wrote minutes ago and expects one or two. It would
    # choose a nested loop that compares every row with every other. Without nested loops it reads the records once.
    connection.execute("SET LOCAL enable_nestloop = off")
    connection.execute("DROP TABLE IF EXISTS pg_temp.undo")
    connection.execute(
        'CREATE TEMP TABLE undo (id text COLLATE "C" PRIMARY KEY, operation text NOT NULL, reason text) ON COMMIT DROP'
    )
    for statement in (_CREATED, _UPDATED, _REMOVED):
        connection.execute(sql.SQL(statement).format(**names), undoing.parameters())
    for key in resource.unique:
        same = sql.SQL(" AND ").join(sql.SQL("o.{0} = h.{0}").format(sql.Identifier(name)) for name in key)
        connection.execute(
            sql.SQL(_TAKEN).format(same=same, key=literal("+".join(key)), **names), undoing.parameters()
        )
    connection.execute("ANALYZE undo")
    counts = dict.fromkeys(("created", "updated", "deleted", "unchanged", "conflict"), 0)
    counts.update(connection.execute("SELECT operation, count(*) FROM undo GROUP BY operation").fetchall())
    if undoing.with_groups:
        counts |= plan_groups(connection, undoing.parameters())
    return counts


def write_revert_plan(connection: Connection, undoing: Undoing, files: Files) -> None:
    """Write the plan files of the revert.

    ``changes`` of a line are the values that are restored, the whole record if it is deleted or inserted again, or the
    reason of a conflict.
    """
    compared = [
        (name, sql.Identifier("t", name), sql.Identifier("h", name))
        for name in pre_images.columns(connection, undoing.resource)
        if name not in ("organization_id", "id")
    ]
    query = sql.SQL(
        """
        SELECT * FROM (
        SELECT row_number() OVER (ORDER BY u.operation, u.id), NULL::bigint, u.id, u.operation, {who},
               CASE u.operation
                    WHEN 'conflict' THEN json_build_object('reason', u.reason)::text
                    WHEN 'deleted' THEN (to_jsonb(t) - 'organization_id')::text
                    WHEN 'created' THEN
                        (to_jsonb(h) - '{{organization_id,import_id,operation,changed_at}}'::text[])::text
                    WHEN 'updated' THEN {changes} END AS changes
        FROM undo u
        LEFT JOIN {kept} h ON h.import_id = %(import)s AND h.organization_id = %(organization)s AND h.id = u.id
        LEFT JOIN {records} t ON t.organization_id = %(organization)s AND t.id = u.id)
        AS p (number, line, id, operation, name, email, external_id, changes)
        """
    ).format(
        # The stored record's name, or, for a record that is inserted again, the name in its pre-image.
        who=who(undoing.resource, "t", "h"),
        records=sql.Identifier(undoing.resource.table),
        kept=replaced_records.of_import(
            connection, undoing.resource, undoing.organization_id, undoing.import_id
        ),
        changes=changed(compared),
    )
    if undoing.with_groups:
        query = sql.SQL("{} UNION ALL {}").format(query, planned())
    write_plan_files(connection, query, undoing.parameters(), files)


def revert(connection: Connection, undoing: Undoing) -> None:
    """Carry out what ``plan_revert`` decided; pre-images of the revert's own changes are stored as for any import."""
    resource = undoing.resource
    names = {
        "records": sql.Identifier(resource.table),
        "history": pre_images.table(resource),
        "kept": replaced_records.of_import(connection, resource, undoing.organization_id, undoing.import_id),
        "columns": sql.SQL(", ").join(map(sql.Identifier, pre_images.columns(connection, resource))),
        "restored": sql.SQL(", ").join(
            sql.SQL("{0} = h.{0}").format(sql.Identifier(name))
            for name in pre_images.columns(connection, resource)
        ),
    }
    # Records that the import created are deleted first: a restored record may need the unique value of one of them.
    for statement in (_DELETE_CREATED, _KEEP_RESTORED, _RESTORE, _BRING_BACK):
        connection.execute(sql.SQL(statement).format(**names), undoing.parameters())
    for relation in resource.relations:
        for statement in (_UNLINK_DELETED, _UNLINK):
            connection.execute(_on_links(statement, relation), undoing.parameters())
        for others in relation.others:
            connection.execute(_on_links(_LINK, relation, others), undoing.parameters())
    if undoing.with_groups:
        delete_groups(connection, undoing.parameters())


def _on_links(statement: str, relation: Relation, others: str = "") -> sql.Composed:
    return sql.SQL(statement).format(
        links=sql.Identifier(relation.table),
        relation=literal(relation.name),
        own=sql.Identifier(relation.own),
        other=sql.Identifier(relation.other),
        others=sql.Identifier(others),
    )


_CHANGED_SINCE = "'changed since by ' || coalesce(t.updated_by, 'somebody')"

_CREATED = f"""
    INSERT INTO undo
    SELECT t.id,
           CASE WHEN t.updated_by = %(import)s AND t.updated_at = %(written_at)s THEN 'deleted' ELSE 'conflict' END,
           {_CHANGED_SINCE}
    FROM {{records}} t WHERE t.organization_id = %(organization)s AND t.created_by = %(import)s
"""

_UPDATED = f"""
    INSERT INTO undo
    SELECT h.id,
           CASE WHEN t.id IS NULL THEN 'conflict'
                WHEN t.updated_by = %(import)s AND t.updated_at = %(written_at)s THEN 'updated'
                WHEN t.updated_at = h.updated_at AND t.updated_by IS NOT DISTINCT FROM h.updated_by THEN 'unchanged'
                ELSE 'conflict' END,
           CASE WHEN t.id IS NULL THEN 'deleted since' ELSE {_CHANGED_SINCE} END
    FROM {{kept}} h LEFT JOIN {{records}} t ON t.organization_id = h.organization_id AND t.id = h.id
    WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s AND h.operation = 'updated'
"""

_REMOVED = f"""
    INSERT INTO undo
    SELECT h.id,
           CASE WHEN t.id IS NULL THEN 'created'
                WHEN t.updated_at = h.updated_at AND t.updated_by IS NOT DISTINCT FROM h.updated_by THEN 'unchanged'
                ELSE 'conflict' END,
           {_CHANGED_SINCE}
    FROM {{kept}} h LEFT JOIN {{records}} t ON t.organization_id = h.organization_id AND t.id = h.id
    WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s
      AND h.operation IN ('deleted', 'overwritten')
"""

# A unique value of a restored record may belong to another record by now. It is a conflict, unless the revert deletes
# that record.
_TAKEN = """
    UPDATE undo u SET operation = 'conflict', reason = o.id || ' has its ' || {key} || ' now'
    FROM {kept} h JOIN {records} o ON o.organization_id = h.organization_id AND o.id <> h.id AND {same}
    WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s AND h.id = u.id
      AND u.operation IN ('created', 'updated')
      AND NOT EXISTS (SELECT FROM undo x WHERE x.id = o.id AND x.operation = 'deleted')
"""

_DELETE_CREATED = """
    WITH gone AS (
        DELETE FROM {records} t USING undo u
        WHERE t.organization_id = %(organization)s AND t.id = u.id AND u.operation = 'deleted' RETURNING t.*
    )
    INSERT INTO {history} SELECT %(author)s, 'deleted', now(), gone.* FROM gone
"""

_KEEP_RESTORED = """
    INSERT INTO {history} SELECT %(author)s, 'updated', now(), t.*
    FROM {records} t JOIN undo u ON u.id = t.id AND u.operation = 'updated'
    WHERE t.organization_id = %(organization)s
"""

_RESTORE = """
    UPDATE {records} t SET {restored} FROM {kept} h JOIN undo u ON u.id = h.id AND u.operation = 'updated'
    WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s
      AND t.organization_id = h.organization_id AND t.id = h.id
"""

_BRING_BACK = """
    INSERT INTO {records} ({columns})
    SELECT {columns} FROM (
        SELECT h.* FROM {kept} h JOIN undo u ON u.id = h.id AND u.operation = 'created'
        WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s
    ) AS kept
"""

_UNLINK_DELETED = """
    WITH gone AS (
        DELETE FROM {links} m USING undo u
        WHERE m.organization_id = %(organization)s AND m.{own} = u.id AND u.operation = 'deleted'
        RETURNING m.{own}, m.{other}
    )
    INSERT INTO links_history (import_id, organization_id, relation, own, other, added, changed_at)
    SELECT %(author)s, %(organization)s, {relation}, {own}, {other}, false, now() FROM gone
"""

_UNLINK = """
    WITH gone AS (
        DELETE FROM {links} m USING links_history h JOIN undo u ON u.id = h.own AND u.operation = 'updated'
        WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s AND h.relation = {relation}
          AND h.added AND m.organization_id = h.organization_id AND m.{own} = h.own AND m.{other} = h.other
        RETURNING m.{own}, m.{other}
    )
    INSERT INTO links_history (import_id, organization_id, relation, own, other, added, changed_at)
    SELECT %(author)s, %(organization)s, {relation}, {own}, {other}, false, now() FROM gone
"""

_LINK = """
    WITH back AS (
        SELECT h.own, o.id AS other FROM links_history h
        JOIN undo u ON u.id = h.own AND u.operation IN ('created', 'updated')
        JOIN {others} o ON o.organization_id = h.organization_id AND o.id = h.other
        WHERE h.import_id = %(import)s AND h.organization_id = %(organization)s AND h.relation = {relation}
          AND NOT h.added
        FOR KEY SHARE OF o
    ),
    linked AS (
        INSERT INTO {links} (organization_id, {own}, {other}) SELECT %(organization)s, own, other FROM back
        ON CONFLICT DO NOTHING RETURNING {own}, {other}
    )
    INSERT INTO links_history (import_id, organization_id, relation, own, other, added, changed_at)
    SELECT %(author)s, %(organization)s, {relation}, {own}, {other}, true, now() FROM linked
"""
