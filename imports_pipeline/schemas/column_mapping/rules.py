"""The rules: which fields a contact file has beyond the columns that have the name of a field.

A rule reads a header only if it knows each of its words, and, where cells are at hand, if they can be what the header
says. What the documented names say stands: rules add columns to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from imports_pipeline.schemas.column_mapping.families import address_families, contact_points
from imports_pipeline.schemas.column_mapping.families.contact_points import Header
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS, second_line
from imports_pipeline.schemas.column_mapping.headers.header_words import meaning, undecorated
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import divided, folded, said
from imports_pipeline.schemas.column_mapping.known_files.preset_columns import Told
from imports_pipeline.schemas.column_mapping.plan import (
    Cell,
    Family,
    FirstFilled,
    FromFamily,
    Joined,
    ListCell,
    Lists,
    Source,
)
from imports_pipeline.schemas.column_mapping.sample import Sample

# The order in which the parts of a name are joined; a particle is `van der`.
_NAME_PARTS: Final = ("first", "middle", "particle", "last")
# The slots that a column of names may have, the surest first: `School Name` and `Shipping Name` are another's.
_OWN_NAMES: Final = ("", "main", "billing", "secondary")
# What systems call the name that somebody logs in with.
_LOGINS: Final = frozenset({"username", "login", "loginname", "userprincipalname", "upn", "userid"})


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
) -> Understood:
    """Find the sources of a contact's fields.

    Args:
        names: The headers.
        documented: Column → the field that it has the name of, or that ``column_mapping`` gives to it.
        free: The columns that may be used for anything else.
        sample: The first cells of the file.
        told: What a preset says of the columns, in place of their headers' words.
        create_groups: Whether columns of tags and lists are groups that the contact is added to.
    """
    meanings = {}
    # Of two columns that say the same (`Province`, `Province Code`), the one with the shorter header comes first.
    for at in (*documented, *sorted(free, key=lambda at: (len(names[at]), names[at]))):
        found = told.meanings.get(at) or meaning(names[at]) or _by_cells(names[at], at, sample)
        if found is not None and found.kind != "ignored":
            meanings[at] = found
    _add_person(names, documented, free, meanings, sample)
    header = Header(meanings, documented, told.separators, told.of_kind, sample)
    families = [contact_points.family("email", header), contact_points.family("phone", header)]
    families.append(address_families.family(header))
    present = tuple(one for one in families if one is not None)
    sources: dict[str, Source] = {}
    for number, family in enumerate(present):
        sources |= _outputs(number, family)
    by_rule = any(not member.fixed for family in present for member in family.members)
    sources |= _name(
        documented, header, by_rule, any(one.kind == "company" for one in told.meanings.values())
    )
    notes = [at for at in sorted(header.with_part("notes", "")) if at in free]
    if notes and "notes" not in documented.values():
        sources["notes"] = Cell(notes[0])
    groups = [at for at, one in sorted(header.with_part("group", "").items()) if at in free and not one.slot]
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


def _add_person(
    names: Sequence[str],
    documented: Mapping[int, str],
    free: Sequence[int],
    meanings: dict[int, Meaning],
    sample: Sample,
) -> None:
    """Let a column that says only who a row is about (``User name``, ``Subscriber``) be the email or the name.

    All of its cells must be addresses, or most of them names, and the file must have no other column for it.
    """
    about = [at for at in free if at not in meanings and _is_about_a_person(names[at])]
    for kind, fits in (("email", sample.has_only_emails), ("name", sample.has_names)):
        known = any(one.kind == kind and (kind == "name" or not one.part) for one in meanings.values())
        if known or kind in documented.values():
            continue
        if (column := next((at for at in about if at not in meanings and fits(at)), None)) is not None:
            meanings[column] = Meaning(kind)


def _is_about_a_person(header: str) -> bool:
    """Return whether a header says who a row is about, and nothing else."""
    if folded(undecorated(header)) in _LOGINS:
        return True
    words = divided(undecorated(header))
    return bool(words) and {word.kind for word in words or ()} == {"person"}


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


def _name(
    documented: Mapping[int, str], header: Header, by_rule: bool, company_told: bool
) -> dict[str, Source]:
    """Return where the name is read from: the full name, else its parts, else a company in an address book.

    ``company_told``: a preset says which column is the company. Then it stands in for a documented name as well.
    """
    named = next((at for at, name in documented.items() if name == "name"), None)
    parts, full = _parts_of_name(header)
    sources: list[Cell | Joined] = []
    if (
        named is not None
        and set(parts) == {"last"}
        and _is_first_name(named, parts["last"][0], header.sample)
    ):
        # `Name` beside `Last name` and no first name.
        parts["first"] = [named]
    elif named is not None:
        sources.append(Cell(named))
    elif full is not None:
        sources.append(Cell(full))
    if "first" in parts and "last" in parts:
        sources.append(Joined(tuple(at for part in _NAME_PARTS for at in parts.get(part, ()))))
    companies = sorted(header.with_part("company", ""))
    if sources and companies and (company_told or (by_rule and named is None)):
        sources.append(Cell(companies[0]))
    if not sources:
        return {}
    return {"name": sources[0] if len(sources) == 1 else FirstFilled(tuple(sources))}


def _parts_of_name(header: Header) -> tuple[dict[str, list[int]], int | None]:
    """Return part → its columns in order (two last names in Spanish), and the column with the full name."""

    def columns(part: str) -> list[int]:
        of_part = {
            at: one for at, one in header.with_part("name", part).items() if at not in header.documented
        }
        slot = next((slot for slot in _OWN_NAMES if any(one.slot == slot for one in of_part.values())), None)
        of_slot = {at: one.number or 1 for at, one in of_part.items() if one.slot == slot}
        by_number: dict[int, int] = {}
        for at, number in sorted(
            of_slot.items(), key=lambda item: (item[1], list(header.meanings).index(item[0]))
        ):
            by_number.setdefault(number, at)
        return list(by_number.values())

    parts = {part: found for part in _NAME_PARTS if (found := columns(part))}
    full = next(iter(columns("full")), None)
    if plain := columns(""):
        # `Nombre` and `Nom` are the first or last name beside the other, and the full name alone.
        missing = [part for part in ("first", "last") if part not in parts]
        if len(missing) == 1:
            parts[missing[0]] = plain[:1]
        elif full is None and missing:
            full = plain[0]
    return parts, full


def _is_first_name(name: int, last: int, sample: Sample) -> bool:
    """Return whether a column named `Name` holds first names: no cell of it has the last name of its row."""
    if sample.cells is None:
        return False
    rows = zip(sample.cells.column(name).to_pylist(), sample.cells.column(last).to_pylist(), strict=True)
    both = [
        (whole.casefold(), part.strip().casefold()) for whole, part in rows if whole and part and part.strip()
    ]
    return bool(both) and not any(part in whole for whole, part in both)
