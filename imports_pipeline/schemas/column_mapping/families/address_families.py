"""The family of addresses that a header has: which columns are parts of one address."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from imports_pipeline.schemas.column_mapping.families.contact_points import Header
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS, second_line
from imports_pipeline.schemas.column_mapping.plan import AddressParts, Family, Member

_SLOTS = SLOTS["address"]
# Parts one of which makes an address; a region or a country does not.
_PLACES = frozenset({"formatted", "street", "po_box", "city", "postal_code"})
# What a further address has at least: `City 2` and `Zip + 4` alone are none.
_STREETS = frozenset({"formatted", "street", "po_box"})
# Parts that a header without a street may have of another address.
_TOWN = frozenset({"city", "region", "postal_code", "country"})
_LINES = frozenset({"line2", "line3"})
_Key = tuple[str, int | None]


@dataclass
class _Parts:
    """The columns of one address, by part, and the field that one of them has the name of."""

    columns: dict[str, int] = field(default_factory=dict)
    label: int | None = None
    documented: str = ""

    def member(self, slot: str) -> Member:
        lines = tuple(self.columns[part] for part in ("line2", "line3") if part in self.columns)
        rest = {part: at for part, at in self.columns.items() if part not in ("line2", "line3")}
        return Member(
            AddressParts(lines=lines, **rest),
            slot=slot,
            label=None if self.documented else self.label,
            fixed=bool(self.documented),
        )


def family(header: Header) -> Family | None:
    """Return the family of addresses; nothing where each column is one field by its name."""
    addresses = _grouped(header)
    members: list[Member] = []
    untouched = {field for at, field in header.documented.items() if field in _SLOTS.fields.values()}
    for (slot, number), parts in addresses.items():
        # Columns with the names of fields stay as they are, unless two are one line (`Home Address`, `Home Street`).
        by_name = all(at in header.documented for at in parts.columns.values())
        if by_name and not {"formatted", "street"} <= set(parts.columns):
            continue
        if not (_STREETS if (number or 1) > 1 else _PLACES) & set(parts.columns):
            continue
        untouched.discard(parts.documented)
        own = next((name for name, known in _SLOTS.fields.items() if known == parts.documented), slot)
        members.append(parts.member(own))
    if not members:
        return None
    taken = {slot for slot, field in _SLOTS.fields.items() if field in untouched}
    return Family(
        "address",
        tuple(sorted(members, key=lambda one: min(map(header.place, one.positions)))),
        _slots(members, taken),
    )


def _grouped(header: Header) -> dict[_Key, _Parts]:
    """Put the columns of each address together."""
    own = {name: slot for slot, name in _SLOTS.fields.items()}
    lines = {second_line(name): slot for slot, name in _SLOTS.fields.items()}
    numbered = {
        (one.slot, one.number)
        for at, one in header.meanings.items()
        if one.kind == "address"
        and one.part in ("city", "postal_code", "region", "country", "label", "formatted")
    }
    # Keap: `Street Address 2` is a line of the first address, if `Address 2 Street 1` is the street of the second.
    streets = Counter(
        (one.slot, one.number)
        for one in header.meanings.values()
        if one.kind == "address" and one.part == "street"
    )
    found: dict[_Key, _Parts] = {}
    for at, meaning in header.meanings.items():
        name = header.documented.get(at, "")
        if meaning.kind != "address" or (name and name not in own and name not in lines):
            continue
        slot, number, part = meaning.slot, meaning.number, meaning.part or "formatted"
        is_second = (number or 0) >= 2 and part in ("formatted", "street") and (slot, number) not in numbered
        if part == "street" and number == 2 and streets[slot, number] > 1:
            streets[slot, number] -= 1
            is_second = True
        if name in lines and (number is None or (slot, number) not in numbered):
            slot, number, part = lines[name], None, "line2"
        elif name in own:
            slot = own[name]
        elif is_second:
            part, number = ("line2" if number == 2 else "line3"), None
        if part in ("line2", "line3") and number is not None and (slot, number) not in numbered:
            number = None
        slot = "" if slot == "main" else slot
        parts = found.setdefault((slot, number), _Parts())
        if part == "label":
            parts.label = at
        elif part in AddressParts.__dataclass_fields__ or part in ("line2", "line3"):
            parts.columns.setdefault(part, at)
        if name in own:
            parts.documented = name
    return _with_towns(_merged(found))


def _merged(found: dict[_Key, _Parts]) -> dict[_Key, _Parts]:
    """Let columns without a number belong to address 1, where both have different parts of it."""
    for slot, number in list(found):
        if number is None and (first := found.get((slot, 1))) is not None:
            plain = found[slot, None]
            if not set(plain.columns) & set(first.columns):
                first.columns |= plain.columns
                first.documented = first.documented or plain.documented
                del found[slot, None]
    towns, streets = found.get(("", None)), [parts for key, parts in found.items() if key != ("", None)]
    if towns is not None and set(towns.columns) <= _TOWN | _LINES and len(streets) == 1:
        # `Home Address`, `City`: there is no other address that the town could be of.
        (street,) = streets
        if street.columns and not set(street.columns) & set(towns.columns) | set(street.columns) & _TOWN:
            street.columns |= towns.columns
            del found["", None]
    return found


def _with_towns(found: dict[_Key, _Parts]) -> dict[_Key, _Parts]:
    """Let towns whose headers do not say of which street they are belong to the streets before them in the file.

    Thunderbird in French writes `Adresse privée`, `Ville`, `Adresse professionnelle`, `Ville`.
    """
    towns = [
        key for key, parts in found.items() if not key[0] and parts.columns and set(parts.columns) <= _TOWN
    ]
    streets = [key for key, parts in found.items() if key[0] and _STREETS & set(parts.columns)]
    if len(towns) < 2 or len(towns) != len(streets):
        return found
    towns.sort(key=lambda key: min(found[key].columns.values()))
    streets.sort(key=lambda key: min(found[key].columns.values()))
    for street, town in zip(streets, towns, strict=True):
        found[street].columns = found.pop(town).columns | found[street].columns
    return found


def _slots(members: list[Member], taken: set[str]) -> tuple[str, ...]:
    """Return the slots that the addresses may need, without those that a column of its own has."""
    free = [slot for slot in _SLOTS.fields if slot not in taken]
    if any(one.label is not None for one in members):
        return tuple(free)
    named = {slot for one in members if (slot := _SLOTS.slot(one.slot)) in free}
    without = len(members) - len(named)
    further = [slot for slot in free if slot not in named][: max(without, 0)]
    return tuple(slot for slot in free if slot in named or slot in further)
