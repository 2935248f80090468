"""Validation: rejects items with unknown ids or invalid references, and computes the plan of the other items."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow.parquet as pq
from psycopg import sql

from imports_pipeline.batch_phases import new_groups
from imports_pipeline.batch_phases.checks import check_queries
from imports_pipeline.batch_phases.link_changes import find_links
from imports_pipeline.batch_phases.planning.changed_items import find_updates
from imports_pipeline.batch_phases.planning.lost_zeros import lost_zeros
from imports_pipeline.batch_phases.planning.plan import make_plan
from imports_pipeline.batch_phases.planning.plan_checksum import plan_checksum
from imports_pipeline.batch_phases.planning.plan_files import write_plan, write_removals, write_result
from imports_pipeline.batch_phases.rejected_items import reject
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.import_phases.files import left_out_cells
from imports_pipeline.import_phases.files.item_files import item_fields
from imports_pipeline.model import progress
from imports_pipeline.model.files import ITEMS, Files
from imports_pipeline.model.imports import Batch, creates_groups
from imports_pipeline.model.option_choices import Action, BadCells
from imports_pipeline.model.phases import Phase, PhaseResult


def staged_fields(files: Files) -> list[str]:
    """Return the fields of the batch's items, in the order of their staging columns."""
    with files.open_read(ITEMS) as file:
        return item_fields(pq.read_schema(file))


def validate(
    batch: Batch, files: Files, connection: psycopg.Connection[Any], *, with_checksum: bool = False
) -> PhaseResult:
    """Check the staged items and compute the plan; ``facts`` holds ``plan`` and the counts of ``staged`` rows.

    Args:
        batch: the batch.
        files: the files of its import.
        connection: the connection of the batch.
        with_checksum: True to add ``plan_checksum``; a dry run always has it.
    """
    progress.step("comparing with the stored records")
    staging = Staging(batch.id)
    fields = staged_fields(files)
    items = staging.count_items(connection)
    total = items.total
    has_references = _count(connection, staging.refs) > 0
    if has_references and batch.action is not Action.DELETE:
        find_links(connection, batch)
    find_updates(connection, batch, fields, with_changes=batch.options.dry_run, any_known=items.known > 0)
    rejected = reject(
        connection,
        batch,
        files,
        Phase.VALIDATION,
        list(check_queries(batch, fields, has_references=has_references)),
    )
    if rejected:
        connection.execute(
            sql.SQL(
                "DELETE FROM {links} l WHERE NOT EXISTS (SELECT FROM {items} i WHERE i.id = l.id)"
            ).format(links=staging.links, items=staging.items)
        )
        staging.analyze(connection)
        items = staging.count_items(connection)
    notices = lost_zeros(connection, batch, fields) if items.new else ()
    if creates_groups(batch):
        new_groups.drop_unused(connection, batch)
        notices += new_groups.notices(connection, batch)
    progress.step("making the plan")
    plan = make_plan(connection, batch, files, fields, items)
    if batch.options.bad_cells is BadCells.LEAVE_OUT:
        plan["warnings"] = len(left_out_cells.lines(files))
    if batch.action is Action.OVERWRITE:
        write_removals(connection, batch, plan, files)
    if batch.options.dry_run:
        write_plan(connection, batch, plan, files, fields)
    if batch.options.save_result:
        write_result(connection, batch, files)
    facts: dict[str, Any] = {"plan": plan, "staged": staging.count(connection, items) or {}}
    if with_checksum or batch.options.dry_run:
        facts["plan_checksum"] = plan_checksum(connection, batch, plan, fields)
    return PhaseResult(Phase.VALIDATION, total + batch.remembered, rejected, facts, notices)


def _count(connection: psycopg.Connection[Any], table: sql.Identifier) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
    return int(row[0]) if row else 0
