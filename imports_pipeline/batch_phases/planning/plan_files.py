"""The files that show a plan row by row: ``plan.csv``, ``plan.json``, ``removals.json``; and ``result.json``.

A dry run, and an import that a guard refuses, have plan files. They list first the records that would be removed, by
name, then those that would be created and updated, by line. Unchanged records are left out. Each entry has the name,
email and external id of its record. ``changes`` has the old and new value of each changed field, and the records added
to and removed from each list; for a removed record it has the whole record.

PostgreSQL writes the lines, and they are copied to the file in blocks without a Python object for each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases import new_groups
from imports_pipeline.batch_phases.planning.changed_items import find_updates
from imports_pipeline.batch_phases.planning.plan_checksum import plan_checksum
from imports_pipeline.batch_phases.planning.scope import is_removed
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.copy import Lines, copy_lines
from imports_pipeline.database.editions import reading_records
from imports_pipeline.database.literals import literal
from imports_pipeline.model.files import PLAN_CSV, PLAN_JSON, REMOVALS, RESULT_JSON, Files
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES, Resource

# The columns that show whose record an entry is about; a group has no email.
_WHO: Final = ("name", "email", "external_id")
# The number of records in removals.json.
_REMOVALS_SHOWN: Final = 20


def write_plan(
    connection: psycopg.Connection[Any],
    batch: Batch,
    plan: Mapping[str, int],
    files: Files,
    fields: Sequence[str],
) -> None:
    """Write the plan files of a batch.

    Args:
        connection: the connection of the batch.
        batch: the batch, whose ``find_updates`` ran with ``with_changes``.
        plan: the counts of the plan.
        files: the files of the import.
        fields: the fields of the items, in the order of their staging columns.
    """
    write_plan_files(
        connection,
        _plan(batch, fields, removes=plan["overwritten"] > 0),
        {"organization": batch.organization_id},
        files,
    )


def write_refused_plan(
    connection: psycopg.Connection[Any], batch: Batch, files: Files, fields: Sequence[str]
) -> str | None:
    """Write the plan files of a batch that was refused, from the staging tables that validation filled.

    Returns:
        The checksum of the plan. ``None`` if nothing was written because the staging tables no longer hold the rows
        that were planned: a crash of the database empties them.
    """
    if batch.plan is None or batch.staged != Staging(batch.id).count(connection):
        return None
    with reading_records(connection, batch.organization_id):
        any_known = Staging(batch.id).count_items(connection).known > 0
        find_updates(connection, batch, fields, with_changes=True, any_known=any_known)
        write_plan(connection, batch, batch.plan, files, fields)
        return plan_checksum(connection, batch, batch.plan, fields)


def write_removals(
    connection: psycopg.Connection[Any], batch: Batch, plan: Mapping[str, int], files: Files
) -> None:
    """Write ``removals.json``, the first records by name that the overwrite removes; no file if it removes none."""
    if not plan["overwritten"]:
        files.delete(REMOVALS)
        return
    resource = RESOURCES[batch.resource]
    query = sql.SQL(
        "SELECT row_number() OVER (ORDER BY name, id) AS number, row_to_json(r)::text AS json FROM"
        " (SELECT t.id, {who} FROM {table} t WHERE {removed} ORDER BY t.name, t.id LIMIT {limit})"
        " AS r (id, name, email, external_id)"
    ).format(
        who=who(resource, "t"),
        table=sql.Identifier(resource.table),
        removed=is_removed(batch),
        limit=literal(_REMOVALS_SHOWN),
    )
    with files.open_write(REMOVALS) as file:
        copy_lines(
            connection, query, {"organization": batch.organization_id}, Lines("json", file, as_json=True)
        )


def write_plan_files(
    connection: psycopg.Connection[Any], query: sql.Composed, parameters: Mapping[str, Any], files: Files
) -> None:
    """Write the rows of ``query`` to ``plan.csv`` and ``plan.json``, in order of their number.

    Args:
        connection: the connection of the batch.
        query: selects number, line, id, operation, name, email, external_id, and the changes as JSON text.
        parameters: the parameters of ``query``.
        files: the files of the import.
    """
    members = sql.SQL(", ").join(map(sql.Identifier, _WHO))
    cells = sql.SQL(" || ").join(sql.SQL(_CELL).format(sql.Identifier(name)) for name in _WHO)
    with files.open_write(PLAN_CSV) as table, files.open_write(PLAN_JSON) as array:
        table.write(b"line,id,operation,name,email,external_id,changes\n")
        copy_lines(
            connection,
            sql.SQL(_LINES).format(query, cells=cells, members=members),
            parameters,
            Lines("csv", table),
            Lines("json", array, as_json=True),
        )


# A text as a quoted CSV cell and its comma. A text that a spreadsheet would execute gets an apostrophe, as in errors
# files (import_phases/files/formulas.py).
_CELL: Final = r"""
    coalesce('"' || CASE WHEN {0} ~ '^''*[=@+\t\r-]' AND {0} !~ '^[+-][0-9][0-9 ().,/-]*$' THEN '''' ELSE '' END
             || replace({0}, '"', '""') || '"', '') || ','
"""

_LINES: Final = """
    SELECT number,
           coalesce(line::text, '') || ',' || id || ',' || operation || ',' || {cells}
           || coalesce('"' || replace(changes, '"', '""') || '"', '') AS csv,
           (SELECT row_to_json(r)::text
            FROM (SELECT line, id, operation, {members}, changes::json AS changes) AS r) AS json
    FROM ({}) AS planned
"""


def write_result(connection: psycopg.Connection[Any], batch: Batch, files: Files) -> None:
    """Write ``result.json``: for each line the id of its record and what the batch does to it."""
    query = sql.SQL(
        "SELECT line AS number, row_to_json(r)::text AS json"
        " FROM (SELECT line, id, operation AS result FROM ({}) AS o) AS r"
    ).format(_operations(batch))
    with files.open_write(RESULT_JSON) as file:
        copy_lines(connection, query, {}, Lines("json", file, as_json=True))


def _operations(batch: Batch) -> sql.Composed:
    """Return the query of line, id, operation and changes of the staged items; only a dry run has changes."""
    staging = Staging(batch.id)
    if batch.action is Action.DELETE:
        return sql.SQL("SELECT line, id, 'deleted' AS operation, NULL AS changes FROM {}").format(
            staging.items
        )
    return sql.SQL(
        "SELECT i.line, i.id, CASE WHEN i.is_new THEN 'created' WHEN u.line IS NOT NULL THEN 'updated'"
        " ELSE 'unchanged' END AS operation, u.changes FROM {} i LEFT JOIN {} u ON u.line = i.line"
    ).format(staging.items, staging.updates)


# Removals are numbered upwards from the first of these, so that they come before every line, and groups that are
# created from the second, behind the removals. The number of an update is its line plus the third, so that it comes
# after every new record.
_REMOVED_FROM: Final = -(2**61)
_GROUPS_FROM: Final = -(2**60)
_UPDATED_FROM: Final = 2**61


def who(resource: Resource, *records: str) -> sql.Composed:
    """Return the columns name, email and external_id of a stored record.

    Args:
        resource: the resource of the record.
        records: aliases of tables in the query; the first whose column is not null is used.
    """
    return sql.SQL(", ").join(
        sql.SQL("coalesce({})").format(sql.SQL(", ").join(sql.Identifier(record, name) for record in records))
        if resource.find(name)
        else sql.SQL("NULL::text")
        for name in _WHO
    )


def _plan(batch: Batch, fields: Sequence[str], *, removes: bool) -> sql.Composed:
    """Return the query of the plan's entries, with the columns that ``write_plan_files`` needs."""
    resource, staging = RESOURCES[batch.resource], Staging(batch.id)
    table = sql.Identifier(resource.table)
    if batch.action is Action.DELETE:
        planned = sql.SQL(
            """
            SELECT i.line, i.line, i.id, 'deleted', {who}, (to_jsonb(t) - 'organization_id')::text
            FROM {items} i JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
            """
        ).format(items=staging.items, table=table, who=who(resource, "t"))
        return _named(planned)
    given = sql.SQL(", ").join(
        sql.Identifier("i", f"f{list(fields).index(name)}") if name in fields else sql.SQL("NULL::text")
        for name in _WHO
    )
    planned = sql.SQL(
        """
        SELECT i.line, i.line, i.id, 'created', {given}, NULL::text FROM {items} i WHERE i.is_new
        UNION ALL
        SELECT {after} + u.line, u.line, u.id, 'updated', {who}, u.changes
        FROM {updates} u JOIN {table} t ON t.organization_id = %(organization)s AND t.id = u.id
        """
    ).format(
        given=given,
        items=staging.items,
        after=literal(_UPDATED_FROM),
        who=who(resource, "t"),
        updates=staging.updates,
        table=table,
    )
    if creates_groups(batch):
        number = sql.SQL("{} + place").format(literal(_GROUPS_FROM))
        planned = sql.SQL("{} UNION ALL {}").format(planned, new_groups.planned(batch, number))
    if not removes:
        return _named(planned)
    removed = sql.SQL(
        "SELECT {first} + row_number() OVER (ORDER BY t.name, t.id), NULL::bigint, t.id, 'overwritten', {who},"
        " (to_jsonb(t) - 'organization_id')::text FROM {table} t WHERE {removed}"
    ).format(first=literal(_REMOVED_FROM), who=who(resource, "t"), table=table, removed=is_removed(batch))
    return _named(sql.SQL("{} UNION ALL {}").format(planned, removed))


def _named(planned: sql.Composed) -> sql.Composed:
    return sql.SQL(
        "SELECT * FROM ({}) AS p (number, line, id, operation, name, email, external_id, changes)"
    ).format(planned)
