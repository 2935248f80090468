"""What the fault matrix runs: an import from a known beginning, and all of its end that does not depend on ids."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imports_pipeline.batch_phases.large_writes.edition_write import LargeWrites
from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.model.failures import ImportHasEnded, PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.overwrite.runs import Runs

_GROUPS = "name,resource\nA,contact\nB,contact\nOld,contact\n"
_CONTACTS = """\
name,email,external_id,groups,locations
Ann,ann@example.com,E-1,A,Berlin
Bob,bob@example.com,E-2,A,
Cid,cid@example.com,E-3,"A,B",Berlin
Dan,dan@example.com,E-4,Old,
Eve,eve@example.com,E-5,B,
"""
# Updates Ann, keeps Bob by a bad row, leaves Eve, removes Cid and Dan, creates Fay, rejects a row in every phase.
# Some rejected rows have keys of no stored record, so the two removals need approval.
_OVERWRITE = """\
name,email,external_id,groups,locations,is_primary
Anna,ann@example.com,E-1,B,,yes
Robert,,E-2,,,perhaps
Eve,eve@example.com,E-5,,,
Fay,fay@example.com,E-6,"A,B",Berlin,no
Two,two@example.com,E-7,,,
Two,two@example.com,E-8,,,
X,bob@example.com,E-5,,,
X,,E-9,Nowhere,,
"""
# Removes "Old", which needs approval because "Bad" is no stored group.
_OVERWRITE_GROUPS = """\
name,resource,children.add,children.remove
A,contact,Eve,"Ann,Cid"
B,contact,,
New,contact,"Ann,Bob",
Bad,contact,Nobody,
"""


def beginning(runs: Runs) -> None:
    """Store what every story begins with."""
    runs.locations("Berlin", "Oslo")
    runs.completed(_GROUPS, "group")
    runs.completed(_CONTACTS)


def copy(runs: Runs, organization: str) -> None:
    """Store what another organization has, with the same ids: it costs a tenth of the imports."""
    moved = "(jsonb_populate_record(t, jsonb_build_object('organization_id', %s::text))).*"
    with runs.workflow.database.connect() as connection:
        for table in ("locations", "groups", "contacts", "memberships", "contact_locations", "generations"):
            connection.execute(
                f"INSERT INTO {table} SELECT {moved} FROM {table} t WHERE organization_id = %s",
                (runs.organization, organization),
            )


def _before(runs: Runs) -> Import | None:
    return None


def _overwritten(runs: Runs) -> Import:
    return runs.finish(runs.register(_OVERWRITE, action="overwrite", max_deletions=2))


def _renamed(runs: Runs) -> Import:
    return runs.finish(runs.register("name,external_id\nAnna,E-1\nBobby,E-2\n"))


@dataclass(frozen=True)
class Story:
    """One import: ``content`` with ``options``, or a revert of what ``before`` did.

    ``earlier`` is the content of an import that is accepted before this one and written between the checks and the
    write of this one, so that its plan is computed again inside the transaction.
    """

    content: str = ""
    resource: str = "contact"
    options: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Runs], Import | None] = _before
    earlier: str | None = None
    #: whether the import builds an edition
    edition: bool = False

    @property
    def large_writes(self) -> LargeWrites:
        """When imports of the story build editions."""
        return LargeWrites(least_records=1, most_cost=math.inf) if self.edition else LargeWrites()

    def begin(self, runs: Runs) -> Import:
        """Return the import as it is requested, on what ``beginning`` or a copy of it stored."""
        done = self.before(runs)
        if done is not None:
            return request_revert(runs.workflow, done.id, dry_run=False, source="cli", created_by=None)
        if self.earlier is not None:
            assert runs.check(runs.register(self.earlier)).status is Status.QUEUED
        content = self.content.format(**{record["name"]: record["id"] for record in runs.records()})
        return runs.register(content, self.resource, **self.options)

    def check(self, workflow: ImportWorkflow, import_: Import) -> None:
        """Run phases 1 to 5, as far as there are any."""
        if import_.reverts is None:
            _ignoring(lambda: [workflow.check(import_.id, phase) for phase in CHECKING_PHASES])

    def between(self, runs: Runs, import_: Import) -> None:
        """Write the earlier import, if there is one."""
        if self.earlier is None:
            return
        (queued,) = runs.query(
            "SELECT id FROM imports WHERE organization_id = %s AND status = %s AND id <> %s",
            runs.organization,
            Status.QUEUED,
            import_.id,
        )
        assert runs.write(runs.workflow.get(queued["id"])).status is Status.COMPLETED

    def write(self, workflow: ImportWorkflow, import_: Import) -> None:
        """Run the rest."""
        if import_.reverts is not None:
            run_revert(workflow, import_.id)
        elif not import_.options.dry_run:
            _ignoring(lambda: workflow.write(import_.id))


_APPROVED = {"action": "overwrite", "max_deletions": 2}
STORIES = {
    "overwrite": Story(_OVERWRITE, options={**_APPROVED, "save_result": True}),
    "overwrite of groups": Story(_OVERWRITE_GROUPS, "group", {**_APPROVED, "save_result": True}),
    "overwrite that is planned again": Story(
        _OVERWRITE, options=_APPROVED, earlier="name,external_id\nGus,E-9\nEva,E-5\n"
    ),
    "dry run": Story(_OVERWRITE, options={**_APPROVED, "dry_run": True}),
    "blocked": Story(_OVERWRITE, options={"action": "overwrite", "max_deletions": 1}),
    "delete": Story("id\n{Ann}\n{Cid}\n", options={"action": "delete", "save_upload": False}),
    "revert": Story(before=_overwritten),
    "overwrite with an edition": Story(_OVERWRITE, options={**_APPROVED, "save_result": True}, edition=True),
    "return to the table before": Story(before=_renamed, edition=True),
}


def _ignoring(run: Callable[[], Any]) -> None:
    try:
        run()
    except (PermanentFailure, ImportHasEnded):
        return


def end(runs: Runs, import_id: str) -> dict[str, Any]:
    """Return what is left of an import: records, links, pre-images, counts, errors and plan, without ids and times."""
    import_ = runs.workflow.get(import_id)
    names: dict[str, str] = {}
    for table in ("contacts", "groups", "locations", "contacts_history", "groups_history"):
        rows = runs.query(f"SELECT id, name FROM {table} WHERE organization_id = %s", runs.organization)
        names.update({row["id"]: row["name"] for row in rows if row["id"] not in names})
    names[import_id] = "this import"
    folder = Path(runs.workflow.files(import_).location("x")).parent
    texts = {p.name: p.read_text() for p in sorted(folder.iterdir()) if p.suffix in (".csv", ".json")}
    with runs.workflow.database.connect() as connection:
        staged = Staging(import_.batch_id).count(connection) if import_.batch_id else None
        batch = import_records.get_batch_of(connection, import_id).status if import_.batch_id else None
    return {
        "import": (
            import_.status,
            import_.code,
            _named(import_.reason or "", names),
            import_.stats,
            import_.plan,
        ),
        "phases": [(one["name"], one["total"], one["error"]) for one in import_.phases],
        "upload": (import_.has_upload_file, runs.has_upload(import_)),
        "files": {name: _lines(name, text, names) for name, text in texts.items()},
        "batch": (batch, staged),
        **{
            resource: [_record(one, import_id) for one in runs.records(resource)]
            for resource in ("contact", "group")
        },
        "kept": [
            sorted(_named(str(tuple(row.values())), names) for row in runs.query(query, runs.organization))
            for query in _KEPT
        ],
        "removed": [
            sorted(
                _named(str(tuple(row.values())), names)
                for row in runs.query(f"SELECT * FROM {schema}.removed")
            )
            for schema in runs.editions()
        ],
    }


_KEPT = (
    "SELECT operation, name, email FROM contacts_history WHERE organization_id = %s",
    "SELECT operation, name FROM groups_history WHERE organization_id = %s",
    "SELECT relation, own, other, added FROM links_history WHERE organization_id = %s",
    "SELECT group_id, member_id FROM memberships WHERE organization_id = %s",
    "SELECT resource, made_rows, made_changes, retired_at IS NULL FROM records.editions WHERE organization_id = %s",
)  # fmt: skip
_UNSTABLE = {"id", "xmin", "ctid", "organization_id", "location_id", "created_at", "updated_at", "created_by"}


def _record(record: dict[str, Any], import_id: str) -> dict[str, Any]:
    stable = {name: value for name, value in record.items() if name not in _UNSTABLE}
    return {**stable, "updated_by": record["updated_by"] == import_id}


def _named(text: str, names: dict[str, str]) -> str:
    for id_, name in names.items():
        text = text.replace(id_, f"<{name}>")
    return text


def _lines(name: str, text: str, names: dict[str, str]) -> Any:
    """Return the content of a file: errors as they are, a plan or result without the ids it makes up."""
    if name.startswith("errors"):
        return _named(text, names)
    if name.endswith(".csv"):
        return len(text.splitlines())
    return Counter(_row(row, names) for row in json.loads(text))


def _row(row: dict[str, Any], names: dict[str, str]) -> str:
    changes = row.get("changes")
    if isinstance(changes, dict) and "created_at" in changes:
        changes = changes["name"]
    elif isinstance(changes, dict):
        changes = {name: change for name, change in changes.items() if name not in _UNSTABLE | {"updated_by"}}
    line, operation, result = row.get("line"), row.get("operation"), row.get("result")
    # New records, and the rows of a result, have ids that differ from run to run.
    id_ = "" if result or (operation == "created" and line) else row["id"]
    new = "" if result == "created" else result
    said = [line, id_, operation, new, row.get("name"), changes]
    return _named(json.dumps(said, sort_keys=True), names)
