"""Scope checks that depend on the requested import: files with stored records, and batches of imports.

``authentication.require_scope`` checks the scope of a route before anything is read from the database. The functions
here run after the import has been found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.model.imports import Import
from imports_pipeline.registry.api_keys import ApiKey

#: The files that show stored records, even records that the uploaded file does not name.
SHOW_RECORDS: Final = frozenset({"plan_csv", "plan_json", "result_json"})
_READ: Final = {"contact": "contacts:read", "group": "groups:read"}


def check_files(key: ApiKey, import_: Import, names: Iterable[str]) -> None:
    """Check that the key may read these files of an import, named as in ``objects.FILES``.

    Raises:
        Refusal: a file shows stored records, and the key may not read those.
    """
    shown = sorted(SHOW_RECORDS.intersection(names))
    scope = _READ[import_.resource]
    if shown and not key.allows(scope):
        raise missing_scope(scope, f"{shown[0]} shows stored {import_.resource}s")


def check_batch(key: ApiKey, batch: Import, scope: str) -> None:
    """Check that the key may use a batch, which belongs to an import or has been created from JSON items.

    The files and the writes of an import's batch are those of the import, so the key needs ``scope`` for them.

    Raises:
        Refusal: the batch belongs to an import, and the key lacks ``scope``.
    """
    if not batch.is_batch and not key.allows(scope):
        raise missing_scope(scope, f"the batch belongs to the import {batch.id}")


def missing_scope(scope: str, reason: str = "") -> Refusal:
    """Return the refusal of a key that lacks a scope."""
    because = f", and {reason}" if reason else ""
    return Refusal(403, "forbidden", f"The key lacks the scope {scope}{because}; create a key that has it.")
