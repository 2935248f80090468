"""Columns: which field each header of a file stands for, or why the file cannot be imported.

Only names are looked at here, never a cell. The rules, in the order in which they are tried:

1. ``column_mapping`` {field: header}: the header as it is written, else normalised (``names.normalise``).
2. The field's own name, normalised, and ``metadata.KEY`` for any key, which keeps its spelling and case.
3. An alias of the catalog. One that two fields share (``Mobile``: ``phone``, ``alternate_phones.mobile``)
   goes to the first of them that no other column stands for.
4. First and last name (and a middle one) become a contact's ``name``, if no column is the name.

Whatever is left is ignored and listed, except columns that begin with ``_``: these come from our own errors
files and are ignored silently. Two columns for one field are an error and never a choice: to take the one and
leave the other out would lose values without a word.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.options import Action, UnknownColumns
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping.aliases import NAME_PARTS, candidates, normalise
from imports_pipeline.schemas.column_mapping.header_text import looks_like_header

_EDGES: Final = "\ufeff\u200b\u200c\u200d\u2060"
#: how many headers, and of what length, a message shows.
_SHOWN: Final = 12
_SHOWN_LENGTH: Final = 40


@dataclass(frozen=True)
class MappedColumn:
    """One field and the columns (0-based) that it is read from.

    Several only for the parts of a full name, which are joined by one space with blanks left out.
    """

    field: str
    positions: tuple[int, ...]
    headers: tuple[str, ...]


@dataclass(frozen=True)
class ColumnMap:
    """The fields that a file has, in its order, and the headers that are ignored, as they are written."""

    columns: tuple[MappedColumn, ...]
    ignored: tuple[str, ...]


def map_columns(
    header: Sequence[str],
    resource: catalog.Resource,
    *,
    action: Action,
    match_on: Sequence[str],
    column_mapping: Mapping[str, str],
    unknown_columns: UnknownColumns,
) -> ColumnMap:
    """Find the field of every column.

    ``match_on`` names identity keys of the resource (``KeyError`` for another); empty means its default.
    Raises ``PermanentFailure`` with ``duplicate_header``, ``missing_column``, ``unknown_column``,
    ``unknown_mapped_column``, ``invalid_column_mapping`` or ``conflicting_columns``.
    """
    names = [text.strip().strip(_EDGES).strip() for text in header]
    _refuse_equal(names)
    given = _explicit(names, resource, column_mapping)
    found = _named(names, resource, given)
    for field, positions in found.items():
        if len(positions) > 1:
            raise _two_for_one(field, positions, names)
    if resource.name == "contact" and "name" not in found:
        _add_name_parts(found, names)
    used = {position for positions in found.values() for position in positions}
    left = [at for at, name in enumerate(names) if at not in used and not name.startswith("_")]
    _refuse_conflicts(found, names, resource)
    _refuse_missing(
        found,
        names,
        left,
        resource,
        action,
        [resource.key(key) for key in match_on or resource.default_match_on],
    )
    ignored = tuple(names[at] or f"column {at + 1}" for at in left)
    if unknown_columns is UnknownColumns.REJECT and ignored:
        raise _refused(
            "unknown_column",
            f"no field of a {resource.name}: {_listed(ignored)}; remove or rename such columns, give "
            "column_mapping FIELD=HEADER, or set unknown_columns to ignore",
        )
    return ColumnMap(
        tuple(
            MappedColumn(field, tuple(positions), tuple(names[at] for at in positions))
            for field, positions in sorted(found.items(), key=lambda item: min(item[1]))
        ),
        ignored,
    )


def _refuse_equal(names: Sequence[str]) -> None:
    """Refuse two columns of one name: even where both are ignored, one of them was not meant."""
    first: dict[str, int] = {}
    for at, name in enumerate(names):
        if name in first:
            raise _refused(
                "duplicate_header",
                f"columns {first[name] + 1} and {at + 1} are both named {_quoted(name)}; "
                "rename or remove one",
            )
        if name and not name.startswith("_"):
            first[name] = at


def _explicit(
    names: Sequence[str], resource: catalog.Resource, column_mapping: Mapping[str, str]
) -> dict[str, int]:
    """Return field → position of what ``column_mapping`` says."""
    positions: dict[str, int] = {}
    for wanted, header in column_mapping.items():
        field, at = _mapped_field(wanted, resource), _mapped_position(header, names)
        if field in positions:
            raise _refused(
                "invalid_column_mapping",
                f"column_mapping names the field {_quoted(field)} twice; keep one of them",
            )
        if at in positions.values():
            other = next(name for name, taken in positions.items() if taken == at)
            raise _refused(
                "invalid_column_mapping",
                f"column_mapping gives the header {_quoted(names[at])} to both {_quoted(other)} and "
                f"{_quoted(field)}; a header may be mapped once",
            )
        positions[field] = at
    return positions


def _mapped_field(wanted: str, resource: catalog.Resource) -> str:
    """Find the field that ``column_mapping`` means."""
    exact = resource.find(wanted)
    if exact is not None:
        return exact.name
    if meant := candidates(wanted, resource):
        return meant[0]
    close = difflib.get_close_matches(wanted, [field.name for field in resource.fields], n=1)
    hint = (
        f"; perhaps {_quoted(close[0])} is meant"
        if close
        else f"; fields are {_listed(list(resource.by_name))}"
    )
    raise _refused(
        "invalid_column_mapping",
        f"column_mapping names {_quoted(wanted)}, which is no field of a {resource.name}{hint}",
    )


def _mapped_position(header: str, names: Sequence[str]) -> int:
    """Find the column that ``column_mapping`` means: as it is written first, then normalised."""
    written = header.strip().strip(_EDGES).strip()
    matches = [at for at, name in enumerate(names) if name and name == written]
    if not matches and normalise(written):
        matches = [at for at, name in enumerate(names) if normalise(name) == normalise(written)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        one, other = matches[:2]
        raise _refused(
            "duplicate_header",
            f"column_mapping names {_quoted(header)}, which can mean column {one + 1} {_quoted(names[one])} "
            f"and {other + 1} {_quoted(names[other])}; write it as it stands in the file, or rename one",
        )
    close = _closest(header, names)
    hint = f"; perhaps {_quoted(close[0])} is meant" if close else ""
    raise _refused(
        "unknown_mapped_column",
        f"column_mapping names the column {_quoted(header)}, which the file does not have; "
        f"it has {_listed(names)}{hint}",
    )


def _named(
    names: Sequence[str], resource: catalog.Resource, given: Mapping[str, int]
) -> dict[str, list[int]]:
    """Return field → positions of the columns that are mapped explicitly or say by their name what they are."""
    found = {field: [at] for field, at in given.items()}
    shared: list[tuple[int, tuple[str, ...]]] = []
    for at, name in enumerate(names):
        if at in given.values() or not name or name.startswith("_"):
            continue
        # A field that is mapped explicitly has its column: others of its name are ignored, and listed.
        meant = tuple(field for field in candidates(name, resource) if field not in given)
        if len(meant) == 1:
            found.setdefault(meant[0], []).append(at)
        elif meant:
            shared.append((at, meant))
    for at, meant in shared:
        free = next((field for field in meant if field not in found), meant[0])
        found.setdefault(free, []).append(at)
    return found


def _add_name_parts(found: dict[str, list[int]], names: Sequence[str]) -> None:
    """Make ``name`` of the columns of its parts; a first or a last name alone is no full name."""
    used = {position for positions in found.values() for position in positions}
    parts = {
        part: [at for at, name in enumerate(names) if at not in used and normalise(name) in variants]
        for part, variants in NAME_PARTS.items()
    }
    if not parts["first"] or not parts["last"]:
        return
    for part, positions in parts.items():
        if len(positions) > 1:
            raise _two_for_one(f"name ({part})", positions, names, remedy="remove or rename one")
    found["name"] = [at for positions in parts.values() for at in positions]


def _two_for_one(
    field: str, positions: Sequence[int], names: Sequence[str], remedy: str | None = None
) -> PermanentFailure:
    one, other = positions[:2]
    # The column with the field's own name is likelier the one to keep.
    kept = other if normalise(names[other]) == normalise(field) else one
    choice = f"{field}={_cut(names[kept])}"
    remedy = remedy or f"remove one, or give column_mapping {choice} to leave the other out"
    return _refused(
        "duplicate_header",
        f"column {one + 1} {_quoted(names[one])} and column {other + 1} {_quoted(names[other])} both mean "
        f"the field {_quoted(field)}; {remedy}",
    )


def _refuse_conflicts(
    found: Mapping[str, Sequence[int]], names: Sequence[str], resource: catalog.Resource
) -> None:
    """Refuse a list that is set and added to, or removed from, in one file."""
    for field in resource.fields:
        if field.operation != "set" or field.name not in found:
            continue
        for operation in ("add", "remove"):
            other = f"{field.column}.{operation}"
            if other in found:
                raise _refused(
                    "conflicting_columns",
                    f"the file has {_quoted(names[found[field.name][0]])}, which sets all {field.column}, "
                    f"together with {_quoted(names[found[other][0]])}; keep either the one, or "
                    f"`{field.column}.add` and `{field.column}.remove`",
                )


def _refuse_missing(
    found: Mapping[str, Sequence[int]],
    names: Sequence[str],
    left: Sequence[int],
    resource: catalog.Resource,
    action: Action,
    keys: Sequence[catalog.IdentityKey],
) -> None:
    """Refuse a file in which no row can create or be identified, and say which headers look like it."""
    deletes = action is Action.DELETE
    ways = [("id",)] if deletes else [resource.required, *(key.fields for key in keys)]
    if any(all(field in found for field in way) for way in ways):
        return
    missing = [field for field in ways[0] if field not in found]
    free = [names[at] for at in left if names[at]]
    guesses: dict[str, str] = {}
    for field in missing:
        known = resource.by_name[field]
        for wanted in (field, *known.aliases):
            if close := _closest(wanted, [name for name in free if name not in guesses.values()]):
                guesses[field] = close[0]
                break
    wanted = " ".join(f"{field}=HEADER" for field in missing)
    hint = f"; rename a column, or give column_mapping {wanted}"
    if guesses:
        asked = " and ".join(_quoted(guess) for guess in guesses.values())
        mapping = ", ".join(f"{field}={_cut(guess)}" for field, guess in guesses.items())
        hint = f"; did you mean {asked}? Rename it or give column_mapping {mapping}"
    if not looks_like_header(names):
        hint = "; the line that was taken for the header looks like data: put a header above it, or give header_line"
    identities = ", ".join(dict.fromkeys("+".join(way) for way in ways[1:] if way != ways[0]))
    instead = f" (nor one to match stored records on: {identities})" if identities else ""
    columns = " and no column ".join(_quoted(field) for field in missing)
    raise _refused(
        "missing_column", f"the file has no column {columns}{instead}; it has {_listed(names)}{hint}"
    )


def _closest(wanted: str, names: Sequence[str]) -> list[str]:
    """Return the names that look most like ``wanted``, the closest first."""
    by_key = {normalise(name): name for name in reversed(names) if name}
    return [by_key[key] for key in difflib.get_close_matches(normalise(wanted), list(by_key), n=3)]


def _listed(names: Sequence[str]) -> str:
    """Spell a list of headers in a readable length."""
    shown = [_quoted(name) if name else "(no name)" for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(shown) or "no column") + more


def _quoted(name: str) -> str:
    return f"`{_cut(name)}`"


def _cut(name: str) -> str:
    return name if len(name) <= _SHOWN_LENGTH else name[: _SHOWN_LENGTH - 1] + "…"


def _refused(code: str, text: str) -> PermanentFailure:
    """Make the text the sentence that the import's reason is."""
    sentence = f"The {text}" if text.startswith("column_mapping") else f"{text[0].upper()}{text[1:]}"
    return PermanentFailure(code, f"{sentence}.")
