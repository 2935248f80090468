"""Imports with dry runs, reverts and histories, and the tables as they are to the last column."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from imports_pipeline.model.files import PLAN_CSV, PLAN_JSON
from imports_pipeline.model.imports import MORE_STATS, STATS, Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import organizations
from imports_pipeline.registry.record_history import history_of
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.imports import Record

#: What imports write, beside the registry: records, links, and what they were before.
TABLES = (
    "contacts", "groups", "memberships", "contact_locations", "locations", "generations",
    "contacts_history", "groups_history", "links_history",
)  # fmt: skip


class Runs(Imports):
    """The imports of one organization, for tests of what an overwrite may do and how it is taken back."""

    def _completed_agrees(self, import_: Import) -> None:
        if not import_.options.dry_run:
            super()._completed_agrees(import_)
            return
        assert [one["name"] for one in import_.phases] == list(CHECKING_PHASES)
        assert (import_.reason or "").startswith("Dry run: nothing was written.")
        assert set(import_.stats) - set(MORE_STATS) == set(STATS)
        assert import_.plan is not None
        for name in (*STATS[:-1], *MORE_STATS):
            assert import_.plan.get(name) == import_.stats.get(name)
        assert import_.written_at is None

    def dry_run(self, content: str, resource: str = "contact", **options: Any) -> Import:
        """Run dry, and insist that it completes and that not one row of any table is written."""
        before = self.tables()
        import_ = self.run(content, resource, dry_run=True, **options)
        assert import_.status is Status.COMPLETED, import_.reason
        assert self.tables() == before
        return import_

    def plan(self, import_: Import) -> list[Record]:
        """Return ``plan.json``, and insist that ``plan.csv`` says the same."""
        files = self.workflow.files(import_)
        with files.open_read(PLAN_JSON) as file:
            plan: list[Record] = json.load(file)
        with files.open_read(PLAN_CSV) as file:
            table = list(csv.DictReader(io.StringIO(file.read().decode(), newline="")))
        assert [
            {
                "line": int(row["line"]) if row["line"] else None,
                "id": row["id"],
                "operation": row["operation"],
                **{name: restored(row[name]) for name in ("name", "email", "external_id")},
                "changes": json.loads(row["changes"]) if row["changes"] else None,
            }
            for row in table
        ] == plan
        return plan

    def revert(self, import_: Import, *, dry_run: bool = False) -> Import:
        """Take an import back and give the revert as it ended."""
        asked = request_revert(self.workflow, import_.id, dry_run=dry_run, source="cli", created_by="tester")
        done = run_revert(self.workflow, asked.id)
        assert done.status is Status.COMPLETED, done.reason
        assert (done.reverts, done.options.action, done.options.dry_run) == (import_.id, "revert", dry_run)
        plan = self.plan(done)
        assert done.plan is not None
        assert sum(done.plan.values()) == len(plan)
        for name, count in done.plan.items():
            assert count == sum(row["operation"] == name for row in plan)
        assert done.stats["rejected"] == done.plan["conflict"]
        names = ["validation"] if dry_run else ["validation", "processing", "cleanup"]
        assert [one["name"] for one in done.phases] == names
        assert (done.written_at is None) == dry_run
        return done

    def history(self, record_id: str, resource: str = "contact") -> list[Record]:
        """Return what happened to a record."""
        with self.workflow.database.connect() as connection:
            return history_of(connection, RESOURCES[resource], self.organization, record_id)

    def editions(self) -> list[str]:
        """Return the schemas of the organization's editions, oldest first."""
        rows = self.query(
            "SELECT n.nspname FROM records.editions e JOIN pg_class c ON c.oid = e.relation"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE e.organization_id = %s AND n.nspname <> 'records'"
            " GROUP BY n.nspname ORDER BY min(e.id)",
            self.organization,
        )
        return [row["nspname"] for row in rows]

    def set_limits(self, **limits: float) -> None:
        """Set the organization's limits."""
        with self.workflow.database.connect() as connection:
            organizations.set_limits(connection, self.organization, limits)

    def tables(self) -> dict[str, list[Record]]:
        """Return every row of every table with its place and its transaction: no write leaves it equal."""
        return {
            table: self.query(
                f"SELECT ctid::text AS ctid, xmin::text AS xmin, t.* FROM {table} t"
                " WHERE organization_id = %s ORDER BY t.ctid",
                self.organization,
            )
            for table in TABLES
        }

    def stored(self) -> dict[str, list[Record]]:
        """Return records and links to the last column, wherever they lie: what a revert must bring back."""
        orders = {"contacts": "id", "groups": "id", "memberships": "2, 3", "contact_locations": "2, 3"}
        return {
            table: self.query(
                f"SELECT * FROM {table} WHERE organization_id = %s ORDER BY {order}", self.organization
            )
            for table, order in orders.items()
        }


def restored(cell: str) -> str | None:
    """Return the text of a cell of ``plan.csv``, in which a formula has an apostrophe before it."""
    return cell[1:] if cell.startswith(("'=", "'@", "'+", "'-")) else cell or None


def contacts(count: int, start: int = 0, header: bool = True) -> str:
    """Return a file of ``count`` contacts, numbered from ``start``."""
    rows = "".join(f"n{i},E-{i}\n" for i in range(start, start + count))
    return ("name,external_id\n" if header else "") + rows
