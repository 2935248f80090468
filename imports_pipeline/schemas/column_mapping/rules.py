"""The rules: which fields a contact file has beyond the columns that have the name of a field.

A rule reads a header only if it knows each of its words, and, where cells are at hand, if they can be what the header
says. What the documented names say stands: rules add columns to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from imports_pipeline.schemas.column_mapping.countries import region_of
from imports_pipeline.schemas.column_mapping.families import address_families, contact_points
from imports_pipeline.schemas.column_mapping.families import names as contact_names
from imports_pipeline.schemas.column_mapping.families.contact_points import Header
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS, second_line
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import divided, folded, said
from imports_pipeline.schemas.column_mapping.known_files.preset_columns import Told
from imports_pipeline.schemas.column_mapping.plan import (
    Cell,
    Family,
    FromFamily,
    ListCell,
    Lists,
    Source,
)
from imports_pipeline.schemas.column_mapping.sample import Sample

# As many letters has no code of a country: `CA` and `DE` are states too.
_LETTERS_OF_CODES: Final = 3


@dataclass(frozen=True)
class Understood:
    """What the rules found: field → source, families, and the columns that are used in any of them."""

    sources: dict[str, Source] = field(default_factory=dict)
    families: tuple[Family, ...] = ()
    used: frozenset[int] = frozenset()


def understand(
    names: Sequence[str],
    documented: Mapping[int, str],
    free: Sequence[int],
    sample: Sample,
    told: Told,
    create_groups: bool = False,
    is_export: bool = False,
) -> Understood:
    """Find the sources of a contact's fields.

    Args:
        names: The headers.
        documented: Column → the field that it has the name of, or that ``column_mapping`` gives to it.
        free: The columns that may be used for anything else.
        sample: The first cells of the file.
        told: What a preset says of the columns, in place of their headers' words.
        create_groups: Whether columns of tags and lists are groups that the contact is added to.
        is_export: Whether the file is the export of another product.
    """
    meanings = {}
    # If two columns say the same (`Province`, `Province Code`), the one with the shorter header comes first.
    for at in (*documented, *sorted(free, key=lambda at: (len(names[at]), names[at]))):
        found = told.meanings.get(at) or meaning(names[at]) or _by_cells(names[at], at, sample)
        if found is not None and found.kind != "ignored":
            meanings[at] = found
    _find_countries(meanings, sample)
    contact_names.add_person(names, documented, free, meanings, sample)
    header = Header(meanings, documented, told.separators, told.of_kind, sample)
    families = [contact_points.family("email", header), contact_points.family("phone", header)]
    families.append(address_families.family(header))
    present = tuple(one for one in families if one is not None)
    sources: dict[str, Source] = {}
    for number, family in enumerate(present):
        sources |= _outputs(number, family)
    by_rule = any(not member.fixed for family in present for member in family.members)
    labelled = any(member.label is not None for family in present for member in family.members)
    # Only address books write labels beside values (`E-mail 1 - Type`), and they list companies among people.
    # Other exports take the email as name of a nameless contact, and a company says more.
    companies_are_names = labelled or is_export
    may_be_of_another = is_export and "name" not in told.fields.values()
    sources |= contact_names.sources(
        names, documented, header, by_rule, companies_are_names, may_be_of_another
    )
    # `Delivery notes` are about an order.
    notes = [
        at
        for at, one in header.with_part("notes", "").items()
        if at in free and one.slot not in ("billing", "shipping")
    ]
    if notes and "notes" not in documented.values():
        sources["notes"] = Cell(notes[0])
    groups = [
        at
        for at, one in header.with_part("group", "").items()
        # `Mailing list` with yes and no says whether somebody is on the list, and not on which.
        if at in free and not one.slot and not sample.has_only_booleans(at)
    ]
    if create_groups and groups:
        sources["groups.add"] = Lists(tuple(ListCell(at, sample.separators_of_list(at)) for at in groups))
    used = {at for source in sources.values() for at in source.positions}
    for family in present:
        for member in family.members:
            used |= {*member.positions, *member.countries}
            used |= {at for at in (member.label, member.country, member.calling_code) if at is not None}
    return Understood(sources, present, frozenset(used))


def _by_cells(header: str, at: int, sample: Sample) -> Meaning | None:
    """Return the meaning of a header that is a slot alone (``Home``, ``Work``), by what its cells look like."""
    if folded(header) == "fn" and sample.has_names(at):
        # Formatted name, in files that are made of vCards; elsewhere a first name.
        return Meaning("name", part="full")
    words = divided(header)
    if not words or said(words, "kind") or said(words, "part"):
        return None
    slots = said(words, "slot")
    if len(slots) != 1 or slots[0] == "main":
        return None
    kind = (
        "email"
        if sample.has_emails(at)
        else "phone"
        if sample.has_phones(at) and not sample.has_dates(at)
        else ""
    )
    return Meaning(kind, slots[0]) if kind else None


def _find_countries(meanings: dict[int, Meaning], sample: Sample) -> None:
    """Let a column of regions be one of countries if all of its cells are: `Kraj` is both in two languages."""
    for at, one in meanings.items():
        country = replace(one, part="country")
        if (one.kind, one.part) != ("address", "region") or country in meanings.values():
            continue
        cells = sample.filled(at).unique().to_pylist()
        if cells and all(len(cell) > _LETTERS_OF_CODES and region_of(cell) for cell in cells):
            meanings[at] = country


def _outputs(number: int, family: Family) -> dict[str, Source]:
    """Return the fields that a family fills, each with the columns that it may come from."""
    known = SLOTS[family.kind]
    found: dict[str, Source] = {}
    anywhere = [one for one in family.members if not one.fixed]
    for slot in family.slots:
        named = [one for one in family.members if known.slot(one.slot) == slot]
        # Without a column of its own the slot takes values from any of the others.
        members = named or [one for one in anywhere if one.label is not None or not known.slot(one.slot)]
        members = members or (anywhere if slot == "main" else list(family.members))
        positions = tuple(dict.fromkeys(at for one in members for at in one.positions))
        name = known.fields[slot]
        found[name] = FromFamily(number, slot, positions)
        if family.kind == "address" and any(
            one.value.lines for one in members if not isinstance(one.value, int)
        ):
            lines = tuple(at for one in members if not isinstance(one.value, int) for at in one.value.lines)
            found[second_line(name)] = FromFamily(number, slot, lines, line=2)
    return found
