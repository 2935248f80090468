"""The order in which the imports of one organization and resource are written: the order of their acceptance.

An import is accepted when it becomes ``queued``: its file has been checked and it only waits to be written. In that
transaction it gets the next number of its organization and resource. The counter's row stays locked until the
transaction ends, so numbers become visible in their order, and the order does not depend on any host's clock. Dry runs
write nothing and get no number.
"""

from __future__ import annotations

from typing import Any

import psycopg

from imports_pipeline.model.imports import Import

Connection = psycopg.Connection[Any]


def accept(connection: Connection, import_id: str) -> None:
    """Assign the next number of its organization and resource to the import, in the caller's transaction."""
    connection.execute(
        """
        WITH next AS (
            INSERT INTO acceptances (organization_id, resource, last)
            SELECT organization_id, resource, 1 FROM imports
            WHERE id = %(id)s AND accepted IS NULL AND NOT coalesce((options ->> 'dry_run')::boolean, false)
            ON CONFLICT (organization_id, resource) DO UPDATE SET last = acceptances.last + 1
            RETURNING last
        )
        UPDATE imports SET accepted = next.last FROM next WHERE id = %(id)s
        """,
        {"id": import_id},
    )


def unfinished_before(connection: Connection, import_: Import) -> list[str]:
    """Return the ids of accepted imports that must be written before this one, in their order.

    For an import that is not accepted yet these are all accepted imports. For a dry run the list is empty.
    """
    if import_.options.dry_run:
        return []
    rows = connection.execute(
        "SELECT i.id FROM imports i, imports this WHERE this.id = %s AND i.organization_id = this.organization_id"
        " AND i.resource = this.resource AND i.status IN ('queued', 'processing') AND i.id <> this.id"
        " AND i.accepted < coalesce(this.accepted, 9223372036854775807) ORDER BY i.accepted",
        (import_.id,),
    )
    return [import_id for (import_id,) in rows]


def written_after(connection: Connection, import_: Import) -> str | None:
    """Return the id of the first import that was accepted after this one and has been written, or None."""
    row = connection.execute(
        "SELECT i.id FROM imports i, imports this WHERE this.id = %s AND i.organization_id = this.organization_id"
        " AND i.resource = this.resource AND i.written_at IS NOT NULL AND i.accepted > this.accepted"
        " ORDER BY i.accepted LIMIT 1",
        (import_.id,),
    ).fetchone()
    return None if row is None else str(row[0])
