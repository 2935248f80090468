"""Numbering plans: libphonenumber's metadata as RE2 expressions over whole columns.

``phonenumbers`` parses and judges one number in some 25 µs. Its rules for text that is nothing but digits are
regular expressions over the digits and sets of lengths, all in its metadata, so the same rules can be run by
the column. This module turns the metadata into such rules and follows the library's own steps, named here as
in ``phonenumberutil.py``: ``_extract_country_code``, ``_maybe_strip_national_prefix_carrier_code``,
``_test_number_length``, ``_region_code_for_number_from_list``, ``_number_type_helper``. Where a step
needs what RE2 cannot do (captured groups, transformed prefixes) the number is left *undecided*.

A national number is matched as one letter for its length (``a`` is 0) followed by its digits: so a pattern
and the lengths that the metadata allows with it are one expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.phonemetadata import PhoneMetadata

#: the library's limit for the digits after the calling code (E.164 has 15; some plans go past it).
_MAX_NATIONAL: Final = 17
_LETTERS: Final = pa.array([chr(ord("a") + length) for length in range(_MAX_NATIONAL + 2)])
_MAX_CODE: Final = 3
#: all types but `mobile`, which counts only where its pattern differs from that of fixed lines.
_TYPES: Final = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
    "fixed_line",
)  # fmt: skip
_NEVER: Final = r"^[^\s\S]$"
_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)")


@dataclass(frozen=True)
class Plan:
    """One region's numbering plan.

    ``general`` matches digits, ``described`` and ``typed`` a length's letter and digits: a number is valid in
    the region if it matches both (``_number_type_helper`` gives a type). ``leading`` decides alone whether a
    number of a shared calling code is this region's. ``prefix`` matches the national prefix as the library
    looks for it; it can be taken off here only if ``simple``.
    """

    code: int
    general: str
    described: str
    typed: str
    leading: str | None
    prefix: str | None
    simple: bool
    international: str | None
    possible: frozenset[int]
    local_only: frozenset[int]


@cache
def plan(code: int, region: str) -> Plan:
    """Make the plan of ``region`` (or of a calling code that is no region's) from the library's metadata."""
    found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if found is None:
        raise KeyError(f"no numbering plan of {region} (+{code})")
    every, own_code = found.general_desc, found.country_code
    assert every is not None  # the library's own code relies on both
    assert own_code is not None
    names = _TYPES if found.same_mobile_and_fixed_line_pattern else (*_TYPES, "mobile")
    typed = [_with_lengths(desc) for name in names if (desc := getattr(found, name)) is not None]
    prefix = found.national_prefix_for_parsing or None
    return Plan(
        code=own_code,
        general=f"^(?:{every.national_number_pattern or _NEVER})$",
        described=f"^(?:{_with_lengths(every) or _NEVER})$",
        typed=f"^(?:{'|'.join(pattern for pattern in typed if pattern) or _NEVER})$",
        leading=f"^.(?:{found.leading_digits})" if found.leading_digits is not None else None,
        prefix=prefix and f"^(?P<prefix>{_GROUP.sub('(?:', prefix)})",
        simple=prefix is not None and not _GROUP.search(prefix) and re.match(prefix, "") is None,
        international=found.international_prefix and f"^(?:{found.international_prefix})",
        possible=frozenset(every.possible_length),
        local_only=frozenset(every.possible_length_local_only),
    )


def _with_lengths(description: object) -> str:
    """Give the expression of a number description, or nothing if it matches no number."""
    pattern = getattr(description, "national_number_pattern", None)
    if not pattern:
        return ""
    lengths = getattr(description, "possible_length", ())
    allowed = [length for length in (lengths or range(_MAX_NATIONAL + 1)) if 0 <= length <= _MAX_NATIONAL]
    letters = "".join(str(_LETTERS[length]) for length in allowed)
    return f"[{letters}](?:{pattern})" if letters else ""


def main_plan(code: int) -> Plan:
    """Give the plan that the library parses numbers of a calling code with."""
    return plan(code, COUNTRY_CODE_TO_REGION_CODE[code][0])


def calling_codes(digits: pa.Array) -> np.ndarray:
    """Give the calling code that each international number begins with, 0 where there is none."""
    heads = pc.utf8_slice_codeunits(digits, 0, _MAX_CODE).dictionary_encode()
    codes = np.array([_calling_code(head) for head in heads.dictionary.to_pylist()], dtype=np.int64)
    return codes[heads.indices.to_numpy()] if len(digits) else np.zeros(0, dtype=np.int64)


def _calling_code(head: str) -> int:
    for length in range(1, len(head) + 1):
        code = int(head[:length])
        if head[0] != "0" and code in COUNTRY_CODE_TO_REGION_CODE:
            return code
    return 0


@dataclass(frozen=True)
class Stripped:
    """National numbers without their national prefix; ``undecided`` where only the library can tell."""

    numbers: pa.Array
    undecided: np.ndarray


def strip_prefix(numbers: pa.Array, of: Plan) -> Stripped:
    """Take off the national prefix, as ``_maybe_strip_national_prefix_carrier_code`` does."""
    nothing = np.zeros(len(numbers), dtype=bool)
    if of.prefix is None:
        return Stripped(numbers, nothing)
    if not of.simple:
        found = pc.struct_field(pc.extract_regex(numbers, of.prefix), "prefix")
        return Stripped(numbers, _true(pc.greater(pc.binary_length(found), 0)))
    prefixed = _true(pc.match_substring_regex(numbers, of.prefix))
    if not prefixed.any():
        return Stripped(numbers, nothing)
    bare = pc.replace_substring_regex(numbers, of.prefix, "", max_replacements=1)
    # A number that is one as it stands keeps its first digits if it would not be one without them.
    kept = matches(numbers, of.general) & ~matches(bare, of.general)
    return Stripped(pc.if_else(pa.array(prefixed & ~kept), bare, numbers), nothing)


def national(numbers: pa.Array, of: Plan) -> Stripped:
    """Give the national significant numbers that ``parse`` makes of digits after the calling code.

    The prefix goes only if what remains is not too short for the plan.
    """
    stripped = strip_prefix(numbers, of)
    length = _lengths(stripped.numbers)
    fits = (np.isin(length, list(of.possible)) | (length > max(of.possible))) & ~np.isin(
        length, list(of.local_only)
    )
    return Stripped(pc.if_else(pa.array(fits), stripped.numbers, numbers), stripped.undecided)


def too_long(numbers: pa.Array, of: Plan) -> np.ndarray:
    """Tell which numbers have more digits than any of the plan."""
    length = _lengths(numbers)
    return (length > max(of.possible)) & ~np.isin(length, list(of.local_only))


def valid(numbers: pa.Array, code: int) -> np.ndarray:
    """Tell which national significant numbers ``is_valid_number`` accepts for a calling code.

    Regions that share a code are asked in the library's order: the first whose leading digits match decides,
    or the first without such that takes the number.
    """
    length = np.minimum(_lengths(numbers), _MAX_NATIONAL + 1)
    subjects = pc.binary_join_element_wise(_LETTERS.take(pa.array(length)), numbers, "")
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    verdict = np.zeros(len(numbers), dtype=bool)
    open_rows = np.arange(len(numbers))
    for region in regions:
        if len(open_rows) == 0:
            break
        rule = plan(code, region)
        some = subjects if len(open_rows) == len(numbers) else subjects.take(pa.array(open_rows))
        if rule.leading is None or len(regions) == 1:
            decided = verdict[open_rows] = matches(some, rule.described) & matches(some, rule.typed)
        else:
            decided = matches(some, rule.leading)
            theirs = some.filter(pa.array(decided))
            verdict[open_rows[decided]] = matches(theirs, rule.described) & matches(theirs, rule.typed)
        open_rows = open_rows[~decided]
    return verdict


def matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Tell which texts match an RE2 expression; nulls do not."""
    return _true(pc.match_substring_regex(texts, pattern))


def _lengths(texts: pa.Array) -> np.ndarray:
    lengths: np.ndarray = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    return lengths


def _true(mask: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return flags
