"""The families of email addresses and phone numbers that a header has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from imports_pipeline.schemas.column_mapping.families.slots import SLOTS
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.plan import Family, Member
from imports_pipeline.schemas.column_mapping.sample import Sample

# The slots whose values come first where nothing else decides which value is the main one.
_FIRST = ("main", "", "work")


@dataclass(frozen=True)
class Header:
    """What the rules look at: the meaning of each column, the separators of its cells, the columns with a field's name.

    ``documented`` is the position of a column → the field that it has the name of.
    """

    meanings: Mapping[int, Meaning]
    documented: Mapping[int, str]
    separators: Mapping[int, tuple[str, ...]]
    separators_of_kind: Mapping[str, tuple[str, ...]]
    sample: Sample

    @cached_property
    def _order(self) -> dict[int, int]:
        return {at: order for order, at in enumerate(self.meanings)}

    def separators_of(self, kind: str, at: int) -> tuple[str, ...]:
        """Return the texts that stand between several values of a column's cells."""
        return self.separators.get(at, self.separators_of_kind.get(kind, ()))

    def place(self, at: int) -> tuple[int, int, str, int]:
        """Return the sort key of a column among the values of its kind, whatever the order of the file's columns.

        By number, then the main value, those without a slot, those of work, and the others; then by the headers, in
        whose order the meanings are.
        """
        meaning = self.meanings.get(at, Meaning(""))
        slot = meaning.slot
        return (
            meaning.number or 1,
            _FIRST.index(slot) if slot in _FIRST else len(_FIRST),
            slot,
            self._order.get(at, at),
        )

    def with_part(self, kind: str, part: str) -> dict[int, Meaning]:
        """Return the columns of a kind that hold this part of its values."""
        return {at: one for at, one in self.meanings.items() if one.kind == kind and one.part == part}


def family(kind: str, header: Header) -> Family | None:
    """Return the family of emails or phones; nothing where each column is one field by its name."""
    own = {field: slot for slot, field in SLOTS[kind].fields.items()}
    fixed = {at: own[field] for at, field in header.documented.items() if field in own}
    values = {
        at: meaning
        for at, meaning in header.with_part(kind, "").items()
        if at not in header.documented and header.sample.may_be(kind, at)
    }
    members = [_member(kind, at, fixed.get(at), header) for at in sorted({*fixed, *values}, key=header.place)]
    several = {at for at in (*fixed, *values) if _may_hold_several(kind, at, header)}
    if not values and not several and not any(map(_is_located, members)):
        return None
    return Family(kind, tuple(members), _slots(kind, members, several))


def _is_located(member: Member) -> bool:
    return bool(member.countries) or member.country is not None or member.calling_code is not None


def _member(kind: str, at: int, fixed: str | None, header: Header) -> Member:
    meaning = header.meanings.get(at, Meaning(kind))
    label = _beside(header.with_part(kind, "label"), meaning)
    code = _beside(header.with_part(kind, "calling_code"), meaning)
    return Member(
        at,
        slot=fixed or meaning.slot,
        label=None if fixed else label,
        fixed=fixed is not None,
        country=_beside(header.with_part(kind, "country"), meaning),
        countries=_countries(meaning, header) if kind == "phone" else (),
        calling_code=code if kind == "phone" else None,
        separators=header.separators_of(kind, at),
    )


def _beside(columns: Mapping[int, Meaning], meaning: Meaning) -> int | None:
    """Return the column whose header says the same as ``meaning`` in slot and number."""
    same = (at for at, one in columns.items() if (one.slot, one.number) == (meaning.slot, meaning.number))
    return next(same, None)


def _countries(meaning: Meaning, header: Header) -> tuple[int, ...]:
    """Return the columns with countries of addresses, that of the phone's slot first."""
    addresses = header.with_part("address", "country")
    nearest = sorted(addresses, key=lambda at: (addresses[at].slot != meaning.slot, header.place(at)))
    return tuple(nearest)


def _may_hold_several(kind: str, at: int, header: Header) -> bool:
    if header.separators_of(kind, at):
        return True
    sample = header.sample
    return sample.has_json(at) or (kind == "email" and sample.has_several_emails(at))


def _slots(kind: str, members: Sequence[Member], several: set[int]) -> tuple[str, ...]:
    """Return the slots that the values may need: those that are named, and as many more as values have no slot."""
    known = SLOTS[kind]
    if several or any(one.label is not None for one in members):
        return tuple(known.fields)
    named = [known.slot(one.slot) for one in members]
    taken = {slot for slot in named if slot}
    without = len(members) - len(taken)
    if any(not one.fixed for one in members) and "main" not in taken:
        taken.add("main")
        without -= 1
    further = [slot for slot in known.fields if slot not in taken][: max(without, 0)]
    return tuple(slot for slot in known.fields if slot in taken or slot in further)
