"""Why a header cannot be imported: the errors of column mapping, and how their messages spell headers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping.headers.aliases import NAME_PARTS, normalise

# How many headers a message lists, and after how many characters it cuts one.
_SHOWN: Final = 12
_SHOWN_LENGTH: Final = 40


def refuse_equal_headers(names: Sequence[str]) -> None:
    """Refuse two columns of one name: even where both are ignored, one of them was not meant."""
    first: dict[str, int] = {}
    for at, name in enumerate(names):
        if name in first:
            raise refused(
                "duplicate_header",
                f"columns {first[name] + 1} and {at + 1} are both named {quoted(name)}; rename or remove one",
            )
        if name and not name.startswith("_"):
            first[name] = at


def refuse_two_name_parts(found: Mapping[str, Sequence[int]], names: Sequence[str]) -> None:
    """Refuse two columns for one part of the name, where the name is made of its parts."""
    used = {position for positions in found.values() for position in positions}
    parts = {
        part: [at for at, name in enumerate(names) if at not in used and normalise(name) in variants]
        for part, variants in NAME_PARTS.items()
    }
    if "name" in found or not parts["first"] or not parts["last"]:
        return
    for part, positions in parts.items():
        if len(positions) > 1:
            raise two_for_one(f"name ({part})", positions, names, remedy="remove or rename one")


def two_for_one(
    field: str, positions: Sequence[int], names: Sequence[str], remedy: str | None = None
) -> PermanentFailure:
    """Return the error of two columns that mean one field."""
    one, other = positions[:2]
    # The column with the field's own name is likelier the one to keep.
    kept = other if normalise(names[other]) == normalise(field) else one
    choice = f"{field}={cut(names[kept])}"
    remedy = remedy or f"remove one, or give column_mapping {choice} to leave the other out"
    return refused(
        "duplicate_header",
        f"column {one + 1} {quoted(names[one])} and column {other + 1} {quoted(names[other])} both mean "
        f"the field {quoted(field)}; {remedy}",
    )


def refuse_conflicts(
    found: Mapping[str, Sequence[int]], names: Sequence[str], resource: catalog.Resource
) -> None:
    """Refuse a list that is set and added to, or removed from, in one file."""
    for field in resource.fields:
        if field.operation != "set" or field.name not in found:
            continue
        for operation in ("add", "remove"):
            other = f"{field.column}.{operation}"
            if other in found:
                raise refused(
                    "conflicting_columns",
                    f"the file has {quoted(names[found[field.name][0]])}, which sets all {field.column}, "
                    f"together with {quoted(names[found[other][0]])}; keep either the one, or "
                    f"`{field.column}.add` and `{field.column}.remove`",
                )


def closest(wanted: str, names: Sequence[str]) -> list[str]:
    """Return the names that look most like ``wanted``, the closest first."""
    by_key = {normalise(name): name for name in reversed(names) if name}
    return [by_key[key] for key in difflib.get_close_matches(normalise(wanted), list(by_key), n=3)]


def listed(names: Sequence[str]) -> str:
    """Return a list of headers in a readable length."""
    shown = [quoted(name) if name else "(no name)" for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(shown) or "no column") + more


def quoted(name: str) -> str:
    """Return a header between backticks, cut to a readable length."""
    return f"`{cut(name)}`"


def cut(name: str) -> str:
    """Return a header cut to a readable length."""
    return name if len(name) <= _SHOWN_LENGTH else name[: _SHOWN_LENGTH - 1] + "…"


def refused(code: str, text: str) -> PermanentFailure:
    """Return the error whose sentence becomes the reason of the import."""
    sentence = f"The {text}" if text.startswith("column_mapping") else f"{text[0].upper()}{text[1:]}"
    return PermanentFailure(code, f"{sentence}.")
