"""Large writes: an import that changes most records of an organization builds a new table of them, an edition.

The new table is a join of the stored records and the items. Its indexes are built by sorting when it is full, on all
cores. The replaced table holds the previous values, so no pre-images are written. ``database/editions.py`` has the
tables, and ``docs/decisions/0037-editions.md`` the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from imports_pipeline.batch_phases import pre_images
from imports_pipeline.batch_phases.new_values import Assignment
from imports_pipeline.batch_phases.planning.scope import is_removed
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.editions import (
    Edition,
    block_other_writers,
    complete,
    create_removed,
    point_to,
)
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.option_choices import Action
from imports_pipeline.schemas.catalog import RESOURCES, Resource

# The time of a record that is changed, created or removed in place, with its pre-image. Only the relations of these
# numbers matter (docs/explanation/performance.md, "Large writes").
_UPDATED: Final = 24.6
_CREATED: Final = 11.5
_DELETED: Final = 11.8
_OVERWRITTEN: Final = 15.6
# The same for a stored record that is written to an edition, with its indexes, for one that is created in it, and for
# one that is left out: a delete knows the ids of its records, an overwrite has to find them.
_WRITTEN: Final = 8.0
_ADDED: Final = 8.3
_DELETED_LEFT_OUT: Final = 0.5
_OVERWRITTEN_LEFT_OUT: Final = 3.0


@dataclass(frozen=True)
class LargeWrites:
    """When an import builds an edition: from a number of records on, if it costs at most ``most_cost``.

    The cost is compared with that of changing the records in place. With ``most_cost`` 0 no import builds an edition,
    and with ``math.inf`` each does that has enough records.
    """

    #: the records that it changes or removes
    least_records: int = 20_000
    #: the records that it creates. Most organizations never need a table of their own for their first import.
    least_created: int = 100_000
    most_cost: float = 0.8

    def pay(self, plan: Mapping[str, int], stored: int) -> bool:
        """Return True if an edition pays for a plan, with ``stored`` records of the organization before it."""
        updated, created = plan.get("updated", 0), plan.get("created", 0)
        deleted, overwritten = plan.get("deleted", 0), plan.get("overwritten", 0)
        removed = deleted + overwritten
        if updated + removed < max(self.least_records, 1) and created < max(self.least_created, 1):
            return False
        in_place = updated * _UPDATED + created * _CREATED + deleted * _DELETED + overwritten * _OVERWRITTEN
        anew = (stored - removed) * _WRITTEN + created * _ADDED
        anew += deleted * _DELETED_LEFT_OUT + overwritten * _OVERWRITTEN_LEFT_OUT
        return anew <= self.most_cost * in_place

    def may_pay(self, plan: Mapping[str, int]) -> bool:
        """Return True if an edition pays if the organization has no other records than those that the plan changes."""
        known = sum(plan.get(name, 0) for name in ("updated", "deleted", "overwritten"))
        return self.pay(plan, known)


def prefers_edition(connection: psycopg.Connection[Any], batch: Batch, rule: LargeWrites) -> bool:
    """Return True if an edition pays for the batch's plan. The records are counted only if it may."""
    plan = batch.plan or {}
    if not rule.may_pay(plan):
        return False
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE organization_id = %s").format(
            sql.Identifier(RESOURCES[batch.resource].table)
        ),
        (batch.organization_id,),
    ).fetchone()
    return rule.pay(plan, int(row[0]) if row else 0)


class EditionWrite:
    """The write of a batch's records into an edition, in the transaction of the batch that holds the write lock."""

    def __init__(self, connection: psycopg.Connection[Any], batch: Batch, edition: Edition) -> None:
        """Take the connection of the transaction, the batch, and its empty edition."""
        self._connection = connection
        self._batch = batch
        self._edition = edition
        self._resource: Resource = RESOURCES[batch.resource]
        self._rows = 0

    def begin(self) -> bool:
        """Return False if the records must be changed in place, because other writers cannot be held back now."""
        return block_other_writers(self._connection, self._resource.table)

    def copy(self, assigned: Sequence[Assignment], *, has_updates: bool, all_items: bool) -> int:
        """Fill the edition with the stored records, changed by the items; point to it; return how many were removed.

        Args:
            assigned: the values that items assign.
            has_updates: False if no item changes a record.
            all_items: True if every item that is not new changes its record.
        """
        parameters = {"organization": self._batch.organization_id, "author": self._batch.author}
        create_removed(self._connection, self._edition)
        # Nearly every record is read; a nested loop would look up each one. A join that fits into memory also leaves
        # the records in their order, and an index of sorted values is built faster.
        self._connection.execute(
            "SET LOCAL enable_nestloop = off;"
            " SELECT set_config('work_mem', current_setting('maintenance_work_mem'), true)"
        )
        deletes = self._batch.action is Action.DELETE
        removed = 0
        left_out: sql.Composable | None = None
        if deletes:
            left_out = Staging(self._batch.id).items
        elif self._batch.action is Action.OVERWRITE and (self._batch.plan or {}).get("overwritten"):
            removed = self._list_removed("overwritten", is_removed(self._batch), parameters)
            left_out = self._edition.removed
        values = {one.column: one.updated for one in assigned} if has_updates else {}
        if has_updates:
            values |= {"updated_at": sql.SQL("now()"), "updated_by": sql.SQL("%(author)s")}
        columns = pre_images.columns(self._connection, self._resource)
        selected = sql.SQL(", ").join(
            sql.SQL("CASE WHEN i.line IS NULL THEN t.{} ELSE {} END").format(
                sql.Identifier(column), values[column]
            )
            if column in values
            else sql.Identifier("t", column)
            for column in columns
        )
        statement = sql.SQL(
            "INSERT INTO {edition} ({columns}) SELECT {selected} FROM {table} t {items}"
            " WHERE t.organization_id = %(organization)s {kept}"
        ).format(
            edition=self._edition.identifier,
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            selected=selected,
            table=sql.Identifier(self._resource.table),
            items=self._items(all_items=all_items) if has_updates else sql.SQL(""),
            kept=sql.SQL("")
            if left_out is None
            else sql.SQL("AND NOT EXISTS (SELECT FROM {} r WHERE r.id = t.id)").format(left_out),
        )
        self._rows = self._connection.execute(statement, parameters).rowcount
        if deletes:
            removed = self._list_deleted(parameters)
        self._connection.execute("SET LOCAL enable_nestloop = DEFAULT; SET LOCAL work_mem = DEFAULT")
        point_to(
            self._connection,
            self._batch.organization_id,
            self._batch.resource,
            self._edition.schema,
            self._edition.table,
            self._batch.author,
        )
        if removed:
            pre_images.unlink_removed(self._connection, self._resource, self._edition.removed, parameters)
        return removed

    def complete(self, updated: int, created: int) -> None:
        """Build the indexes and statistics, when the created records are in the edition too."""
        complete(self._connection, self._edition, self._rows + created, updated + created)

    def _items(self, *, all_items: bool) -> sql.Composable:
        staging = Staging(self._batch.id)
        changing = sql.SQL("") if all_items else sql.SQL("JOIN {} u USING (line)").format(staging.updates)
        return sql.SQL("LEFT JOIN (SELECT i.* FROM {} i {} WHERE NOT i.is_new) i ON i.id = t.id").format(
            staging.items, changing
        )

    def _list_deleted(self, parameters: Mapping[str, Any]) -> int:
        """Store which records a deletion has left out of the filled edition, and return their number."""
        items = Staging(self._batch.id).items
        counted = self._connection.execute(
            sql.SQL(
                "SELECT (SELECT count(*) FROM {} WHERE organization_id = %(organization)s), (SELECT count(*) FROM {})"
            ).format(sql.Identifier(self._resource.table), items),
            parameters,
        ).fetchone()
        stored, named = counted or (0, 0)
        if stored != self._rows + named:
            # A record was deleted without the pipeline since the plan was made.
            condition = sql.SQL("t.organization_id = %(organization)s AND t.id IN (SELECT id FROM {})")
            return self._list_removed("deleted", condition.format(items), parameters)
        return self._list("SELECT id, 'deleted' FROM {}", items)

    def _list_removed(self, operation: str, condition: sql.Composable, parameters: Mapping[str, Any]) -> int:
        """Store which stored records ``t`` are removed, and return their number."""
        return self._list(
            "SELECT t.id, {} FROM {} t WHERE {}",
            literal(operation),
            sql.Identifier(self._resource.table),
            condition,
            parameters=parameters,
        )

    def _list(
        self, query: LiteralString, *parts: sql.Composable, parameters: Mapping[str, Any] | None = None
    ) -> int:
        # There is no index, since only reverts and histories look for one of them.
        count = self._connection.execute(
            sql.SQL("INSERT INTO {} {}").format(self._edition.removed, sql.SQL(query).format(*parts)),
            parameters,
        ).rowcount
        self._connection.execute(sql.SQL("ANALYZE {}").format(self._edition.removed))
        return count
