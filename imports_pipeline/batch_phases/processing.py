"""Processing: writes or deletes all staged items in the caller's transaction, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases import new_groups, pre_images
from imports_pipeline.batch_phases.large_writes.edition_write import EditionWrite
from imports_pipeline.batch_phases.link_changes import apply_links
from imports_pipeline.batch_phases.new_values import Assignment, assignments
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.editions import Edition
from imports_pipeline.database.literals import literal
from imports_pipeline.model import progress
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.phases import Phase, PhaseResult
from imports_pipeline.schemas.catalog import RESOURCES, Resource


def process(
    batch: Batch,
    connection: psycopg.Connection[Any],
    fields: Sequence[str],
    edition: Edition | None = None,
) -> PhaseResult:
    """Carry the plan out; ``facts`` counts what was ``created``, ``updated``, ``unchanged`` and ``deleted``.

    With an empty ``edition`` the records are written to it, if that is possible now. Those that ``clean_up`` would
    remove are left out then, and ``facts`` counts them as ``overwritten``.

    This must run in a transaction that holds the write lock, on the staging tables that ``validation`` filled, while
    the plan is still true and the tables still have the counts ``batch.staged``. If the plan counts no updates, no
    updates are looked for.
    """
    plan = batch.plan or {}
    resource = RESOURCES[batch.resource]
    staging = Staging(batch.id)
    total = (batch.staged or {})["items"]
    counts = dict.fromkeys(("created", "updated", "unchanged", "deleted"), 0)
    write = None if edition is None else EditionWrite(connection, batch, edition)
    if write is not None and not write.begin():
        write = None
    if batch.action is Action.DELETE:
        progress.step(f"deleting {total:,} {resource.table}")
    if batch.action is Action.DELETE and write is not None:
        counts["deleted"] = write.copy((), has_updates=False, all_items=False)
        write.complete(0, 0)
    elif batch.action is Action.DELETE:
        named = sql.SQL("t.organization_id = %(organization)s AND t.id IN (SELECT id FROM {})").format(
            staging.items
        )
        counts["deleted"] = pre_images.delete_and_keep(
            connection, batch, "deleted", named, _parameters(batch)
        )
    else:
        assigned = assignments(resource, fields, batch.options.blank_cells)
        updated = plan.get("updated", 0)
        all_items = updated == total - plan.get("created", 0)
        if updated or write is not None:
            progress.step(f"updating {updated:,} {resource.table}")
        if write is not None:
            counts["updated"] = updated
            removed = write.copy(assigned, has_updates=updated > 0, all_items=all_items)
            if batch.action is Action.OVERWRITE:
                counts["overwritten"] = removed
        elif updated:
            counts["updated"] = _update(batch, connection, resource, assigned, all_items=all_items)
        if plan.get("created"):
            progress.step(f"creating {plan['created']:,} {resource.table}")
            if counts["updated"]:
                progress.count(counts["updated"])
            counts["created"] = _create(batch, connection, resource, assigned)
        if write is not None:
            write.complete(counts["updated"], counts["created"])
        counts["unchanged"] = total + batch.remembered - counts["updated"] - counts["created"]
        if counts["updated"] or counts["created"]:
            progress.step("writing memberships")
            progress.count(counts["updated"] + counts["created"])
            if creates_groups(batch):
                new_groups.create(connection, batch, _parameters(batch))
            apply_links(connection, batch)
            pre_images.keep_links(connection, batch, _parameters(batch))
    return PhaseResult(Phase.PROCESSING, total + batch.remembered, 0, counts)


def _create(
    batch: Batch, connection: psycopg.Connection[Any], resource: Resource, assigned: Sequence[Assignment]
) -> int:
    columns = [a.column for a in assigned]
    values: list[sql.Composable] = [a.created for a in assigned]
    if resource.name == "group" and batch.options.location_id is not None:
        # A new group belongs to the import's location, unless its row names another.
        place = columns.index("location_id") if "location_id" in columns else len(columns)
        given = values[place] if place < len(values) else sql.SQL("NULL")
        belongs = sql.SQL("CASE WHEN {} = 'contact' THEN coalesce({}, {}) END").format(
            values[columns.index("resource")], given, literal(batch.options.location_id)
        )
        columns[place:], values[place:] = (
            ["location_id", *columns[place + 1 :]],
            [belongs, *values[place + 1 :]],
        )
    statement = sql.SQL(
        """
        INSERT INTO {table} (organization_id, id, created_by, updated_by {columns})
        SELECT %(organization)s, i.id, %(author)s, %(author)s {values} FROM {items} i WHERE i.is_new
        """
    ).format(
        table=sql.Identifier(resource.table),
        items=Staging(batch.id).items,
        columns=sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(c)) for c in columns),
        values=sql.SQL("").join(sql.SQL(", {}").format(value) for value in values),
    )
    return connection.execute(statement, _parameters(batch)).rowcount


def _update(
    batch: Batch,
    connection: psycopg.Connection[Any],
    resource: Resource,
    assigned: Sequence[Assignment],
    *,
    all_items: bool,
) -> int:
    """Update the records that change; ``all_items`` is True if every item that is not new changes its record."""
    staging = Staging(batch.id)
    written = sql.SQL("").join(
        sql.SQL("{} = {}, ").format(sql.Identifier(a.column), a.updated) for a in assigned
    )
    condition = sql.SQL("WHERE t.organization_id = %(organization)s AND t.id = i.id")
    kept = changed = sql.SQL("{} i {}").format(staging.items, condition)
    if not all_items:
        # The pre-images need the ids of the changed records only. The update joins the items for their values.
        kept = sql.SQL("{} i {}").format(staging.updates, condition)
        changed = sql.SQL("{} i JOIN {} u USING (line) {}").format(staging.items, staging.updates, condition)
    pre_images.keep_updated(connection, batch, kept, _parameters(batch))
    statement = sql.SQL(
        "UPDATE {table} t SET {written} updated_at = now(), updated_by = %(author)s FROM {changed}"
    ).format(table=sql.Identifier(resource.table), written=written, changed=changed)
    return connection.execute(statement, _parameters(batch)).rowcount


def _parameters(batch: Batch) -> dict[str, Any]:
    return {"organization": batch.organization_id, "author": batch.author}
