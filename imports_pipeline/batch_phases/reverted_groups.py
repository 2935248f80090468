"""Takes back the groups that an import of contacts created, when the import is taken back.

A group goes if it is as the import left it and if the only contacts in it are those that the revert takes out of it.
Any other group is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]


def plan_groups(connection: Connection, parameters: Mapping[str, Any]) -> dict[str, int]:
    """Fill the temporary table ``undo_groups`` and return how many ``groups_deleted`` and ``groups_left`` there are.

    Comes after ``plan_revert``, whose table ``undo`` says what becomes of the contacts.
    """
    connection.execute("DROP TABLE IF EXISTS pg_temp.undo_groups")
    connection.execute(
        'CREATE TEMP TABLE undo_groups (id text COLLATE "C" PRIMARY KEY, operation text NOT NULL, reason text)'
        " ON COMMIT DROP"
    )
    connection.execute(_PLANNED, parameters)
    counts = {"groups_deleted": 0, "groups_left": 0}
    counts.update(
        connection.execute("SELECT operation, count(*) FROM undo_groups GROUP BY operation").fetchall()
    )
    return counts


def planned() -> sql.SQL:
    """Query the lines of the plan file, behind those of the contacts."""
    return sql.SQL(
        """
        SELECT 2305843009213693952 + row_number() OVER (ORDER BY u.operation, g.name), NULL::bigint, u.id,
               u.operation, g.name, NULL::text, g.external_id,
               CASE u.operation WHEN 'groups_left' THEN json_build_object('reason', u.reason)::text
                    ELSE (to_jsonb(g) - 'organization_id')::text END
        FROM undo_groups u JOIN groups g ON g.organization_id = %(organization)s AND g.id = u.id
        """
    )


def delete_groups(connection: Connection, parameters: Mapping[str, Any]) -> None:
    """Delete the groups that are planned to go, once their contacts are out of them; keep what they were."""
    connection.execute(_DELETE, parameters)


_PLANNED = """
    WITH made AS (
        SELECT * FROM groups WHERE organization_id = %(organization)s AND created_by = %(import)s
    ), used AS (
        SELECT m.group_id, count(DISTINCT m.member_id) AS members
        FROM made JOIN memberships m ON m.organization_id = %(organization)s AND m.group_id = made.id
        LEFT JOIN undo u ON u.id = m.member_id
        LEFT JOIN links_history h ON h.import_id = %(import)s AND h.organization_id = %(organization)s
             AND h.relation = 'groups' AND h.added AND h.own = m.member_id AND h.other = m.group_id
        WHERE u.operation IS NULL
           OR u.operation <> 'deleted' AND NOT (u.operation = 'updated' AND h.own IS NOT NULL)
        GROUP BY m.group_id
    )
    INSERT INTO undo_groups
    SELECT id, CASE WHEN reason IS NULL THEN 'groups_deleted' ELSE 'groups_left' END, reason
    FROM (
        SELECT made.id,
               CASE WHEN made.updated_by IS DISTINCT FROM %(import)s OR made.updated_at <> %(written_at)s
                    THEN 'changed since by ' || coalesce(made.updated_by, 'somebody')
                    WHEN used.members = 1 THEN '1 contact stays in it'
                    WHEN used.members > 1 THEN used.members || ' contacts stay in it' END AS reason
        FROM made LEFT JOIN used ON used.group_id = made.id
    ) AS judged
"""

_DELETE = """
    WITH gone AS (
        DELETE FROM groups t USING undo_groups u
        WHERE t.organization_id = %(organization)s AND t.id = u.id AND u.operation = 'groups_deleted'
          AND NOT EXISTS (SELECT FROM memberships m WHERE m.organization_id = t.organization_id AND m.group_id = t.id)
        RETURNING t.*
    )
    INSERT INTO groups_history SELECT %(author)s, 'deleted', now(), gone.* FROM gone
"""
