"""The previous values of records in tables that large writes have replaced, for reverts and for the record's history.

A replaced table has all records of an organization as they were. Those that the import removed are listed in a table
beside the one that it made. It changed those that have, or had later, its id in ``updated_by``: in the table that it
made, or in a pre-image of a later change. A record that was changed since without the pipeline has no such version. It
counts as changed by the import too, so that a revert reports it and leaves it alone.

A revert may have gone back to a replaced table, and later imports may have changed records in it. Then the previous
value of a record is the first pre-image of that time, and the table if there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.range import Range

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.database.editions import Replaced, removed_table, replaced_tables
from imports_pipeline.database.literals import literal
from imports_pipeline.schemas.catalog import Resource

Connection = psycopg.Connection[Any]


def of_import(
    connection: Connection, resource: Resource, organization_id: str, import_id: str
) -> sql.Composable:
    """Return the SQL of a table with the pre-images of an import, and the columns of ``pre_images.table``.

    It contains all pre-images if the import has none in replaced tables, so the caller selects those of the import.
    """
    history = pre_images.table(resource)
    for one in replaced_tables(connection, organization_id, resource.name):
        if one.import_id == import_id:
            columns = pre_images.columns(connection, resource)
            return sql.SQL(_OF_IMPORT if one.current_again is None else _OF_IMPORT_RETURNED).format(
                history=history,
                replaced=sql.Identifier(one.schema, resource.table),
                next=sql.Identifier(one.next_schema, resource.table),
                removed=removed_table(one.next_schema),
                organization=literal(organization_id),
                import_id=literal(import_id),
                replaced_at=literal(one.replaced_at.isoformat()),
                current_again=literal(_multirange(one.current_again or ())),
                columns=sql.SQL(", ").join(sql.Identifier("v", name) for name in columns),
            )
    return history


def _multirange(times: Iterable[Range[datetime]]) -> str:
    """Return the text of a multirange of times. A range may have no end."""
    spelled = (f"[{one.lower},{'' if one.upper is None else one.upper})" for one in times)
    return f"{{{','.join(spelled)}}}"


def of_record(
    connection: Connection,
    resource: Resource,
    organization_id: str,
    record_id: str,
    kept: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return the pre-images of a record in replaced tables.

    Args:
        connection: a connection.
        resource: the resource of the record.
        organization_id: its organization.
        record_id: its id.
        kept: its other pre-images, oldest first. Like the result they have ``import_id``, ``operation``, ``changed_at``
            and ``before``, the record as an object.
    """
    tables = replaced_tables(connection, organization_id, resource.name)
    values = {"organization": organization_id, "id": record_id}

    def stored(schema: str) -> dict[str, Any] | None:
        row = connection.execute(
            sql.SQL(
                "SELECT to_jsonb(t) FROM {} t WHERE organization_id = %(organization)s AND id = %(id)s"
            ).format(sql.Identifier(schema, resource.table)),
            values,
        ).fetchone()
        return row[0] if row else None

    def removed(schema: str) -> str | None:
        row = connection.execute(
            sql.SQL("SELECT operation FROM {} WHERE id = %(id)s").format(removed_table(schema)), values
        ).fetchone()
        return row[0] if row else None

    found = []
    for one in tables:
        before = _at_replacement(one, kept) or stored(one.schema)
        if before is None:
            continue
        if one.reverts is not None:
            if before["updated_by"] != one.reverts:
                continue
            operation = "deleted" if before["created_by"] == one.reverts else "updated"
        elif (removal := removed(one.next_schema)) is not None:
            operation = removal
        elif one.current_again is not None:
            made = stored(one.next_schema)
            if made is None or made["updated_by"] != one.import_id:
                continue
            operation = "updated"
        else:
            later = [entry["before"] for entry in kept if entry["changed_at"] > one.replaced_at]
            versions = [version for version in (stored(one.next_schema), *later) if version is not None]
            if all(version["updated_by"] != one.import_id for version in versions) and any(
                _written(version) == _written(before) for version in versions
            ):
                continue
            operation = "updated"
        found.append(
            {
                "import_id": one.import_id,
                "operation": operation,
                "changed_at": one.replaced_at,
                "before": before,
            }
        )
    return found


def _written(version: dict[str, Any]) -> tuple[str, str | None]:
    return version["updated_at"], version["updated_by"]


def _at_replacement(one: Replaced, kept: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the record as it was when its table was replaced, if it was changed in the table since, or None."""
    again = one.current_again or ()
    changed = (entry["before"] for entry in kept if any(entry["changed_at"] in period for period in again))
    return next(changed, None)


_OF_IMPORT = """(
    SELECT v.* FROM {history} v WHERE v.import_id = {import_id}
    UNION ALL
    SELECT {import_id}::text, coalesce(d.operation, 'updated'), {replaced_at}::timestamptz, r.*
    FROM {replaced} r
    LEFT JOIN {next} n ON n.organization_id = r.organization_id AND n.id = r.id
    LEFT JOIN {removed} d ON d.id = r.id
    LEFT JOIN (
        SELECT DISTINCT v.id FROM {history} v
        WHERE v.organization_id = {organization} AND v.updated_by = {import_id}
    ) written ON written.id = r.id
    LEFT JOIN (
        SELECT DISTINCT v.id, v.updated_at, v.updated_by FROM {history} v
        WHERE v.organization_id = {organization} AND v.changed_at > {replaced_at}::timestamptz
    ) left_alone ON left_alone.id = r.id AND left_alone.updated_at = r.updated_at
        AND left_alone.updated_by IS NOT DISTINCT FROM r.updated_by
    WHERE r.organization_id = {organization}
      AND (d.id IS NOT NULL OR n.updated_by = {import_id} OR written.id IS NOT NULL
           OR left_alone.id IS NULL AND (n.id IS NULL OR n.updated_at <> r.updated_at
                                         OR n.updated_by IS DISTINCT FROM r.updated_by))
)"""

# The replaced table was the current one again, so a record may have changed in it since.
_OF_IMPORT_RETURNED = """(
    WITH later AS (
        SELECT DISTINCT ON (v.id) {columns} FROM {history} v
        WHERE v.organization_id = {organization} AND v.changed_at <@ {current_again}::tstzmultirange
        ORDER BY v.id, v.changed_at
    )
    SELECT v.* FROM {history} v WHERE v.import_id = {import_id}
    UNION ALL
    SELECT {import_id}::text, coalesce(d.operation, 'updated'), {replaced_at}::timestamptz, r.*
    FROM (
        SELECT * FROM later
        UNION ALL
        SELECT v.* FROM {replaced} v LEFT JOIN later USING (id)
        WHERE v.organization_id = {organization} AND later.id IS NULL
    ) r
    LEFT JOIN {next} n ON n.organization_id = r.organization_id AND n.id = r.id
    LEFT JOIN {removed} d ON d.id = r.id
    WHERE d.id IS NOT NULL OR n.updated_by = {import_id}
)"""
