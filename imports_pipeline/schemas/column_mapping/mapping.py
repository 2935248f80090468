"""Column mapping: which field each header of a file stands for, or why the file cannot be imported.

The rules, in the order in which they are tried:

1. ``column_mapping`` {field: header} (``explicit_mapping.py``): the header as it is written, else normalised. Columns
   that it leaves out are no candidates of the other rules.
2. The field's own name, normalised, and ``metadata.KEY`` for any key, which keeps its spelling and case.
3. An alias of the catalog. One that two fields share (``Mobile``: ``phone``, ``alternate_phones.mobile``)
   goes to the first of them that no other column stands for.
4. First and last name (and a middle one) become a contact's ``name``, if no column is the name.
5. The words of a contact file's headers, where its first cells agree with them (``rules.py``).

Whatever is left is ignored and listed, except columns that begin with ``_``: these come from our own errors
files and are ignored silently. Two columns for one field are an error: importing one of them would lose the values of
the other without a message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import pyarrow as pa

from imports_pipeline.model.option_choices import Action, MissingGroups, MissingName, UnknownColumns
from imports_pipeline.schemas import catalog
from imports_pipeline.schemas.column_mapping import templates
from imports_pipeline.schemas.column_mapping.documented_names import (
    are_address_parts,
    documented_columns,
    is_list,
)
from imports_pipeline.schemas.column_mapping.explicit_mapping import (
    explicit_columns,
    fields_only,
    left_out_columns,
)
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS
from imports_pipeline.schemas.column_mapping.foreign_ids import external_id_column
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates, normalise, trimmed
from imports_pipeline.schemas.column_mapping.known_files.preset_columns import Told, told, told_apart
from imports_pipeline.schemas.column_mapping.known_files.presets import Preset
from imports_pipeline.schemas.column_mapping.missing_columns import refuse_missing
from imports_pipeline.schemas.column_mapping.plan import (
    Assumptions,
    Cell,
    ColumnMap,
    Family,
    ListCell,
    Lists,
    MappedColumn,
    Source,
)
from imports_pipeline.schemas.column_mapping.refusals import (
    listed,
    quoted,
    refuse_conflicts,
    refuse_equal_headers,
    refuse_two_name_parts,
    refused,
    two_for_one,
)
from imports_pipeline.schemas.column_mapping.rules import Understood, understand
from imports_pipeline.schemas.column_mapping.sample import NOTHING_KNOWN, KnownCells, Sample

# Fields whose further values have fields of their own.
_SEVERAL_VALUES: Final = frozenset(
    field for kind in ("email", "phone") for field in SLOTS[kind].fields.values()
)


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
    known_cells: KnownCells = NOTHING_KNOWN,
    missing_name: MissingName | None = None,
    missing_groups: MissingGroups | None = None,
) -> ColumnMap:
    """Find where each field of the file is read from.

    Args:
        header: The headers as they are written.
        resource: What the rows are.
        action: What the import does; ``delete`` needs ids of this system.
        match_on: Identity keys of the resource; empty means its default.
        column_mapping: Field → header, or template of headers. A name that begins with ``_`` leaves its column out.
        unknown_columns: Whether columns without a meaning fail the import.
        sample: The first rows of the file. Without it, rules that need cells are not applied.
        preset: What is known about files of this kind.
        known_cells: What is known of the cells below the sample.
        by_rule: Whether columns that have not the name of a field may be understood by the words of their header.
        missing_name: What is done about a new contact without a name.
        missing_groups: Whether groups that do not exist are created; then columns of tags and lists are groups.

    Raises:
        PermanentFailure: ``duplicate_header``, ``missing_column``, ``unknown_column``, ``unknown_mapped_column``,
            ``invalid_column_mapping``, ``conflicting_columns`` or ``foreign_ids``.
        KeyError: ``match_on`` has an unknown key.
    """
    names = [trimmed(text) for text in header]
    names = told_apart(names, preset)
    refuse_equal_headers(names)
    left_out = left_out_columns(names, column_mapping)
    names = [f"_{name}" if at in left_out else name for at, name in enumerate(names)]
    seen = Sample(sample, known_cells)
    said = told(names, resource, preset)
    given, made = explicit_columns(names, resource, fields_only(column_mapping))
    made |= _told_templates(preset, names, given, made)
    lists = _told_fields(said, given, made, resource)
    found = documented_columns(
        names, resource, given, made, {*said.meanings, *(at for some in lists.values() for at in some)}
    )
    if resource.name == "contact":
        _leave_out_no_booleans(found, names, given, seen)
        if preset is not None:
            lists |= _lists_of_another(found, given, lists, seen)
    unused = {at for at, one in said.meanings.items() if one.kind == "ignored"}
    assumed = _sort_out_ids(found, names, given, seen, action, unused, is_export=preset is not None)
    for field, positions in found.items():
        if len(positions) > 1 and not are_address_parts(field, positions, names):
            several = resource.name == "contact" and by_rule and field in _SEVERAL_VALUES
            if not several or not seen.agree(positions):
                raise two_for_one(field, positions, names)
            # `EmailAddress` and `mail` with the same cells. The rules read the other column as a further value, so
            # nothing is lost if a row below the sample has two different ones.
            found[field] = sorted(positions, key=lambda at: (normalise(names[at]) != normalise(field), at))[
                :1
            ]
    sources: dict[str, Source] = {field: Cell(positions[0]) for field, positions in found.items()}
    sources |= made | {
        field: Lists(
            tuple(
                ListCell(at, said.separators.get(at) or seen.separators_of_list(at), said.dropped.get(at, ()))
                for at in positions
            )
        )
        for field, positions in lists.items()
    }
    families: tuple[Family, ...] = ()
    used = {at for source in sources.values() for at in source.positions}
    if resource.name == "contact" and by_rule:
        if preset is None:
            refuse_two_name_parts(found, names)
        understood = _understood(
            names,
            resource,
            found,
            sources,
            given,
            seen,
            said,
            missing_groups is MissingGroups.CREATE,
            preset is not None,
        )
        sources |= {field: source for field, source in understood.sources.items() if field not in made}
        families, used = understood.families, used | understood.used
    left = [at for at, name in enumerate(names) if at not in used and not name.startswith("_")]
    places = {field: list(source.positions) for field, source in sources.items()}
    refuse_conflicts(places, names, resource)
    refuse_missing(
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
        raise refused(
            "unknown_column",
            f"no field of a {resource.name}: {listed(ignored)}; remove or rename such columns, give "
            "column_mapping FIELD=HEADER, or set unknown_columns to ignore",
        )
    return ColumnMap(
        tuple(
            MappedColumn(field, source, tuple(names[at] for at in source.positions))
            for field, source in sorted(sources.items(), key=lambda item: min(item[1].positions))
        ),
        ignored,
        families,
        assumed,
    )


def _told_templates(
    preset: Preset | None, names: Sequence[str], given: Mapping[str, int], made: Mapping[str, Source]
) -> dict[str, Source]:
    """Return the templates of a preset whose columns the file has, for fields that are not mapped explicitly."""
    by_name = {
        normalise(name): at for at, name in reversed(list(enumerate(names))) if name[:1] not in ("", "_")
    }
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
        if is_list(field, resource):
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
    create_groups: bool,
    is_export: bool,
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
    create_groups = create_groups and not {"groups.set", "groups.add"} & sources.keys()
    return understand(names, documented, free, sample, said, create_groups, is_export)


def _lists_of_another(
    found: dict[str, list[int]], given: Mapping[str, int], told: Mapping[str, Sequence[int]], sample: Sample
) -> dict[str, list[int]]:
    """Move the lists out of ``found`` whose items another product separates in its own way: ``Board | Volunteers``."""
    moved = {
        field: positions
        for field, positions in found.items()
        if is_list(field, catalog.CONTACT) and field not in given and field not in told
        if any(sample.separators_of_list(at) for at in positions)
    }
    for field in moved:
        del found[field]
    return moved


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
    unused: Collection[int],
    *,
    is_export: bool,
) -> Assumptions:
    """Read ids of another system as ``external_id``, where the file has none of its own; return what is assumed."""
    foreign: list[int] = []
    if "id" in found and "id" not in given:
        foreign = [at for at in found["id"] if len(sample.filled(at)) and not sample.has_our_ids(at)]
        if foreign and action is Action.DELETE:
            raise refused(
                "foreign_ids",
                f"column {quoted(names[foreign[0]])} holds ids of another system, and a delete needs those of this "
                "one: export the records, and use the `id` of their rows",
            )
        found["id"] = [at for at in found["id"] if at not in foreign]
        if not found["id"]:
            del found["id"]
    own = found.get("external_id", [])
    if action is Action.DELETE or any(at in given.values() or not sample.is_blank(at) for at in own):
        return Assumptions(tuple(foreign))
    used = {at for positions in found.values() for at in positions} | {*foreign, *unused}
    free = [at for at, name in enumerate(names) if at not in used and name[:1] not in ("", "_")]
    column = foreign[0] if foreign else external_id_column(names, free, sample, is_export=is_export)
    if column is not None:
        found["external_id"] = [column]
    return Assumptions(tuple(foreign), tuple(own) if column is not None else ())
