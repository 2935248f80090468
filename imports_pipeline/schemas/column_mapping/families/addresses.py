"""Addresses: their parts in several columns, joined to the two lines that a contact has.

The first line is street, PO box, town, region, postal code and country, with ``, `` between; line breaks inside a
street become ``, `` too. The second line is what stands in the columns of second and third lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import joined, trimmed
from imports_pipeline.schemas.column_mapping.plan import AddressParts

_NOTHING: Final = pa.scalar(None, pa.string())
_LINE_BREAKS: Final = r"\s*[\r\n]+\s*"


@dataclass(frozen=True)
class Address:
    """Addresses by row, null where there is none."""

    line1: pa.Array
    line2: pa.Array


def compose(cells: pa.RecordBatch, parts: AddressParts) -> Address:
    """Join the parts of an address in each row.

    A region or a country alone is no address: it says where somebody lives, and nothing can be sent there.
    """
    one_line = {at: _on_one_line(trimmed(cells.column(at))) for at in parts.positions}
    nothing = pa.nulls(cells.num_rows, pa.string())

    def part(at: int | None) -> pa.Array:
        return nothing if at is None else one_line[at]

    formatted, street = part(parts.formatted), part(parts.street)
    place = [part(at) for at in (parts.city, parts.region, parts.postal_code, parts.country)]
    line2 = joined([one_line[at] for at in parts.lines], ", ") if parts.lines else nothing
    found = joined([street, part(parts.po_box), place[0], place[2]], "")
    if parts.formatted is not None and parts.street is None:
        # `Address` with `City` beside it: the cell is the street, or all of it already.
        street = formatted
        place = [_unless_in(text, formatted) for text in place]
        found = joined([found, formatted], "")
    line1 = joined([street, part(parts.po_box), *place], ", ")
    line1 = pc.if_else(pc.or_(found.is_valid(), line2.is_valid()), line1, _NOTHING)
    if parts.formatted is not None and parts.street is not None:
        # With `Formatted` beside its parts, the parts say the same and are cleaner.
        whole = pc.and_(line1.is_null(), formatted.is_valid())
        line1 = pc.if_else(whole, formatted, line1)
    return Address(line1, line2)


def _on_one_line(texts: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(texts, r"[\r\n]")).as_py():
        return texts
    return pc.replace_substring_regex(texts, _LINE_BREAKS, ", ")


def _unless_in(texts: pa.Array, wholes: pa.Array) -> pa.Array:
    """Return the texts without those that stand in the text of the same row already."""
    both = np.flatnonzero(np.asarray(pc.and_(texts.is_valid(), wholes.is_valid())))
    if not len(both):
        return texts
    rows = pa.array(both)
    needles = pc.utf8_lower(texts.take(rows)).to_numpy(zero_copy_only=False).astype(str)
    stacks = pc.utf8_lower(wholes.take(rows)).to_numpy(zero_copy_only=False).astype(str)
    inside = np.zeros(len(texts), bool)
    inside[both] = np.char.find(stacks, needles) >= 0
    return pc.if_else(pa.array(inside), _NOTHING, texts)
