"""The steps of the model test: each is made by the system and by the model, and the two are compared."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import psycopg
from hypothesis import strategies as st

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure
from imports_pipeline.model.files import RESULT_JSON
from imports_pipeline.model.imports import STATS, Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.housekeeping import housekeep
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.cells import FOOTERS
from imports_pipeline_tests.overwrite.crashes.fault_points import Crash, Tap, TappedDatabase, crash, terminate
from imports_pipeline_tests.overwrite.model import (
    TEAM,
    Outcome,
    Store,
    Upload,
    Written,
    plan_revert,
    revert,
    write,
)
from imports_pipeline_tests.overwrite.rules import Rules
from imports_pipeline_tests.overwrite.uploads import DEAD, Template, first

#: The statement at which what happens.
Fault = tuple[int, str]
FAULTS = st.none() | st.tuples(st.integers(1, 120), st.sampled_from(["crash", "crash", "terminate"]))


class Steps:
    """One organization, as it is stored and as the model has it."""

    def __init__(self, workflow: ImportWorkflow, organization: str, folder: Path, made: Counter[str]) -> None:
        self.runs, self.made = Runs(workflow, organization, folder), made
        assert isinstance(workflow.database, TappedDatabase)
        self.tap: Tap = workflow.database.tap
        self.workflow = workflow
        self.store = Store()
        self.written: list[tuple[Import, Written]] = []
        self.pending: list[tuple[Import, Upload]] = []
        self.crashing = False

    def begin(self) -> None:
        """Store what an organization begins with."""
        self.places = self.runs.locations("Berlin", "Oslo")
        for resource in ("group", "contact"):
            self.imports(first(resource), None)
            self.compare()
        assert len(self.store.records["contact"]) == 8

    # --- steps

    def imports(self, template: Template, fault: Fault | None) -> None:
        """Import, with a fault somewhere on the way and another try after it."""
        upload = self._upload(template)
        import_ = self._register(upload)
        outcome = self._outcome(upload)
        self._try(lambda: self._drive(import_), fault)
        if outcome.code is None:
            # It was accepted, so those that were accepted before it have been written first.
            self._come_first(upload.resource)
            outcome = self._outcome(upload)
        self._ended(import_, upload, outcome)

    def plans(self, template: Template) -> None:
        """Run dry, and look at the plan line by line."""
        upload = self._upload(template, dry_run=True)
        import_ = self._register(upload)
        outcome = self._outcome(upload)
        self._drive(import_)
        done = self._judge(import_, outcome)
        if done.status is not Status.COMPLETED:
            return
        assert ("would fail" in (done.reason or "")) == (outcome.guard is not None)
        plan = {row["line"]: row for row in self.runs.plan(done) if row["line"] is not None}
        changed = [one for one in outcome.lines if one[1] != "unchanged"]
        assert len(plan) == len(changed)
        for line, operation, id_, changes in changed:
            row = plan[line]
            assert row["operation"] == operation
            assert id_ in (None, row["id"])
            if operation == "updated":
                assert _sets(row["changes"]) == changes
        removed = [row for row in self.runs.plan(done) if row["line"] is None]
        assert {row["id"] for row in removed} == outcome.removed
        assert all(row["operation"] == "overwritten" for row in removed)

    def checks(self, template: Template, fault: Fault | None) -> None:
        """Take an import through the checks and leave it queued."""
        upload = self._upload(template)
        import_ = self._register(upload)
        outcome = self._outcome(upload)
        self._try(lambda: self._check(import_), fault)
        if outcome.code is None:
            assert self.workflow.get(import_.id).status is Status.QUEUED
            self.pending.append((import_, upload))
        else:
            self._judge(import_, outcome)

    def writes(self, which: int, fault: Fault | None) -> None:
        """Write what was queued earlier, and before it all that was queued before it."""
        import_, upload = self.pending[which % len(self.pending)]
        self._try(lambda: self._write(import_), fault)
        self._come_first(upload.resource, upto=import_)

    def reverts(self, which: int, dry_run: bool, fault: Fault | None) -> None:
        """Take back an import, more often a late one than an early one."""
        import_, written = self.written[-1 - which % len(self.written)]
        asked = request_revert(self.workflow, import_.id, dry_run=dry_run, source="cli", created_by=None)
        self._try(lambda: run_revert(self.workflow, asked.id), fault)
        if not dry_run:
            self._come_first(written.resource)
        plan = plan_revert(self.store, written)
        done = self.workflow.get(asked.id)
        assert done.status is Status.COMPLETED
        assert {row["id"]: row["operation"] for row in self.runs.plan(done)} == plan
        counts = Counter(plan.values())
        assert done.plan == {n: counts[n] for n in ("created", "updated", "deleted", "unchanged", "conflict")}
        if not dry_run:
            revert(self.store, written, plan)
            self.made["reverted"] += 1

    # --- comparing

    def compare(self) -> None:
        """Insist that what is stored is what the model has, to the last column."""
        self.made["step"] += 1
        for resource, table in (("contact", "contacts"), ("group", "groups")):
            found = {}
            for row in self.runs.query(
                f"SELECT * FROM {table} WHERE organization_id = %s", self.runs.organization
            ):
                stored = self.store.records[resource].get(row["id"])
                names = stored.values if stored else {}
                values = {
                    n: row["metadata"].get(TEAM.partition(".")[2]) if n == TEAM else row[n] for n in names
                }
                found[row["id"]] = (
                    values,
                    (row["updated_by"], row["updated_at"]),
                    (row["created_by"], row["created_at"]),
                )
            wanted = {
                id_: (one.values, one.version, one.made) for id_, one in self.store.records[resource].items()
            }
            assert found == wanted
        assert self._links("memberships", "member_id, group_id") == self.store.members
        assert self._links("contact_locations", "contact_id, location_id") == self.store.places

    def _links(self, table: str, columns: str) -> set[tuple[Any, ...]]:
        rows = self.runs.query(
            f"SELECT {columns} FROM {table} WHERE organization_id = %s", self.runs.organization
        )
        return {tuple(row.values()) for row in rows}

    def _judge(self, import_: Import, outcome: Outcome) -> Import:
        """Insist on status, code, counts and errors of an import that has ended."""
        done = self.workflow.get(import_.id)
        dry_run = done.options.dry_run
        code = outcome.code
        assert (done.status, done.code) == (Status.FAILED if code else Status.COMPLETED, code), done.reason
        errors = {(line, one) for line, codes in self.runs.codes(done).items() for one in codes}
        assert errors == outcome.errors, (errors - outcome.errors, outcome.errors - errors)
        assert done.has_errors_file == bool(errors)
        if code is None:
            plan = outcome.plan
            assert done.plan == plan
            assert done.stats == {**{n: plan[n] for n in STATS[:-1]}, "rejected": outcome.rejected}
        else:
            assert done.stats == {"rejected": outcome.rejected}
        if done.batch_id is not None:
            with self.workflow.database.connect() as connection:
                assert Staging(done.batch_id).count(connection) is None
        self.made["failed" if code else "planned" if dry_run else "completed"] += 1
        return done

    def _come_first(self, resource: str, upto: Import | None = None) -> None:
        """Let the model write what is queued of a resource, in order, to the import ``upto`` or all of it."""
        if self.crashing:
            # Nobody tries again what was written on the way to another import: housekeeping removes what a crash left.
            with self.workflow.database.connect() as connection:
                housekeep(connection, self.workflow.store, self.workflow.settings)
        for import_, upload in [one for one in self.pending if one[1].resource == resource]:
            self.pending.remove((import_, upload))
            self.made["written later"] += 1
            self._ended(import_, upload, self._outcome(upload))
            if import_ == upto:
                break

    def _ended(self, import_: Import, upload: Upload, outcome: Outcome) -> None:
        done = self._judge(import_, outcome)
        if outcome.code is not None:
            return
        with self.workflow.files(done).open_read(RESULT_JSON) as file:
            result = {row["line"]: row for row in json.load(file)}
        assert {line: row["result"] for line, row in result.items()} == {
            line: op for line, op, _, _ in outcome.lines
        }
        rules = Rules(self.store, upload)
        new = {line: row["id"] for line, row in result.items()}
        changes = {item.line: rules.linked(item, new[item.line]) for item in outcome.items}
        written = write(self.store, upload, outcome, changes, new, (done.id, done.written_at))
        self.written.append((done, written))

    # --- running

    def _outcome(self, upload: Upload) -> Outcome:
        return Rules(deepcopy(self.store), upload).outcome()

    def _upload(self, template: Template, **more: Any) -> Upload:
        stored = sorted(self.store.records[template.resource])
        dead = DEAD[template.resource]

        def cell(text: str) -> str:
            if text.startswith("#") and text[1:].isdigit():
                return stored[int(text[1:]) % len(stored)] if stored else dead
            return dead if text == "dead" else text

        options = {name: value for name, value in template.options.items() if value is not None}
        if "location_id" in options:
            options["location_id"] = self.places[options["location_id"]]
        rows = tuple(tuple(cell(text) for text in row) for row in template.rows)
        return Upload(template.resource, template.header, rows, {**options, **more}, FOOTERS)

    def _register(self, upload: Upload) -> Import:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([upload.header, *upload.rows])
        said = {"encoding": "utf-8", "delimiter": ",", "quote": '"', "header_line": 1, "save_result": True}
        return self.runs.register(text.getvalue(), upload.resource, **upload.options, **said)

    def _try(self, run: Any, fault: Fault | None) -> None:
        self.crashing = fault is not None
        if fault is not None:
            self.tap.arm(fault[0], {"crash": crash, "terminate": terminate}[fault[1]])
            try:
                run()
            except (Crash, psycopg.Error):
                self.made["crashed"] += 1
            finally:
                self.tap.arm(None)
        run()

    def _drive(self, import_: Import) -> None:
        self._check(import_)
        if not import_.options.dry_run:
            self._write(import_)

    def _check(self, import_: Import) -> None:
        try:
            for phase in CHECKING_PHASES:
                self.workflow.check(import_.id, phase)
        except (PermanentFailure, ImportHasEnded):
            return

    def _write(self, import_: Import) -> None:
        try:
            self.workflow.write(import_.id)
        except (PermanentFailure, ImportHasEnded):
            return


def _sets(changes: dict[str, Any]) -> dict[str, Any]:
    """Return a plan's changes with the ids of links as sets, as the model has them."""
    return {
        name: {key: set(ids_) for key, ids_ in change.items()} if "added" in change else change
        for name, change in changes.items()
    }
