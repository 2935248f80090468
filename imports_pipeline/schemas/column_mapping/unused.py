"""What a person should know of columns that are not used, and of values that found no field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.catalog import CONTACT, Resource
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS
from imports_pipeline.schemas.column_mapping.headers.header_words import undecorated
from imports_pipeline.schemas.column_mapping.headers.vocabulary import folded
from imports_pipeline.schemas.column_mapping.plan import ColumnMap
from imports_pipeline.schemas.column_mapping.sample import Sample

# How many columns one notice names.
_MOST: Final = 8
_LONGEST: Final = 40
# Headers whose cells are mostly lists of groups.
_LISTS: Final = frozenset(
    folded(name)
    for name in (
        "tags",
        "tag",
        "labels",
        "label",
        "groups",
        "group",
        "lists",
        "email lists",
        "categories",
        "category",
    )
)

# Cells that say that their row is deleted, as student information systems and directories write it.
_DELETED: Final = r"(?i)^(?:to[ _-]?be[ _-]?)?(?:deleted|removed)$"
_DELETED_OR_TRUE: Final = rf"{_DELETED}|(?i)^(?:true|yes|1)$"
_FLAGS: Final = frozenset(map(folded, ("deleted", "is deleted", "delete", "removed", "is removed")))


def unused_columns(
    header: Sequence[str], plan: ColumnMap, resource: Resource, rows: pa.RecordBatch | None
) -> str:
    """Return a sentence that names ignored columns which look like a field, and how to map them; empty if none does.

    Args:
        header: The headers of the file.
        plan: The plan of its columns.
        resource: What the rows are; only contacts have such columns.
        rows: The first rows.
    """
    if resource is not CONTACT or rows is None:
        return ""
    sample = Sample(rows)
    taken = {column.field for column in plan.columns}
    found: list[tuple[str, str, str]] = []
    for at, name in _ignored(header, plan):
        guess = _guess(name, at, sample, taken)
        if guess is not None:
            taken.add(guess[1])
            found.append((name, *guess))
    if not found:
        return ""
    shown = [
        f"`{_cut(name)}` ({what}: give column_mapping {field}={_cut(name)})"
        for name, what, field in found[:_MOST]
    ]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"Columns that look like values of a contact are not used: {', '.join(shown)}{more}."


def deleted_rows(header: Sequence[str], plan: ColumnMap, rows: pa.RecordBatch | None) -> str:
    """Return a sentence that names an ignored column whose cells say that rows are deleted; empty if none does.

    ``rows`` are the first rows.
    """
    for at, name in _ignored(header, plan) if rows is not None else ():
        pattern = _DELETED if folded(undecorated(name)) not in _FLAGS else _DELETED_OR_TRUE
        cells = Sample(rows).filled(at)
        marked = cells.filter(pc.match_substring_regex(cells, pattern))
        if len(marked):
            return (
                f"Rows say in column `{_cut(name)}` that they are deleted (`{marked[0].as_py()}`), and are imported "
                "like the others, because this column is not read. Take these rows out of the file: an overwrite "
                "removes the records that the file does not name, and a delete removes those that it names by id."
            )
    return ""


def values_left_out(left_out: Mapping[str, int]) -> str:
    """Return a sentence that says how many values of which columns found no field; empty if none was left out."""
    if not left_out:
        return ""
    counts = ", ".join(f"{count:,} of `{_cut(header)}`" for header, count in list(left_out.items())[:_MOST])
    more = f" and of {len(left_out) - _MOST} more columns" if len(left_out) > _MOST else ""
    return f"Values are left out because all fields that take them are filled in already: {counts}{more}."


def _ignored(header: Sequence[str], plan: ColumnMap) -> Iterator[tuple[int, str]]:
    """Yield position and name of the columns that are ignored and have a name."""
    ignored = set(plan.ignored)
    used = {at for column in plan.columns for at in column.positions}
    for at, name in enumerate(header):
        if at not in used and name.strip() in ignored:
            yield at, name.strip()


def _guess(name: str, at: int, sample: Sample, taken: set[str]) -> tuple[str, str] | None:
    """Return what the cells of a column look like, and a free field for it."""
    said = folded(undecorated(name))
    if said in _LISTS and len(sample.filled(at)):
        # A file may not set groups and add to them.
        return None if "groups.set" in taken else _free("names of groups", ("groups.add",), taken)
    if sample.has_emails(at):
        return _free("email addresses", SLOTS["email"].fields.values(), taken)
    if said.endswith(("id", "uuid", "guid", "idnumber")) and sample.has_ids(at):
        return _free("ids", ("external_id",), taken)
    if sample.has_phones(at) and not sample.has_dates(at):
        return _free("phone numbers", SLOTS["phone"].fields.values(), taken)
    if "name" in said and sample.has_names(at):
        return _free("names", ("name",), taken)
    return None


def _free(what: str, fields: Iterable[str], taken: set[str]) -> tuple[str, str] | None:
    field = next((field for field in fields if field not in taken), None)
    return None if field is None else (what, field)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
