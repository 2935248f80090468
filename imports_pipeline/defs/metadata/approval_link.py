"""The link from a refused run to the job that approves it, with its run config filled in."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

import dagster as dg
import yaml

from imports_pipeline.model.imports import Import
from imports_pipeline.settings import Settings
from imports_pipeline.workflow.decisions.refusable import is_refused, removals

# Dagster's name of a code location's definitions that are not in a repository.
_REPOSITORY: Final = "__repository__"


def of(settings: Settings, import_: Import) -> dict[str, Any]:
    """Return the metadata ``approve`` of an import that waits for an approval; nothing for others."""
    if not is_refused(import_):
        return {}
    return {"approve": dg.MetadataValue.url(url(settings, import_))}


def url(settings: Settings, import_: Import) -> str:
    """Return the URL of the Launchpad of ``approve_import`` for this plan; the approver adds a name."""
    given = {
        "import_id": import_.id,
        "max_deletions": removals(import_),
        "plan_checksum": import_.plan_checksum,
        "approved_by": None,
    }
    config = yaml.safe_dump(given, sort_keys=False)
    location = quote(f"{_REPOSITORY}@{settings.code_location}", safe="")
    launchpad = f"{settings.dagster_url}/locations/{location}/jobs/approve_import/playground/setup"
    return f"{launchpad}?{urlencode({'config': config})}"
