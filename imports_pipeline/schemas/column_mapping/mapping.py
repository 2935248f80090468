"""Columns: which field each header of a file stands for, or why the file cannot be imported.

Only names are looked at here, never a cell. The rules, in the order in which they are tried:

1. ``column_mapping`` {field: header}: the header as it is written, else normalised (``aliases.normalise``).
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
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import pyarrow as pa

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.options import Action, MissingName, UnknownColumns
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping import templates
from imports_pipeline.schemas.column_mapping.aliases import NAME_PARTS, candidates, normalise
from imports_pipeline.schemas.column_mapping.foreign_ids import external_id_column
from imports_pipeline.schemas.column_mapping.header_text import looks_like_header
from imports_pipeline.schemas.column_mapping.header_words import meaning, undecorated
from imports_pipeline.schemas.column_mapping.plan import (
    Cell,
    ColumnMap,
    Family,
    ListCell,
    Lists,
    MappedColumn,
    Source,
)
from imports_pipeline.schemas.column_mapping.preset_columns import Told, told, told_apart
from imports_pipeline.schemas.column_mapping.presets import Preset
from imports_pipeline.schemas.column_mapping.rules import Understood, understand
from imports_pipeline.schemas.column_mapping.sample import Sample
from imports_pipeline.schemas.column_mapping.templates import is_template

_EDGES: Final = "\ufeff\u200b\u200c\u200d\u2060"
# how many headers, and of what length, a message shows.
_SHOWN: Final = 12
_SHOWN_LENGTH: Final = 40


def map_columns(
    header: Sequence[str],
    resource: catalog.Resource,
    *,
    action: Action,
    match_on: Sequence[str],
    column_mapping: Mapping[str, str],
    unknown_columns: UnknownColumns,
    sample: pa.RecordBatch | None = None,
    preset: Preset | None = None,
    by_rule: bool = True,
    several_emails: frozenset[int] | None = frozenset(),
    missing_name: MissingName | None = None,
) -> ColumnMap:
    """Find where each field of the file is read from.

    Args:
        header: The headers as they are written.
        resource: What the rows are.
        action: What the import does; ``delete`` needs ids of this system.
        match_on: Identity keys of the resource; empty means its default.
        column_mapping: Field → header, or template of headers.
        unknown_columns: Whether columns without a meaning fail the import.
        sample: The first rows of the file. Without it, rules that need cells are not applied.
        preset: What is known about files of this kind.
        several_emails: Columns known to hold cells with several addresses; ``None`` if no cell is to be split.
        by_rule: Whether columns that have not the name of a field may be understood by the words of their header.

    Raises:
        PermanentFailure: ``duplicate_header``, ``missing_column``, ``unknown_column``, ``unknown_mapped_column``,
            ``invalid_column_mapping``, ``conflicting_columns`` or ``foreign_ids``.
        KeyError: ``match_on`` has an unknown key.
    """
    names = [text.strip().strip(_EDGES).strip() for text in header]
    names = told_apart(names, preset)
    _refuse_equal(names)
    seen = Sample(sample, several_emails)
    said = told(names, resource, preset)
    given, made = _explicit(names, resource, column_mapping)
    made |= _told_templates(preset, names, given, made)
    lists = _told_fields(said, given, made, resource)
    found = _named(
        names, resource, given, made, {*said.meanings, *(at for some in lists.values() for at in some)}
    )
    if resource.name == "contact":
        _leave_out_no_booleans(found, names, given, seen)
    _sort_out_ids(found, names, given, seen, action)
    for field, positions in found.items():
        if len(positions) > 1 and not _are_parts(field, positions, names):
            raise _two_for_one(field, positions, names)
    sources: dict[str, Source] = {field: Cell(positions[0]) for field, positions in found.items()}
    sources |= made | {
        field: Lists(
            tuple(ListCell(at, said.separators.get(at, ()), said.dropped.get(at, ())) for at in positions)
        )
        for field, positions in lists.items()
    }
    families: tuple[Family, ...] = ()
    used = {at for source in sources.values() for at in source.positions}
    if resource.name == "contact" and by_rule:
        _refuse_two_name_parts(found, names)
        understood = _understood(names, resource, found, sources, given, seen, said)
        sources |= {field: source for field, source in understood.sources.items() if field not in made}
        families, used = understood.families, used | understood.used
    left = [at for at, name in enumerate(names) if at not in used and not name.startswith("_")]
    places = {field: list(source.positions) for field, source in sources.items()}
    _refuse_conflicts(places, names, resource)
    _refuse_missing(
        places,
        names,
        left,
        resource,
        action,
        [resource.key(key) for key in match_on or resource.default_match_on],
        missing_name,
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
            MappedColumn(field, source, tuple(names[at] for at in source.positions))
            for field, source in sorted(sources.items(), key=lambda item: min(item[1].positions))
        ),
        ignored,
        families,
    )


def _told_templates(
    preset: Preset | None, names: Sequence[str], given: Mapping[str, int], made: Mapping[str, Source]
) -> dict[str, Source]:
    """Return the templates of a preset whose columns the file has, for fields that are not mapped explicitly."""
    by_name = {normalise(name): at for at, name in reversed(list(enumerate(names))) if name}
    return {
        field: templates.parse(text, lambda header: by_name[normalise(header)])
        for field, text in (preset.templates if preset else {}).items()
        if field not in given and field not in made
        if all(normalise(header) in by_name for header in templates.headers(text))
    }


def _told_fields(
    said: Told, given: dict[str, int], made: Mapping[str, Source], resource: catalog.Resource
) -> dict[str, list[int]]:
    """Add to ``given`` the fields that a preset names, and return its lists: field → columns."""
    lists: dict[str, list[int]] = {}
    for at, field in said.fields.items():
        if at in given.values() or field in made:
            continue
        if _is_list(field, resource):
            if field not in given:
                lists.setdefault(field, []).append(at)
        else:
            given.setdefault(field, at)
    return lists


def _understood(
    names: Sequence[str],
    resource: catalog.Resource,
    found: Mapping[str, Sequence[int]],
    sources: Mapping[str, Source],
    given: Mapping[str, int],
    sample: Sample,
    said: Told,
) -> Understood:
    """Apply the rules to the columns that are nothing else yet."""
    used = {at for source in sources.values() for at in source.positions}
    free = [
        at
        for at, name in enumerate(names)
        if at not in used
        and name
        and not name.startswith("_")
        # A field that is mapped explicitly has its column: others of its name are ignored, and listed.
        and not any(field in given for field in candidates(name, resource))
    ]
    documented = {at: field for field, positions in found.items() for at in positions}
    return understand(names, documented, free, sample, said)


def _leave_out_no_booleans(
    found: dict[str, list[int]], names: Sequence[str], given: Mapping[str, int], sample: Sample
) -> None:
    """Leave out a column such as ``Primary`` if it is a yes or no by an alias and its cells are none.

    A column with the name of the field itself stays: its cells are rejected rather than ignored.
    """
    for field in ("is_primary",):
        if field in found and field not in given:
            found[field] = [
                at
                for at in found[field]
                if normalise(names[at]) == normalise(field)
                or not len(sample.filled(at))
                or sample.has_booleans(at)
            ]
            if not found[field]:
                del found[field]


def _sort_out_ids(
    found: dict[str, list[int]],
    names: Sequence[str],
    given: Mapping[str, int],
    sample: Sample,
    action: Action,
) -> None:
    """Read ids of another system as ``external_id``, where the file has none of its own."""
    foreign = []
    if "id" in found and "id" not in given:
        foreign = [at for at in found["id"] if len(sample.filled(at)) and not sample.has_our_ids(at)]
        if foreign and action is Action.DELETE:
            raise _refused(
                "foreign_ids",
                f"column {_quoted(names[foreign[0]])} holds ids of another system, and a delete needs those of this "
                "one: export the records, and use the `id` of their rows",
            )
        found["id"] = [at for at in found["id"] if at not in foreign]
        if not found["id"]:
            del found["id"]
    if "external_id" in found or action is Action.DELETE:
        return
    used = {at for positions in found.values() for at in positions}
    free = [
        at
        for at, name in enumerate(names)
        if at not in used and at not in foreign and name[:1] not in ("", "_")
    ]
    column = foreign[0] if foreign else external_id_column(names, free, sample)
    if column is not None:
        found["external_id"] = [column]


def _are_parts(field: str, positions: Sequence[int], names: Sequence[str]) -> bool:
    """Return whether two columns of an address are the whole and its street (``Home Address``, ``Home Street``)."""
    parts = [
        said.part for at in positions if (said := meaning(names[at])) is not None and said.kind == "address"
    ]
    return len(parts) == len(positions) == 2 and set(parts) == {"", "street"} and "address" in field


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
) -> tuple[dict[str, int], dict[str, Source]]:
    """Return what ``column_mapping`` says: field → position, and field → template."""
    positions: dict[str, int] = {}
    made: dict[str, Source] = {}
    for wanted, header in column_mapping.items():
        field = _mapped_field(wanted, resource)
        if field in made or (field in positions and is_template(header)):
            raise _twice(field)
        if is_template(header) and header.strip() not in names:
            made[field] = templates.parse(header, lambda name: _mapped_position(name, names))
            continue
        at = _mapped_position(header, names)
        if field in positions:
            raise _twice(field)
        if at in positions.values():
            other = next(name for name, taken in positions.items() if taken == at)
            raise _refused(
                "invalid_column_mapping",
                f"column_mapping gives the header {_quoted(names[at])} to both {_quoted(other)} and "
                f"{_quoted(field)}; a header may be mapped once",
            )
        positions[field] = at
    return positions, made


def _twice(field: str) -> PermanentFailure:
    return _refused(
        "invalid_column_mapping",
        f"column_mapping names the field {_quoted(field)} twice; keep one of them",
    )


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
    names: Sequence[str],
    resource: catalog.Resource,
    given: Mapping[str, int],
    made: Mapping[str, Source],
    told_otherwise: Collection[int],
) -> dict[str, list[int]]:
    """Return field → positions of the columns that are mapped explicitly or say by their name what they are."""
    found = {field: [at] for field, at in given.items()}
    shared: list[tuple[int, tuple[str, ...]]] = []
    decorated: list[int] = []
    taken = {*given.values(), *told_otherwise}
    for at, name in enumerate(names):
        if at in taken or not name or name.startswith("_"):
            continue
        # A field that is mapped explicitly has its column: others of its name are ignored, and listed.
        named = candidates(name, resource)
        meant = tuple(field for field in named if field not in given and field not in made)
        if len(meant) == 1:
            found.setdefault(meant[0], []).append(at)
        elif meant:
            shared.append((at, meant))
        elif not named:
            decorated.append(at)
    for at, meant in shared:
        free = next((field for field in meant if field not in found), meant[0])
        found.setdefault(free, []).append(at)
    for at in decorated:
        # `Email Address [Required]`, `E-mail?`: the name of a field, if no other column has it.
        # Never a list: a decorated `Groups` may be what another product means by it.
        single = [
            name for name in candidates(undecorated(names[at]), resource) if not _is_list(name, resource)
        ]
        unused = [field for field in single if field not in found and field not in made]
        if unused:
            found[unused[0]] = [at]
    return found


def _is_list(field: str, resource: catalog.Resource) -> bool:
    known = resource.find(field)
    return known is not None and known.kind is catalog.Kind.REFERENCES


def _refuse_two_name_parts(found: Mapping[str, Sequence[int]], names: Sequence[str]) -> None:
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
            raise _two_for_one(f"name ({part})", positions, names, remedy="remove or rename one")


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
    missing_name: MissingName | None,
) -> None:
    """Refuse a file in which no row can create or be identified, and say which headers look like it."""
    deletes = action is Action.DELETE
    ways = [("id",)] if deletes else [resource.required, *(key.fields for key in keys)]
    if missing_name is MissingName.EMAIL and not deletes and not any("name" in key.fields for key in keys):
        # An email is enough for a new contact then; groups have none.
        ways.append(("email",))
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
