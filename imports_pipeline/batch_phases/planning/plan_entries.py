"""The entries of ``plan.json``, page by page and filtered, with what changes field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.filestore.stores import Folder
from imports_pipeline.import_phases.files.entry_index import EntryFile, Page, read_page
from imports_pipeline.model.files import PLAN_INDEX, PLAN_JSON
from imports_pipeline.schemas.catalog import GROUP, JSON_COLUMNS, RESOURCES, Resource

# The members that a search looks at.
_SEARCHED: Final = ("name", "id", "email", "external_id")
_FILE: Final = EntryFile(
    PLAN_JSON,
    PLAN_INDEX,
    pa.schema([(name, pa.string()) for name in ("operation", *_SEARCHED)]),
    lambda members: members,
    "operation",
)
# The operations that remove the record; ``changes`` has the record as it is stored.
_REMOVALS: Final = frozenset({"deleted", "overwritten", "groups_deleted"})
# The operations that leave the record alone; ``changes`` has the reason.
_LEFT_ALONE: Final = frozenset({"conflict", "groups_left"})


def read_plan(
    folder: Folder,
    resource: str,
    first: int,
    count: int,
    *,
    operation: str | None = None,
    search: str | None = None,
) -> Page | None:
    """Return a page of the plan of an import, removals first, or None if it has no plan file.

    Args:
        folder: The folder of the import.
        resource: The name of its resource.
        first: The number of entries before the page.
        count: The largest number of entries on the page.
        operation: Only entries with this operation.
        search: Only records with this text in their name, id, email or external id, in any case.
    """

    def wanted(entries: pa.Table) -> pa.Array:
        masks = []
        if operation is not None:
            masks.append(pc.equal(entries["operation"], operation))
        if search is not None:
            masks.append(_contains(entries, search))
        mask = masks[0] if len(masks) == 1 else pc.and_(*masks)
        return mask.combine_chunks()

    needs = [*(["operation"] if operation is not None else ()), *(_SEARCHED if search is not None else ())]
    page = read_page(folder, _FILE, first, count, wanted if needs else None, needs)
    if page is None:
        return None
    return Page([_shown(entry, RESOURCES[resource]) for entry in page.entries], page.total, page.counts)


def _contains(entries: pa.Table, search: str) -> pa.ChunkedArray:
    found = [
        pc.fill_null(pc.match_substring(entries[name], search, ignore_case=True), False) for name in _SEARCHED
    ]
    mask = found[0]
    for one in found[1:]:
        mask = pc.or_(mask, one)
    return mask


def _shown(entry: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    operation, changes = entry["operation"], entry["changes"] or {}
    left_alone = operation in _LEFT_ALONE
    if operation.startswith("groups_"):
        # The plan of contacts also has the groups that are created for them.
        resource = GROUP
    return {
        **{name: entry[name] for name in ("operation", "line", "id", "name", "email", "external_id")},
        "changes": [] if left_alone else list(_changes(operation, changes, resource)),
        "reason": changes["reason"] if left_alone else None,
    }


def _changes(operation: str, changes: Mapping[str, Any], resource: Resource) -> Iterator[dict[str, Any]]:
    """Yield what changes of a record, by the names of its fields; times and authors are left out."""
    fields = _fields_of_columns(resource)
    for name, value in changes.items():
        field = name if resource.find(name) else fields.get(name)
        if field is None:
            continue
        if operation in _REMOVALS:
            yield from _values(field, value, None)
        elif operation == "created":
            # A revert brings a record back as it was.
            yield from _values(field, None, value)
        elif "added" in value:
            yield {"field": field, "old": None, "new": None, **value}
        else:
            yield from _values(field, value["old"], value["new"])


def _fields_of_columns(resource: Resource) -> dict[str, str]:
    """Return column → field; a column or list of several fields keeps its name."""
    fields = {
        field.column: field.column if field.key or field.operation else field.name
        for field in resource.fields
    }
    return {**fields, "metadata": "metadata"}


def _values(field: str, old: Any, new: Any) -> Iterator[dict[str, Any]]:
    if field not in JSON_COLUMNS:
        if old != new and field != "id":
            yield {"field": field, "old": old, "new": new}
        return
    before, after = old or {}, new or {}
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield {"field": f"{field}.{key}", "old": before.get(key), "new": after.get(key)}
