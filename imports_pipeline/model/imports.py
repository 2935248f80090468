"""Imports and batches: their stored state, and their public objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from imports_pipeline.model.option_choices import Action, MissingGroups
from imports_pipeline.model.options import Options, declarations
from imports_pipeline.model.phases import BATCH_PHASES
from imports_pipeline.model.statuses import FINAL, Status

#: The counts of every finished import, in the order of display.
STATS: tuple[str, ...] = ("created", "updated", "unchanged", "deleted", "overwritten", "rejected")
#: What an import counts besides, where its options ask for it: groups that it made, groups that a revert removed or
#: left alone, and rows that were imported without an invalid cell.
MORE_STATS: tuple[str, ...] = ("groups_created", "groups_deleted", "groups_left", "warnings")

# Fields of the import object that the batch object does not have, in addition to the options of a file.
_OF_A_FILE: Final = frozenset({"detected", "has_upload_file", "batch_id", "source_uri"})


def shown_as(count: str) -> str:
    """Return the name of a count for people: ``removed`` for the records that an overwrite deletes."""
    return "removed" if count == "overwritten" else count.replace("_", " ")


@dataclass(frozen=True)
class Import:
    """One import as stored. Immutable: the registry returns a new object after each change."""

    id: str
    organization_id: str
    resource: str
    options: Options
    status: Status
    source: str
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    source_uri: str | None = None
    reason: str | None = None
    code: str | None = None
    detected: dict[str, Any] = field(default_factory=dict)
    phases: tuple[dict[str, Any], ...] = ()
    #: The notices of its phases: phase, code, message.
    notices: tuple[dict[str, str], ...] = ()
    stats: dict[str, int] = field(default_factory=dict)
    plan: dict[str, int] | None = None
    checksum: str | None = None
    batch_id: str | None = None
    run_id: str | None = None
    has_upload_file: bool = False
    has_errors_file: bool = False
    created_by: str | None = None
    #: The import that this one reverts.
    reverts: str | None = None
    #: The refused import whose file this one imports again, and who approved the removals.
    approves: str | None = None
    approved_by: str | None = None
    #: The import that approves this one, unless it has failed.
    approval: str | None = None
    #: The import whose upload this dry run checks again, with corrected rows.
    corrects: str | None = None
    #: The dry run whose plan this import carries out.
    commits: str | None = None
    #: The import that carries out this dry run, unless it has failed for another reason than a guard.
    commit: str | None = None
    #: The checksum of its plan, where the plan was shown to a person, and of the plan that it must have.
    plan_checksum: str | None = None
    expected_plan_checksum: str | None = None
    #: Who has decided that this refused import is not to be approved, and why.
    rejected_by: str | None = None
    rejection_reason: str | None = None
    #: The import that has reverted this one.
    reverted_by: str | None = None
    #: The time at which the write was committed, if it was.
    written_at: datetime | None = None
    #: The time until which its upload may arrive; ``None`` if it has a source.
    upload_expires_at: datetime | None = None
    #: The size limit of its upload in bytes.
    upload_limit: int | None = None
    #: ``api`` for a batch without an import. Its id is the batch's, and it begins with parsing.
    via: str = "file"
    #: The seconds that count towards its ``timeout`` and are in no phase's report.
    waited_seconds: float = 0.0

    @property
    def is_batch(self) -> bool:
        """True if this is a batch of JSON items and not an import of a file."""
        return self.via == "api"

    @property
    def remembered(self) -> int:
        """The number of rows of the file that a memory knows."""
        return int(self.detected.get("remembered", 0))

    @property
    def awaits_upload(self) -> bool:
        """True if a file may still arrive by its upload URL."""
        return (
            self.status is Status.REQUESTED
            and self.upload_expires_at is not None
            and not self.has_upload_file
        )

    @property
    def folder(self) -> str:
        """The import's folder in the file store."""
        return f"imports/{self.id}"

    @property
    def has_ended(self) -> bool:
        """True if the status is final."""
        return self.status in FINAL

    @property
    def outcome(self) -> str:
        """The status for people, as ``outcome_of`` returns it."""
        return outcome_of(self.status, self.options.action, self.stats)

    def as_object(self) -> dict[str, Any]:
        """Return the import object; times are epoch seconds."""
        options = self.options.shown()
        return {
            "object": "import",
            "id": self.id,
            "organization_id": self.organization_id,
            "name": self.name,
            "resource": self.resource,
            "status": self.status.value,
            "reason": self.reason,
            "code": self.code,
            **options,
            "detected": self.detected,
            "notices": [_notice(one) for one in self.notices],
            "phases": list(self.phases),
            "stats": {
                name: self.stats.get(name, 0)
                for name in (*STATS, *MORE_STATS)
                if name in self.stats or name in STATS
            },
            "plan": self.plan,
            "has_upload_file": self.has_upload_file,
            "has_errors_file": self.has_errors_file,
            "checksum": self.checksum,
            "reverts": self.reverts,
            "approves": self.approves,
            "approved_by": self.approved_by,
            "approval": self.approval,
            "plan_checksum": self.plan_checksum,
            "expected_plan_checksum": self.expected_plan_checksum,
            "corrects": self.corrects,
            "commits": self.commits,
            "commit": self.commit,
            "rejected_by": self.rejected_by,
            "rejection_reason": self.rejection_reason,
            "reverted_by": self.reverted_by,
            "batch_id": self.batch_id,
            "run_id": self.run_id,
            "source": self.source,
            "source_uri": self.source_uri,
            "created_by": self.created_by,
            "created_at": int(self.created_at.timestamp()),
            "updated_at": int(self.updated_at.timestamp()),
        }

    def as_batch(self) -> dict[str, Any]:
        """Return the batch object: the import object without the fields of a file."""
        left_out = {name for name, option in declarations().items() if option.of_a_file} | _OF_A_FILE
        shown = {name: value for name, value in self.as_object().items() if name not in left_out}
        return {
            **shown,
            "object": "batch",
            "id": self.batch_id,
            "import_id": None if self.is_batch else self.id,
            "via": self.via,
            "ignored_columns": self.detected.get("ignored_columns", []),
            "notices": [_notice(one) for one in self.notices if one["phase"] in BATCH_PHASES],
            "phases": [report for report in self.phases if report["name"] in BATCH_PHASES],
        }


def _notice(recorded: Mapping[str, str]) -> dict[str, str]:
    """Return a notice without the phase that found it."""
    return {"code": recorded["code"], "message": recorded["message"]}


@dataclass(frozen=True)
class Batch:
    """One batch as stored: the part of an import that is independent of CSV (phases 4 to 7).

    Attributes:
        folder: The folder of its files in the file store.
        author: The ``updated_by`` of the records that it writes.
        staged: The numbers of rows in the staging tables, which are checked before the write.
        generations: The data versions of the stored records on which the plan is based.
        via: ``file``, or ``api`` for a batch that was created from JSON items.
        remembered: The number of rows of the file that a memory knows. They have no items: nothing changes for them.
    """

    id: str
    organization_id: str
    resource: str
    options: Options
    status: Status
    folder: str
    author: str
    import_id: str | None = None
    plan: dict[str, int] | None = None
    staged: dict[str, int] | None = None
    generations: dict[str, int] | None = None
    via: str = "file"
    remembered: int = 0

    @property
    def is_batch(self) -> bool:
        """True if the batch was created from JSON items, without a file."""
        return self.via == "api"

    @property
    def action(self) -> Action:
        """What the items do to the stored records."""
        return self.options.action


def outcome_of(status: str, action: str, stats: Mapping[str, int]) -> str:
    """Return the status of an import for people, who could take ``completed`` alone for all well.

    Example:
        >>> outcome_of("completed", "merge", {"rejected": 11})
        'completed with 11 rejected'
    """
    rejected = stats.get("rejected", 0)
    # What a revert leaves alone are no rows, and its reason says so.
    if status != Status.COMPLETED or not rejected or action == Action.REVERT:
        return str(status)
    return f"{status} with {rejected:,} rejected"


def creates_groups(of: Import | Batch) -> bool:
    """Return True if an import of contacts creates the groups that its rows name and that are not stored."""
    options = of.options
    return (
        of.resource == "contact"
        and options.missing_groups is MissingGroups.CREATE
        and options.action is not Action.DELETE
    )
