"""What an import and its batch are: the records that say where each stands, and their public objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from imports_pipeline.model.options import Action, Options, declarations
from imports_pipeline.model.phases import BATCH_PHASES
from imports_pipeline.model.statuses import FINAL, Status

#: What every finished import counts, in the order it is shown.
STATS: tuple[str, ...] = ("created", "updated", "unchanged", "deleted", "overwritten", "rejected")


#: Fields of the import object that the batch object does not have, beside the options that are of a file.
_OF_A_FILE: Final = frozenset({"detected", "has_upload_file", "batch_id", "source_uri"})


def shown_as(count: str) -> str:
    """Return what people read for the name of a count: the records that an overwrite deletes are removed."""
    return "removed" if count == "overwritten" else count


@dataclass(frozen=True)
class Import:
    """One import as stored. Immutable: the registry gives a new one after each change."""

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
    #: what its phases found that a person should know: phase, code, message
    notices: tuple[dict[str, str], ...] = ()
    stats: dict[str, int] = field(default_factory=dict)
    plan: dict[str, int] | None = None
    checksum: str | None = None
    batch_id: str | None = None
    run_id: str | None = None
    has_upload_file: bool = False
    has_errors_file: bool = False
    created_by: str | None = None
    #: the import that this one takes back
    reverts: str | None = None
    #: when the write was committed; null while there is none
    written_at: datetime | None = None
    #: until when its upload is waited for; null when it has a source
    upload_expires_at: datetime | None = None
    #: the most bytes that its upload may have
    upload_limit: int | None = None
    #: ``api`` for a batch without an import: its id is the batch's, and it begins with parsing
    via: str = "file"
    #: seconds that were spent on it and are in no phase's report; its ``timeout`` counts them
    waited_seconds: float = 0.0

    @property
    def is_batch(self) -> bool:
        """True if this is a batch of JSON items and no import of a file."""
        return self.via == "api"

    @property
    def awaits_upload(self) -> bool:
        """True if a file may still come by its upload URL."""
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

    def as_object(self) -> dict[str, Any]:
        """Return the import object of; times are epoch seconds."""
        options = self.options.as_dict()
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
            "stats": {name: self.stats.get(name, 0) for name in STATS},
            "plan": self.plan,
            "has_upload_file": self.has_upload_file,
            "has_errors_file": self.has_errors_file,
            "checksum": self.checksum,
            "reverts": self.reverts,
            "batch_id": self.batch_id,
            "run_id": self.run_id,
            "source": self.source,
            "source_uri": self.source_uri,
            "created_by": self.created_by,
            "created_at": int(self.created_at.timestamp()),
            "updated_at": int(self.updated_at.timestamp()),
        }

    def as_batch(self) -> dict[str, Any]:
        """Return the batch object of: the same without what is about a file."""
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
    """One batch as stored: the part of an import that knows nothing of CSV (phases 4 to 7).

    ``folder`` is where its files lie in the file store; ``author`` is what ``updated_by`` of a written record
    says. ``staged`` counts the rows of the staging tables as they must be found again, and ``generations`` is
    the state of the stored records that the plan was made on.
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

    @property
    def action(self) -> Action:
        """What the items do to the stored records."""
        return self.options.action
