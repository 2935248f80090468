"""Which imports wait for an approval, who has made them, and the error of a decision that cannot be taken."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records

#: The codes of imports that a guard has refused because of the records that they would remove.
APPROVABLE: Final = ("too_many_deletions", "unidentified_rows")


class Undecidable(InvalidOption):
    """A decision about a refused import cannot be taken; ``code`` says why, and the message what to do."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable code and the sentence."""
        super().__init__(message)
        self.code = code


def is_refused(import_: Import) -> bool:
    """Return True if an import has failed because of its removals, or because an approved plan has changed."""
    refused = import_.code in APPROVABLE or (import_.code == "plan_changed" and import_.approves is not None)
    return refused and import_.status is Status.FAILED and import_.plan is not None


def removals(import_: Import) -> int:
    """Return the number of records that the plan of an import removes."""
    return (import_.plan or {})["overwritten" if import_.options.action is Action.OVERWRITE else "deleted"]


def makers(connection: psycopg.Connection[Any], import_: Import) -> set[str]:
    """Return the persons and keys that have made an import: its file, the dry run that it commits, or a correction.

    Approvals do not count: who has approved a plan that changed since may approve the new one.
    """
    found: set[str] = set()
    while import_.approves is not None:
        import_ = import_records.get_import(connection, import_.approves)
    next_id: str | None = import_.id
    while next_id is not None:
        try:
            import_ = import_records.get_import(connection, next_id)
        except import_records.NoSuchImport:
            break
        found |= {import_.created_by} if import_.created_by else set()
        next_id = import_.commits or import_.corrects
    return found
