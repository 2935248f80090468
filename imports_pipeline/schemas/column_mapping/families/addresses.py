"""Addresses: their parts in several columns, joined to the two lines that a contact has.

The first line is street and house number, PO box, town, region, postal code and country, with ``, `` between; line
breaks inside a street become ``, `` too. The second line is what stands in the columns of second and third lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import has_byte, is_ascii, is_without_spaces, joined, trimmed
from imports_pipeline.schemas.column_mapping.plan import AddressParts

_NOTHING: Final = pa.scalar(None, pa.string())
_LINE_BREAKS: Final = r"\s*[\r\n]+\s*"
# Up to this number of distinct texts, a search for each text is faster than one in each row.
_FEW: Final = 64
# Arrow refuses long regular expressions.
_LONGEST_EXPRESSION: Final = 1000
# An address as vCard writes it (RFC 6350, section 6.3.1): seven parts with semicolons between, most of them blank.
_VCARD: Final = r"^[^;]*(?:;[^;]*){6}$"
# The apostrophe that keeps a spreadsheet from reading a postal code as a number.
_NUMBER_AS_TEXT: Final = r"^'([0-9][0-9 \-]*)$"


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

    formatted, street = _without_semicolons(part(parts.formatted)), part(parts.street)
    number = part(parts.house_number)
    place = [part(at) for at in (parts.city, parts.region, parts.postal_code, parts.country)]
    line2 = joined([one_line[at] for at in parts.lines], ", ") if parts.lines else nothing
    found = [line2, street, part(parts.po_box), place[0], place[2]]
    if parts.formatted is not None and parts.street is None:
        # `Address` with `City` beside it: the cell is the street, or all of it already.
        street = formatted
        found.append(formatted)
        folded = _lower(formatted)
        place = [_unless_in(text, folded) for text in place]
    if parts.house_number is not None:
        street = _with_number(street, number)
    line1 = joined([street, part(parts.po_box), *place], ", ")
    is_one = reduce(pc.or_, [text.is_valid() for text in found])
    if not pc.all(is_one).as_py():
        line1 = pc.if_else(is_one, line1, _NOTHING)
    if parts.formatted is not None and parts.street is not None:
        # With `Formatted` beside its parts, the parts say the same and are cleaner.
        whole = pc.and_(line1.is_null(), formatted.is_valid())
        line1 = pc.if_else(whole, formatted, line1)
    return Address(line1, line2)


def _on_one_line(texts: pa.Array) -> pa.Array:
    if has_byte(texts, b"'") and pc.any(pc.starts_with(texts, "'")).as_py():
        texts = pc.replace_substring_regex(texts, _NUMBER_AS_TEXT, r"\1")
    if not has_byte(texts, b"\r\n"):
        return texts
    return pc.replace_substring_regex(texts, _LINE_BREAKS, ", ")


def _without_semicolons(texts: pa.Array) -> pa.Array:
    """Return addresses of vCards with their parts joined by commas, and all other texts as they are."""
    # At least the PO box and the second line are blank in nearly all of them.
    if not has_byte(texts, b";") or not pc.any(pc.match_substring(texts, ";;")).as_py():
        return texts
    plain = pc.utf8_trim(pc.replace_substring_regex(texts, r"\s*;[;\s]*", ", "), characters=", ")
    texts = pc.if_else(pc.match_substring_regex(texts, _VCARD), plain, texts)
    return pc.if_else(pc.equal(texts, ""), _NOTHING, texts)


def _with_number(streets: pa.Array, numbers: pa.Array) -> pa.Array:
    """Write the house number behind the street, in the rows in which the street has no number yet."""
    lacking = pc.fill_null(pc.invert(pc.match_substring_regex(streets, "[0-9]")), False)
    both = pc.and_(lacking, numbers.is_valid())
    return pc.if_else(both, pc.binary_join_element_wise(streets, numbers, " "), streets)


def _unless_in(texts: pa.Array, wholes: pa.Array) -> pa.Array:
    """Return the texts without those that stand in the text of the same row already, which is in lower case.

    Only whole words count: `NY` does not stand in `5 Sunny Lane`.
    """
    # Towns and countries repeat: a search for each of them is one call for all of its rows.
    encoded = texts.dictionary_encode()
    distinct = _lower(encoded.dictionary).to_pylist()
    if len(distinct) > _FEW or max(map(len, distinct), default=0) > _LONGEST_EXPRESSION:
        pairs = zip(_lower(texts).to_pylist(), wholes.to_pylist(), strict=True)
        found = (
            part is not None and whole is not None and part in whole and _has_words(whole, part)
            for part, whole in pairs
        )
        inside = np.fromiter(found, bool, len(texts))
    else:
        inside = np.zeros(len(texts), bool)
        codes = pc.fill_null(encoded.indices, -1).to_numpy()
        for code, part in enumerate(distinct):
            rows = np.flatnonzero(codes == code)
            some = wholes if len(rows) == len(texts) else wholes.take(pa.array(rows))
            matches = pc.match_substring_regex(some, _as_words(part))
            inside[rows] = pc.fill_null(matches, False).to_numpy(zero_copy_only=False)
    return pc.if_else(pa.array(inside), _NOTHING, texts) if inside.any() else texts


def _as_words(part: str) -> str:
    """Return the regular expression of Arrow for a text that stands between other letters and digits than its own."""
    before = "" if _needs_no_space(part[0]) else r"(?:^|[^\p{L}\p{N}])"
    after = "" if _needs_no_space(part[-1]) else r"(?:$|[^\p{L}\p{N}])"
    return f"{before}{re.escape(part)}{after}"


def _has_words(whole: str, part: str) -> bool:
    """Return whether a text stands in another one as ``_as_words`` means it."""
    at = whole.find(part)
    while at >= 0:
        end = at + len(part)
        free_before = at == 0 or _needs_no_space(part[0]) or not whole[at - 1].isalnum()
        if free_before and (end == len(whole) or _needs_no_space(part[-1]) or not whole[end].isalnum()):
            return True
        at = whole.find(part, at + 1)
    return False


def _needs_no_space(letter: str) -> bool:
    """Return whether a character is no letter or digit, or of a script that writes words without spaces."""
    return not letter.isalnum() or is_without_spaces(letter)


def _lower(texts: pa.Array) -> pa.Array:
    return pc.ascii_lower(texts) if is_ascii(texts) else pc.utf8_lower(texts)
