"""Families: several columns of one kind, whose values go to the fields of that kind row by row.

In each row, in this order:

1. The value of a column that has the name of a field stays in that field.
2. The main field takes the value that is marked as preferred, else the first one.
3. A value whose label or header names a field that is free goes there.
4. Other values go to the next free field, in the order of ``slots.py``.
5. A value that finds no field is left out and counted. A value that the row has already is left out without a word.

All of it is done by the column; a blank cell never displaces anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.column_mapping.countries import international
from imports_pipeline.schemas.column_mapping.families.addresses import compose
from imports_pipeline.schemas.column_mapping.families.several_values import Values, split
from imports_pipeline.schemas.column_mapping.families.slots import SLOTS
from imports_pipeline.schemas.column_mapping.headers.vocabulary import slot_of_label
from imports_pipeline.schemas.column_mapping.plan import AddressParts, Family, Member

_NOTHING: Final = pa.scalar(None, pa.string())
# No slot yet, in the arrays that hold a slot's number by row.
_NONE: Final = -1


@dataclass(frozen=True)
class Distributed:
    """What a family gives: texts by slot, second lines by slot (addresses), and where each came from.

    ``origins`` has, by slot, the position of the column of each row's value, -1 where there is none. ``left_out``
    is the position of a column → how many of its values found no field.
    """

    texts: dict[str, pa.Array]
    second_lines: dict[str, pa.Array]
    origins: dict[str, np.ndarray]
    left_out: dict[int, int]


@dataclass
class _Candidate:
    """One value a row: its text (null for none), the slots that it wants, and the rows in which it is preferred."""

    texts: pa.Array
    position: int
    wanted: np.ndarray
    preferred: np.ndarray
    fixed: bool
    may_be_main: bool
    second_line: pa.Array | None = None
    waiting: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = np.array(self.texts.is_valid(), dtype=bool)


def distribute(family: Family, cells: pa.RecordBatch) -> Distributed:
    """Put the values of a batch into the slots of their family."""
    candidates = [one for member in family.members for one in _candidates(family, member, cells)]
    _drop_repeated(family.kind, candidates)
    count, slots = cells.num_rows, family.slots
    chosen = np.full((len(slots), count), _NONE, np.int32)

    def take(number: int, slot: int, rows: np.ndarray) -> None:
        """Put candidate ``number`` into a slot, in the rows where both are free."""
        rows = rows & candidates[number].waiting & (chosen[slot] == _NONE)
        chosen[slot][rows] = number
        candidates[number].waiting &= ~rows

    every = np.ones(count, bool)
    for number, one in enumerate(candidates):
        if one.fixed:
            for slot in np.unique(one.wanted):
                take(number, int(slot), every)
    if "main" in slots:
        for number, one in enumerate(candidates):
            take(number, slots.index("main"), one.preferred)
        for number, one in enumerate(candidates):
            take(number, slots.index("main"), one.wanted == slots.index("main"))
        for number, one in enumerate(candidates):
            if one.may_be_main:
                take(number, slots.index("main"), every)
    for number, one in enumerate(candidates):
        for slot in np.unique(one.wanted[one.waiting]):
            if slot != _NONE:
                take(number, int(slot), one.wanted == slot)
    for slot, name in enumerate(slots):
        if name != "main":
            for number in range(len(candidates)):
                take(number, slot, every)
    return _result(family, candidates, chosen)


def _result(family: Family, candidates: list[_Candidate], chosen: np.ndarray) -> Distributed:
    texts, lines, origins = {}, {}, {}
    count = chosen.shape[1]
    for slot, name in enumerate(family.slots):
        text, line = pa.nulls(count, pa.string()), pa.nulls(count, pa.string())
        origin = np.full(count, -1, np.int32)
        for number in np.unique(chosen[slot]):
            if number == _NONE:
                continue
            one, rows = candidates[number], chosen[slot] == number
            every = bool(rows.all())
            text = one.texts if every else pc.if_else(pa.array(rows), one.texts, text)
            if one.second_line is not None:
                line = one.second_line if every else pc.if_else(pa.array(rows), one.second_line, line)
            origin[rows] = one.position
        texts[name], lines[name], origins[name] = text, line, origin
    left_out: dict[int, int] = {}
    for one in candidates:
        if lost := int(one.waiting.sum()):
            left_out[one.position] = left_out.get(one.position, 0) + lost
    return Distributed(texts, lines if family.kind == "address" else {}, origins, left_out)


def _candidates(family: Family, member: Member, cells: pa.RecordBatch) -> list[_Candidate]:
    """Return the values of a member: one a row, or several where its cells hold several."""
    count = cells.num_rows
    named = SLOTS[family.kind].slot(member.slot)
    slot = family.slots.index(named) if named in family.slots else _NONE
    has_main = any(one.slot == "main" for one in family.members)
    # With a main column of its own, a family keeps what is named `work` at work.
    may_be_main = not member.fixed and (not named or not has_main) and family.kind != "address"
    if isinstance(member.value, AddressParts):
        address = compose(cells, member.value)
        values = [Values(address.line1)]
        # A second line without a first is an address all the same.
        lines = [address.line2]
        values = [Values(pc.coalesce(address.line1, address.line2))]
        lines = [pc.if_else(address.line1.is_valid(), address.line2, _NOTHING)]
        may_be_main = not member.fixed and (not named)
    else:
        whole = trimmed(cells.column(member.value))
        values = split(family.kind, whole, member.separators)
        lines = [None] * len(values)
    label = None if member.label is None else trimmed(cells.column(member.label))
    country = [] if member.country is None else [trimmed(cells.column(member.country))]
    nearby = [trimmed(cells.column(at)) for at in member.countries]
    code = None if member.calling_code is None else trimmed(cells.column(member.calling_code))
    found = []
    for number, (one, line) in enumerate(zip(values, lines, strict=True)):
        texts = one.texts
        if family.kind == "phone":
            own = country if one.country is None else [one.country, *country]
            texts = international(texts, own, nearby, code if one.calling_code is None else one.calling_code)
        wanted, preferred = _labelled(family, one.label if one.label is not None else label, slot, count)
        found.append(
            _Candidate(
                texts,
                member.positions[0],
                wanted,
                preferred,
                # A cell can have several values; only the first one stays in the field that the header names.
                member.fixed and number == 0,
                may_be_main or number > 0,
                line,
            )
        )
    return found


def _labelled(family: Family, label: pa.Array | None, slot: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the slot that each row's value wants, and the rows in which its label marks it as preferred."""
    if label is None:
        return np.full(count, slot, np.int32), np.zeros(count, bool)
    encoded = label.dictionary_encode()
    wanted, preferred = [], []
    for text in encoded.dictionary.to_pylist():
        named, marked = slot_of_label(text)
        named = SLOTS[family.kind].slot(named)
        wanted.append(family.slots.index(named) if named in family.slots else slot)
        preferred.append(marked)
    at = pc.fill_null(encoded.indices, len(wanted)).to_numpy(zero_copy_only=False)
    return np.array([*wanted, slot], np.int32)[at], np.array([*preferred, False])[at]


def _drop_repeated(kind: str, candidates: list[_Candidate]) -> None:
    """Let a value no longer wait that the row has already; columns with the name of a field keep theirs."""
    if len(candidates) < 2:
        return
    keys = [_key(kind, one.texts) for one in candidates]
    for number, one in enumerate(candidates):
        if one.fixed:
            continue
        for earlier in (*range(number), *(n for n in range(number, len(candidates)) if candidates[n].fixed)):
            if earlier != number:
                same = pc.fill_null(pc.equal(keys[number], keys[earlier]), False)
                one.waiting &= ~same.to_numpy(zero_copy_only=False)


def _key(kind: str, texts: pa.Array) -> pa.Array:
    """Return what makes two values one: an email in any case, the digits of a phone."""
    if kind == "phone":
        return pc.replace_substring_regex(texts, r"[^0-9+]", "")
    return pc.utf8_lower(texts)
