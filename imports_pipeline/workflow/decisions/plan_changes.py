"""The sentence that says how the plan of an import differs from the plan that was committed or approved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import psycopg

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.files import PLAN_JSON, Files
from imports_pipeline.model.imports import Import, shown_as
from imports_pipeline.registry import import_records

# Counts of a plan that say nothing about what is done to records.
_NOT_DONE: Final = ("scope", "first_unidentified")
# Entries are only compared one by one in plans of at most so many entries.
_COMPARED_ENTRIES: Final = 10_000
# The number of entries that the sentence names.
_NAMED: Final = 3
# The columns of a removed record that are no values of it.
_NOT_VALUES: Final = ("created_at", "updated_at", "updated_by")


def changed_counts(seen: Import, import_: Import) -> dict[str, tuple[int, int]]:
    """Return the counts that differ between the plan that was seen and that of the import: name → (old, new)."""
    old, new = seen.plan or {}, import_.plan or {}
    return {
        name: (old.get(name, 0), new.get(name, 0))
        for name in {**old, **new}
        if name not in _NOT_DONE and old.get(name, 0) != new.get(name, 0)
    }


def plan_changed(connection: psycopg.Connection[Any], store: Store, import_: Import) -> str:
    """Return the reason of an import whose plan is another than the one that was seen.

    Args:
        connection: a connection that sees both imports.
        store: the file store with their plan files.
        import_: the import with its new plan, whose plan file has been written.
    """
    seen = import_records.seen_plan(connection, import_)
    counts = ", ".join(
        f"{shown_as(name)} {old:,} → {new:,}" for name, (old, new) in changed_counts(seen, import_).items()
    )
    what = counts or "the counts are the same, but not the records or their values"
    names = _names(store.folder(seen.folder), store.folder(import_.folder))
    if import_.commits:
        again = f"look at the new plan, and commit {import_.commits} with its plan_checksum"
    else:
        again = f"look at the new plan, and approve {import_.id}"
    what = f"The plan is another now than that of {seen.id}: {what}; nothing was changed."
    return f"{what}{names} If it is right, {again}."


def _names(old: Files, new: Files) -> str:
    """Return a sentence with the names of the first entries that only one of the two plans has."""
    before, after = _entries(old), _entries(new)
    if before is None or after is None:
        return ""
    said = [
        f"{what} {', '.join(named)}"
        for what, named in (
            ("new in the plan:", _only(after, before)),
            ("no longer in it:", _only(before, after)),
        )
        if named
    ]
    if not said:
        return ""
    sentence = "; ".join(said)
    return f" {sentence[0].upper()}{sentence[1:]}."


def _only(plan: dict[str, str], other: dict[str, str]) -> list[str]:
    names = [name for key, name in plan.items() if key not in other]
    more = [f"and {len(names) - _NAMED:,} more"] if len(names) > _NAMED else []
    return [*names[:_NAMED], *more]


def _entries(files: Files) -> dict[str, str] | None:
    """Return the entries of a plan, each as a text that can be compared, with its name; None for a large plan."""
    if not files.exists(PLAN_JSON):
        return None
    with files.open_read(PLAN_JSON) as file:
        lines = list(islice(file, _COMPARED_ENTRIES + 3))
    if len(lines) > _COMPARED_ENTRIES + 2:
        return None
    entries = [json.loads(line.rstrip(b",\n")) for line in lines if line.startswith(b"{")]
    # The ids of new records are others in each plan.
    made = {
        one["id"]: f"new {one['name']}"
        for one in entries
        if one["operation"] in ("created", "groups_created")
    }
    return {_compared(one, made): f"{one['name'] or one['id']} ({one['operation']})" for one in entries}


def _compared(entry: dict[str, Any], made: dict[str, str]) -> str:
    changes = entry["changes"] or {}
    values = {
        name: sorted(_texts(value, made)) if isinstance(value, dict) and "added" in value else value
        for name, value in changes.items()
        if name not in _NOT_VALUES
    }
    whose = made.get(entry["id"], entry["id"])
    return json.dumps([entry["line"], whose, entry["operation"], entry["email"], values], sort_keys=True)


def _texts(links: dict[str, Any], made: dict[str, str]) -> Iterator[str]:
    for operation, ids in links.items():
        for one in ids if isinstance(ids, list) else ():
            yield f"{operation} {made.get(one, one)}"
