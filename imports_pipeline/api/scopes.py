"""What a key needs beside the scope of its route: to see stored records, and to reach the import behind a batch.

A route's own scope is checked before anything is looked up (``callers.needs``). What depends on the import that is
asked for is checked here, when that has been found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.model.imports import Import
from imports_pipeline.registry.api_keys import ApiKey

#: Files that show stored records, also ones that the uploaded file does not name.
SHOW_RECORDS: Final = frozenset({"plan_csv", "plan_json", "result_json"})
_READ: Final = {"contact": "contacts:read", "group": "groups:read"}


def check_files(key: ApiKey, import_: Import, names: Iterable[str]) -> None:
    """Check that the key may read these files of an import, named as in ``objects.FILES``. Raises ``Refusal``."""
    shown = sorted(SHOW_RECORDS.intersection(names))
    scope = _READ[import_.resource]
    if shown and not key.allows(scope):
        raise lacks(scope, f"{shown[0]} shows stored {import_.resource}s")


def check_batch(key: ApiKey, batch: Import, scope: str) -> None:
    """Check that the key may reach the files and the writes of a batch. Raises ``Refusal``.

    Those of an import's batch are the import's, so the key needs this ``scope`` of imports.
    """
    if not batch.is_batch and not key.allows(scope):
        raise lacks(scope, f"the batch is a part of the import {batch.id}")


def lacks(scope: str, why: str = "") -> Refusal:
    """Return the refusal of a key that lacks a scope."""
    because = f", and {why}" if why else ""
    return Refusal(403, "forbidden", f"The key lacks the scope {scope}{because}; make a key that has it.")
