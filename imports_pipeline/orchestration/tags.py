"""Run tags: the index of imports on the Runs page, and how a run knows its import."""

from __future__ import annotations

from typing import Final

from imports_pipeline.model.imports import Import

IMPORT_ID: Final = "imports/id"
RESOURCE: Final = "imports/resource"
ACTION: Final = "imports/action"
STATUS: Final = "imports/status"
ORGANIZATION: Final = "imports/organization"
#: On runs that only write; one at a time for each value.
WRITE_LOCK: Final = "imports/write_lock"


def of(import_: Import) -> dict[str, str]:
    """Give the tags that every run of an import carries."""
    return {
        IMPORT_ID: import_.id,
        ORGANIZATION: import_.organization_id,
        RESOURCE: import_.resource,
        ACTION: import_.options.action.value,
    }


def of_write(import_: Import) -> dict[str, str]:
    """Give the tags of a run that writes a queued batch."""
    return {**of(import_), WRITE_LOCK: f"{import_.organization_id}/{import_.resource}"}
