"""Runs imports for tests as the system does, holds every one to what is true of all, and reads what they left."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.editions import reading_records
from imports_pipeline.model.errors import IMPORT_CODES, ROW_CODES
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure, TimedOut
from imports_pipeline.model.files import ERRORS_CSV, ERRORS_JSON, RESULT_JSON, UPLOAD
from imports_pipeline.model.imports import MORE_STATS, STATS, Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import CHECKING_PHASES, PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, locations
from imports_pipeline.registry.export import export
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.workflow.import_workflow import ImportWorkflow

Record = dict[str, Any]
_ENDS = (PermanentFailure, TimedOut, ImportHasEnded)


class Imports:
    """The imports of one organization."""

    def __init__(self, workflow: ImportWorkflow, organization: str, folder: Path) -> None:
        self.workflow = workflow
        self.organization = organization
        self.folder = folder
        self._files = 0

    # --- running

    def source(self, content: str | bytes) -> Path:
        """Write a file to import."""
        self._files += 1
        path = self.folder / f"{self.organization}-{self._files}.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def register(
        self, content: str | bytes | Path, resource: str = "contact", *, source: str = "cli", **options: Any
    ) -> Import:
        """Record an import of this content (or of this path) and leave it ``requested``."""
        path = content if isinstance(content, Path) else self.source(content)
        with self.workflow.database.connect() as connection:
            return import_records.create_import(
                connection,
                organization_id=self.organization,
                resource=resource,
                options=Options.of(options),
                source=source,
                source_uri=str(path),
            )

    def run(self, content: str | bytes | Path, resource: str = "contact", **options: Any) -> Import:
        """Import this content and give the import as it is recorded in the end."""
        return self.finish(self.register(content, resource, **options))

    def check(self, import_: Import, workflow: ImportWorkflow | None = None) -> Import:
        """Run phases 1 to 5."""
        self._check(import_, workflow or self.workflow)
        return self.sound(import_)

    @staticmethod
    def _check(import_: Import, workflow: ImportWorkflow) -> bool:
        """Return whether the import may go on."""
        try:
            for phase in CHECKING_PHASES:
                workflow.check(import_.id, phase)
        except _ENDS:
            return False
        return True

    def write(self, import_: Import, workflow: ImportWorkflow | None = None) -> Import:
        """Run phases 6 and 7."""
        with suppress(*_ENDS):
            (workflow or self.workflow).write(import_.id)
        return self.sound(import_)

    def finish(self, import_: Import, workflow: ImportWorkflow | None = None) -> Import:
        """Run every phase that is left."""
        if self._check(import_, workflow or self.workflow) and not import_.options.dry_run:
            return self.write(import_, workflow)
        return self.sound(import_)

    def completed(self, content: str | bytes | Path, resource: str = "contact", **options: Any) -> Import:
        """Import this content and insist that it completes without a rejected row."""
        import_ = self.run(content, resource, **options)
        assert (import_.status, import_.reason) == (Status.COMPLETED, None)
        assert self.errors(import_) == []
        return import_

    # --- what is true of every import

    def sound(self, import_: Import) -> Import:
        """Check that what is recorded of the import agrees with itself and with its files."""
        import_ = self.workflow.get(import_.id)
        phases = import_.phases
        assert [one["name"] for one in phases] == list(PHASES[: len(phases)])
        for one, before in zip(phases, (None, *phases), strict=False):
            assert one["success"] + one["error"] == one["processed"] == one["total"]
            assert before is None or one["total"] == before["success"]
            assert one["started_at"] <= one["ended_at"]
        self._errors_agree(import_)
        with self.workflow.database.connect() as connection:
            if import_.batch_id is not None:
                batch = import_records.get_batch_of(connection, import_.id)
                expected = Status.REQUESTED if import_.status is Status.REQUESTED else import_.status
                assert (batch.id, batch.status) == (import_.batch_id, expected)
                if import_.has_ended:
                    assert Staging(batch.id).count(connection) is None, "staging tables are left"
        if import_.status is Status.COMPLETED:
            self._completed_agrees(import_)
        elif import_.has_ended:
            assert import_.reason
            assert len(import_.reason.splitlines()) == 1
            assert import_.code in IMPORT_CODES
            assert not any(import_.stats.get(name) for name in STATS if name != "rejected")
        return import_

    def _errors_agree(self, import_: Import) -> None:
        if not (import_.has_ended or import_.status is Status.QUEUED):
            return
        errors = self.errors(import_)
        lines = [error["line"] for error in errors]
        assert lines == sorted(set(lines)), "a row is in the errors file once, in order of line"
        assert import_.has_errors_file == bool(errors)
        rejected = [one for one in errors if {error["code"] for error in one["errors"]} != {"cell_left_out"}]
        by_phase = Counter(error["phase"] for error in rejected)
        reported = {one["name"]: one["error"] for one in import_.phases if one["error"]}
        assert by_phase == reported, "phases count the rows that the errors file has"
        for error in errors:
            assert error["errors"]
            for one in error["errors"]:
                assert set(one) == {"code", "column", "value", "message"}
                assert one["code"] in ROW_CODES
                assert one["message"]
        table = self.errors_csv(import_)
        assert [row["_line"] for row in table] == [str(line) for line in lines]
        assert [row["_phase"] for row in table] == [error["phase"] for error in errors]
        assert [row["_code"] for row in table] == [
            "; ".join(one["code"] for one in error["errors"]) for error in errors
        ]
        if import_.has_ended:
            assert import_.stats["rejected"] == len(rejected)
        if import_.status is Status.COMPLETED:
            assert import_.stats.get("warnings", 0) == len(errors) - len(rejected)

    def _completed_agrees(self, import_: Import) -> None:
        phases, stats = {one["name"]: one for one in import_.phases}, import_.stats
        assert list(phases) == list(PHASES)
        assert (import_.reason, import_.code) == (None, None)
        assert set(stats) - set(MORE_STATS) == set(STATS)
        done = stats["created"] + stats["updated"] + stats["unchanged"] + stats["deleted"]
        assert done == phases[Phase.PROCESSING]["success"]
        assert import_.plan is not None
        for name in (*STATS[:-1], *MORE_STATS):
            assert import_.plan.get(name) == stats.get(name)

    # --- reading

    def errors(self, import_: Import) -> list[Record]:
        """Return ``errors.json``; an import without one has none."""
        files = self.workflow.files(import_)
        if not files.exists(ERRORS_JSON):
            return []
        with files.open_read(ERRORS_JSON) as file:
            found: list[Record] = json.load(file)
        return found

    def codes(self, import_: Import) -> dict[int, list[str]]:
        """Return the error codes by line."""
        return {row["line"]: [error["code"] for error in row["errors"]] for row in self.errors(import_)}

    def errors_file(self, import_: Import) -> str:
        """Return the text of ``errors.csv``."""
        files = self.workflow.files(import_)
        if not files.exists(ERRORS_CSV):
            return ""
        with files.open_read(ERRORS_CSV) as file:
            return file.read().decode()

    def errors_csv(self, import_: Import) -> list[dict[str, str]]:
        """Return the rows of ``errors.csv`` by column."""
        return list(csv.DictReader(io.StringIO(self.errors_file(import_), newline="")))

    def result(self, import_: Import) -> dict[int, str]:
        """Return what happened to each line, of an import with ``save_result``."""
        with self.workflow.files(import_).open_read(RESULT_JSON) as file:
            return {row["line"]: row["result"] for row in json.load(file)}

    def has_upload(self, import_: Import) -> bool:
        """Return whether the upload is kept."""
        return self.workflow.files(import_).exists(UPLOAD)

    def query(self, statement: str, *parameters: Any) -> list[Record]:
        """Ask the database; `contacts` and `groups` are the tables of the organization."""
        with self.workflow.database.connect() as connection, reading_records(connection, self.organization):
            cursor = connection.cursor(row_factory=dict_row)
            return cursor.execute(statement, parameters).fetchall()

    def records(self, resource: str = "contact") -> list[Record]:
        """Return the stored records by name, with names for what they are linked to."""
        return self.query(_CONTACTS if resource == "contact" else _GROUPS, self.organization)

    def names(self, resource: str = "contact") -> list[str]:
        """Return the names of the stored records, ordered."""
        return [record["name"] for record in self.records(resource)]

    def one(self, name: str, resource: str = "contact") -> Record:
        """Return the one stored record of this name."""
        (record,) = [record for record in self.records(resource) if record["name"] == name]
        return record

    def state(self) -> list[Any]:
        """Return every stored row with where and by which transaction it was written: no write leaves it equal."""
        tables = ("contacts", "groups", "memberships", "contact_locations", "locations", "generations")
        return [
            self.query(
                f"SELECT ctid, xmin, * FROM {table} WHERE organization_id = %s ORDER BY ctid",
                self.organization,
            )
            for table in tables
        ]

    def locations(self, *names: str) -> dict[str, str]:
        """Add locations and give their ids by name."""
        with self.workflow.database.connect() as connection:
            return {name: locations.add(connection, self.organization, name)["id"] for name in names}

    def export(self, resource: str = "contact") -> bytes:
        """Export the stored records as CSV."""
        with self.workflow.database.connect() as connection:
            return b"".join(export(connection, RESOURCES[resource], self.organization, "csv"))


_CONTACTS = """
    SELECT c.*, c.xmin::text AS xmin, c.ctid::text AS ctid,
           ARRAY(SELECT g.name FROM memberships m JOIN groups g ON g.organization_id = m.organization_id
                 AND g.id = m.group_id WHERE m.organization_id = c.organization_id AND m.member_id = c.id
                 ORDER BY g.name) AS groups,
           ARRAY(SELECT l.name FROM contact_locations m JOIN locations l ON l.organization_id = m.organization_id
                 AND l.id = m.location_id WHERE m.organization_id = c.organization_id AND m.contact_id = c.id
                 ORDER BY l.name) AS locations
    FROM contacts c WHERE c.organization_id = %s ORDER BY c.name, c.id
"""

_GROUPS = """
    SELECT g.*, g.xmin::text AS xmin, g.ctid::text AS ctid,
           (SELECT l.name FROM locations l WHERE l.organization_id = g.organization_id AND l.id = g.location_id)
           AS location,
           ARRAY(SELECT o.name FROM memberships m
                 JOIN (SELECT organization_id, id, name FROM contacts
                       UNION ALL SELECT organization_id, id, name FROM locations) o
                 ON o.organization_id = m.organization_id AND o.id = m.member_id
                 WHERE m.organization_id = g.organization_id AND m.group_id = g.id ORDER BY o.name) AS children
    FROM groups g WHERE g.organization_id = %s ORDER BY g.name, g.id
"""
