"""What an overwrite may remove, and how much of it without an approval: the model's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imports_pipeline_tests.overwrite.model import CONTACT, Kind, Store

COUNTS = (
    "created", "updated", "unchanged", "deleted", "overwritten", "scope", "unidentified", "first_unidentified",
)  # fmt: skip


def scope_of(store: Store, kind: Kind, place: str | None) -> set[str]:
    """Return the ids of the records that an overwrite removes if the file does not name them."""
    records = store.records[kind.name]
    if place is None:
        return set(records)
    if kind is CONTACT:
        return {id_ for id_ in records if (id_, place) in store.places}
    return {id_ for id_, one in records.items() if one.values["location_id"] == place}


def guard(action: str, options: Mapping[str, Any], plan: Mapping[str, int]) -> str | None:
    """Return the code of the guard that stops the removals of a plan, or ``None``."""
    removed = plan["overwritten" if action == "overwrite" else "deleted"]
    approved = options.get("max_deletions")
    if approved is not None:
        return "too_many_deletions" if removed > approved else None
    if action != "overwrite" or not removed:
        return None
    floor, percent = options.get("deletion_floor", 10), options.get("deletion_percent", 10)
    if removed > options.get("deletion_total", 500):
        return "too_many_deletions"
    if removed > floor and 100 * removed > percent * plan["scope"]:
        return "too_many_deletions"
    return "unidentified_rows" if plan["unidentified"] else None
