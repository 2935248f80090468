"""States, outcomes, actions and times in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: What the person chooses on Send, and the action of the API.
ACTIONS: Final = {"merge": "Add and update", "overwrite": "Replace all", "delete": "Delete"}
RESOURCES: Final = {"contact": "Contacts", "group": "Groups"}
PHASES: Final = {
    "prevalidation": "Reading and checking the file",
    "preparsing": "Looking for duplicates in the file",
    "transforming": "Finding the stored records",
    "parsing": "Preparing the records",
    "validation": "Making the plan",
    "processing": "Writing",
    "cleanup": "Finishing",
}
#: Operations of a plan, as the answer to what happens with the record.
OPERATIONS: Final = {
    "created": "created",
    "updated": "changed",
    "deleted": "removed",
    "overwritten": "removed, not in the file",
    "groups_created": "group created",
    "groups_deleted": "group removed",
    "groups_left": "group left as it is",
    "conflict": "left as it is",
}
REMOVALS: Final = ("deleted", "overwritten")
FINAL: Final = ("completed", "failed", "timed_out", "expired")
#: The codes of imports that a guard refused, which a person may approve.
APPROVABLE: Final = ("too_many_deletions", "unidentified_rows")
STATUSES: Final = {
    "requested": "being checked",
    "queued": "waiting to be written",
    "processing": "being written",
    "completed": "done",
    "failed": "failed, nothing was changed",
    "timed_out": "took too long, nothing was changed",
    "expired": "no file was sent",
}


def number(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Example:
        >>> number(1, "row"), number(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def action_of(import_: Mapping[str, Any]) -> str:
    """Return what an import does, such as ``Add and update``; ``Undo`` for a revert."""
    return ACTIONS.get(import_["action"], "Undo")


def title(import_: Mapping[str, Any], when: str) -> str:
    """Return the name of an import, or what it is and when it began."""
    return import_["name"] or f"{'Undo' if import_['action'] == 'revert' else 'Import'} of {when}"


def is_refused(import_: Mapping[str, Any]) -> bool:
    """Return True if a guard has refused the import because of the records that it would remove."""
    return import_["status"] == "failed" and import_["code"] in APPROVABLE


def is_changed(import_: Mapping[str, Any]) -> bool:
    """Return True if the plan of a confirmed or approved import was another one than that which the person saw."""
    return import_["status"] == "failed" and import_["code"] == "plan_changed"


def has_plan(import_: Mapping[str, Any]) -> bool:
    """Return True if the import keeps a plan that a person may want to see."""
    kept = bool(import_.get("dry_run")) or is_refused(import_) or is_changed(import_)
    return kept and bool(import_.get("plan"))


def state(import_: Mapping[str, Any]) -> str:
    """Return the state of an import in words, such as ``done, 11 rows left out``."""
    left_out = import_["stats"].get("rejected", 0)
    status = str(import_["status"])
    if status == "requested" and not import_["has_upload_file"] and import_.get("source") == "upload_url":
        text = "waiting for its file"
    elif is_refused(import_):
        approved = import_.get("approval")
        text = "refused, and approved since" if approved else "refused: it would remove too much"
        if import_.get("rejected_by"):
            text = "refused, and an approver said no"
    elif is_changed(import_):
        text = "not written, because the plan has changed"
    elif import_.get("code") == "canceled":
        text = "canceled, nothing was changed"
    elif import_.get("dry_run") and status == "completed":
        text = "checked, nothing written"
    elif import_.get("reverted_by"):
        text = "done, and undone since"
    else:
        text = STATUSES.get(status, status)
    if status == "completed" and left_out and import_["action"] != "revert":
        text += f", {number(left_out, 'row')} left out"
    return text


def outcome(import_: Mapping[str, Any]) -> str:
    """Return the counts of an import as a sentence, such as "6 will be created, 5 changed."."""
    # A refused import wrote nothing; its counts are those of the plan.
    planned = has_plan(import_)
    # The plan of an undo counts the records that somebody has changed since as conflicts.
    is_undo = import_["action"] == "revert"
    stats = {**import_["stats"], **(import_.get("plan") or {})} if planned or is_undo else import_["stats"]
    removed = stats.get("deleted", 0) + stats.get("overwritten", 0)
    parts = [
        (stats.get("created", 0), "created"),
        (stats.get("updated", 0), "changed"),
        (removed, "removed"),
        (stats.get("unchanged", 0), "unchanged"),
        (stats["conflict"], "left as it is")
        if "conflict" in stats
        else (stats.get("rejected", 0), "left out"),
    ]
    parts = [(count, what) for count, what in parts if count]
    if not parts:
        return "Nothing would change." if planned else "Nothing was changed."
    verb = {"unchanged": "will stay "}.get(parts[0][1], "will be ") if planned else ""
    words = [f"{count:,} {verb if place == 0 else ''}{what}" for place, (count, what) in enumerate(parts)]
    return ", ".join(words) + "."


def changes(import_: Mapping[str, Any]) -> int:
    """Return how many records the import, or its plan, changes."""
    counts = (import_.get("plan") or import_["stats"]) if has_plan(import_) else import_["stats"]
    return sum(counts.get(name, 0) for name in ("created", "updated", "deleted", "overwritten"))


def removals(import_: Mapping[str, Any]) -> int:
    """Return how many records the plan of an import removes."""
    plan = import_.get("plan") or import_["stats"]
    return int(plan.get("deleted", 0) + plan.get("overwritten", 0))


def time_of(epoch: float, zone: str) -> str:
    """Return a time in the time zone of the viewer, such as ``30 Nov 2026, 14:05``."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        there = ZoneInfo("UTC")
    moment = datetime.fromtimestamp(epoch, there)
    return f"{moment.day} {moment:%b %Y, %H:%M}{'' if there.key != 'UTC' else ' UTC'}"
