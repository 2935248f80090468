"""How each column of a file was understood: the field that is read from it, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from imports_pipeline.import_phases.files.accepted_rows import Layout
from imports_pipeline.model.imports import Import
from imports_pipeline.schemas.catalog import RESOURCES, Resource
from imports_pipeline.schemas.column_mapping import templates
from imports_pipeline.schemas.column_mapping.explicit_mapping import fields_only
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS
from imports_pipeline.schemas.column_mapping.headers.aliases import candidates, normalise, trimmed
from imports_pipeline.schemas.column_mapping.known_files.other_exports import OTHER_EXPORT
from imports_pipeline.schemas.column_mapping.plan import Cell, FromFamily

#: How a column was understood → what that means. The documents have the same list.
RULES: Final[Mapping[str, str]] = {
    "column_mapping": "`column_mapping` or the saved mapping names it",
    "name": "its header is the name of the field",
    "alias": "its header is another name of the field",
    "known_file": "the file is a known file, in which the column has this meaning",
    "words": "the words of its header say so, and its cells agree",
    "ignored": "it has no field, and is not imported",
}


@dataclass(frozen=True)
class UnderstoodColumn:
    """One column of a file.

    Attributes:
        header: The header as written.
        fields: The fields that are read from the column, the likeliest first.
        how: A key of ``RULES``.
    """

    header: str
    fields: tuple[str, ...]
    how: str


def understood_columns(import_: Import, layout: Layout) -> list[UnderstoodColumn]:
    """Return the columns of a file that an import has read, in their order.

    Args:
        import_: The import, with what it has recorded of the file.
        layout: The header of the file and the plan of its columns.
    """
    resource = RESOURCES[import_.resource]
    mapped = _mapped_headers(import_.options.column_mapping)
    # In an export of an unknown product the words of the headers decide.
    is_known = import_.detected.get("known_file") not in (None, OTHER_EXPORT.name)
    columns = []
    for at, header in enumerate(layout.header):
        fields = _fields(layout, at)
        how = "ignored"
        if fields:
            how = _rule(resource, header, fields, mapped, is_known=is_known)
        columns.append(UnderstoodColumn(header, fields, how))
    return columns


def columns_by_name(resource: Resource, header: tuple[str, ...]) -> list[UnderstoodColumn]:
    """Return the columns of a file that no import could read, by their headers alone."""
    columns = []
    for name in header:
        fields = candidates(trimmed(name), resource)[:1]
        how = _rule(resource, name, fields, frozenset(), is_known=False) if fields else "ignored"
        columns.append(UnderstoodColumn(name, fields, how))
    return columns


def _fields(layout: Layout, at: int) -> tuple[str, ...]:
    """Return the fields that are read from a column; one that has the column for itself comes first."""
    reading = [column for column in layout.plan.columns if at in column.positions]
    own = [column.field for column in reading if isinstance(column.source, Cell)]
    for column in reading:
        if isinstance(column.source, FromFamily):
            family = layout.plan.families[column.source.family]
            slots = {
                SLOTS[family.kind].slot(member.slot or "main")
                for member in family.members
                if at in member.positions
            }
            own += [column.field] if column.source.slot in slots else []
    return tuple(dict.fromkeys((*own, *(column.field for column in reading))))


def _mapped_headers(column_mapping: Mapping[str, str]) -> frozenset[str]:
    """Return the normalised headers that a mapping names, also those within templates."""
    named = [
        header
        for written in fields_only(column_mapping).values()
        for header in (templates.headers(written) if templates.is_template(written) else [written])
    ]
    return frozenset(normalise(trimmed(header)) for header in named)


def _rule(
    resource: Resource, header: str, fields: tuple[str, ...], mapped: frozenset[str], *, is_known: bool
) -> str:
    name = trimmed(header)
    if normalise(name) in mapped:
        return "column_mapping"
    meant = candidates(name, resource)
    if fields[0] in meant:
        return "name" if normalise(name) == normalise(fields[0]) else "alias"
    return "known_file" if is_known else "words"
