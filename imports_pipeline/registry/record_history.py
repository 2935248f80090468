"""The history of one record: which imports changed it, when, and what they changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from imports_pipeline.batch_phases.large_writes import replaced_records
from imports_pipeline.schemas.catalog import Resource

# Columns that every write changes; they say who wrote the record and when.
_BOOKKEEPING = frozenset({"organization_id", "id", "created_at", "created_by", "updated_at", "updated_by"})


def history_of(
    connection: psycopg.Connection[Any], resource: Resource, organization_id: str, record_id: str
) -> list[dict[str, Any]]:
    """Return the entries of a record's history, oldest first. The list is empty if the record is unknown.

    Each entry has ``import_id``, ``operation``, ``at`` (epoch seconds) and ``changes``: ``{field: {"old", "new"}}``,
    or for a list of links the ids that were ``added`` and ``removed``.
    """
    values = {"organization": organization_id, "id": record_id}
    cursor = connection.cursor(row_factory=dict_row)
    kept = cursor.execute(
        sql.SQL(
            "SELECT h.import_id, h.operation, h.changed_at, to_jsonb(h) - '{{import_id,operation,changed_at}}'::text[]"
            " AS before FROM {} h WHERE h.organization_id = %(organization)s AND h.id = %(id)s ORDER BY h.changed_at"
        ).format(sql.Identifier(f"{resource.table}_history")),
        values,
    ).fetchall()
    replaced = replaced_records.of_record(connection, resource, organization_id, record_id, kept)
    # Sorting is stable: an import has one pre-image of a record, in one of both places.
    pre_images = sorted([*kept, *replaced], key=lambda entry: entry["changed_at"])
    current = cursor.execute(
        sql.SQL(
            "SELECT to_jsonb(t) AS now FROM {} t WHERE organization_id = %(organization)s AND id = %(id)s"
        ).format(sql.Identifier(resource.table)),
        values,
    ).fetchone()
    links = cursor.execute(
        """
        SELECT import_id, changed_at, relation, array_agg(other ORDER BY other) FILTER (WHERE added) AS added,
               array_agg(other ORDER BY other) FILTER (WHERE NOT added) AS removed
        FROM links_history WHERE organization_id = %(organization)s AND own = %(id)s
        GROUP BY import_id, changed_at, relation
        """,
        values,
    ).fetchall()
    # A revert that restores a deleted record writes no pre-image of it. The revert to show is the first one of that
    # import that created records.
    reverts = cursor.execute(
        """
        SELECT DISTINCT ON (reverts) reverts, id, written_at FROM imports
        WHERE organization_id = %(organization)s AND reverts = ANY(%(imports)s) AND written_at IS NOT NULL
          AND (plan ->> 'created')::bigint > 0
        ORDER BY reverts, written_at
        """,
        {
            **values,
            "imports": [entry["import_id"] for entry in pre_images if entry["operation"] != "updated"],
        },
    ).fetchall()
    back = {one["reverts"]: one for one in reverts}
    states: list[Mapping[str, Any] | None] = [entry["before"] for entry in pre_images]
    states.append(current["now"] if current else None)
    entries = [_created(states[0])] if states[0] is not None else []
    for entry, after in zip(pre_images, states[1:], strict=True):
        entries.append(_changed(entry, after))
        if entry["operation"] != "updated" and after is not None:
            entries.append(_brought_back(entry, back.get(entry["import_id"])))
    for link in links:
        _add_link(entries, link)
    return entries


def _created(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "import_id": state["created_by"],
        "operation": "created",
        "at": _epoch(state["created_at"]),
        "changes": {},
    }


def _changed(entry: Mapping[str, Any], after: Mapping[str, Any] | None) -> dict[str, Any]:
    before = entry["before"]
    common = {
        "import_id": entry["import_id"],
        "operation": entry["operation"],
        "at": int(entry["changed_at"].timestamp()),
    }
    if entry["operation"] != "updated":
        gone = {
            name: {"old": value, "new": None} for name, value in before.items() if name not in _BOOKKEEPING
        }
        changes = {name: change for name, change in gone.items() if change["old"] not in (None, {})}
        return {**common, "changes": changes}
    after = after or {}
    changes = {
        name: {"old": value, "new": after.get(name)}
        for name, value in before.items()
        if name not in _BOOKKEEPING and value != after.get(name)
    }
    return {**common, "changes": changes}


def _brought_back(entry: Mapping[str, Any], revert: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the entry of a record that was restored. Only a revert restores a record under its id, unchanged."""
    at = revert["written_at"] if revert else entry["changed_at"]
    return {
        "import_id": revert["id"] if revert else None,
        "operation": "brought back",
        "at": int(at.timestamp()),
        "changes": {},
    }


def _add_link(entries: list[dict[str, Any]], link: Mapping[str, Any]) -> None:
    change = {"added": link["added"] or [], "removed": link["removed"] or []}
    for entry in entries:
        if entry["import_id"] == link["import_id"]:
            entry["changes"][link["relation"]] = change
            return


def _epoch(text: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(text).timestamp())
