"""Numbering plans: libphonenumber's metadata as RE2 expressions over whole columns.

``phonenumbers`` parses and validates one number in about 25 µs. Its rules for texts of digits are regular expressions
and sets of lengths, all in its metadata, so the same rules can run on whole columns. This module turns the metadata
into such rules. It follows the steps of the library, which ``phonenumberutil.py`` names ``_extract_country_code``,
``_maybe_strip_national_prefix_carrier_code``, ``_test_number_length``, ``_region_code_for_number_from_list`` and
``_number_type_helper``.

``is_supported`` is True for a calling code if RE2 accepts every expression of its regions. All codes are supported
today. If the metadata of a code needs more, such as a look-ahead, the library reads its numbers.

A national number is matched as one letter for its length (``a`` is 0) and its digits. So a pattern and the lengths that
the metadata allows with it are one expression.
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

# The library's limit of digits after the calling code. E.164 allows 15 digits, but some plans have more.
_MAX_NATIONAL: Final = 17
_LETTERS: Final = pa.array([chr(ord("a") + length) for length in range(_MAX_NATIONAL + 2)])
_MAX_CODE: Final = 3
# All number types but `mobile`, which is added only if its pattern differs from that of fixed lines.
_TYPES: Final = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
    "fixed_line",
)  # fmt: skip
_NEVER: Final = r"^[^\s\S]$"
_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)")


@dataclass(frozen=True)
class Plan:
    """One region's numbering plan, as expressions for RE2.

    Attributes:
        general: matches the digits of a number.
        described: matches the letter of a length and digits, for the region as a whole.
        typed: matches the letter of a length and digits, for any number type. A number is valid in the region if it
            matches ``described`` and ``typed`` (then ``_number_type_helper`` returns a type).
        leading: decides alone if a number of a shared calling code belongs to this region.
        prefix: matches the national prefix, as the library looks for it.
        transformed: ``prefix`` with its last group named. If the group takes part in the match, ``transform`` replaces
            the prefix; otherwise the prefix is removed.
        transform: the replacement.
        international: matches the prefix of international numbers.
        possible: the lengths of a number.
        local_only: the lengths of a number that can only be dialled locally.
    """

    general: str
    described: str
    typed: str
    leading: str | None
    prefix: str | None
    transformed: str | None
    transform: str
    international: str | None
    possible: frozenset[int]
    local_only: frozenset[int]


@cache
def plan(code: int, region: str) -> Plan:
    """Return the plan of ``region``, or of a calling code without a region, from the library's metadata."""
    found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if found is None or found.general_desc is None:
        raise KeyError(f"no numbering plan of {region} (+{code})")
    every = found.general_desc
    names = _TYPES if found.same_mobile_and_fixed_line_pattern else (*_TYPES, "mobile")
    typed = [_with_lengths(desc) for name in names if (desc := getattr(found, name)) is not None]
    prefix = found.national_prefix_for_parsing or None
    transform = found.national_prefix_transform_rule or ""
    return Plan(
        general=f"^(?:{every.national_number_pattern or _NEVER})$",
        described=f"^(?:{_with_lengths(every) or _NEVER})$",
        typed=f"^(?:{'|'.join(pattern for pattern in typed if pattern) or _NEVER})$",
        leading=f"^.(?:{found.leading_digits})" if found.leading_digits is not None else None,
        prefix=prefix and f"^(?:{prefix})",
        transformed=f"^(?:{_naming_last_group(prefix)})" if prefix and transform else None,
        transform=transform,
        international=found.international_prefix and f"^(?:{found.international_prefix})",
        possible=frozenset(every.possible_length),
        local_only=frozenset(every.possible_length_local_only),
    )


def _naming_last_group(pattern: str) -> str:
    """Return the pattern with its last group named ``last`` and its other groups not capturing."""
    last = [found.start() for found in _GROUP.finditer(pattern)][-1]
    head = _GROUP.sub("(?:", pattern[:last])
    return f"{head}(?P<last>{pattern[last + 1 :]}"


@cache
def is_supported(code: int) -> bool:
    """Return True if RE2 accepts all expressions of a calling code's plans."""
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        one = plan(code, region)
        for pattern in (one.general, one.described, one.typed, one.leading, one.prefix, one.international):
            try:
                pc.match_substring_regex(pa.array(["0"]), pattern or "")
            except pa.ArrowInvalid:
                return False
        # A group that takes no part in the match looks like an empty one. So a group that can be empty is unsupported.
        if one.transformed is not None and _can_be_empty(one.transformed):
            return False
    return True


def _can_be_empty(transformed: str) -> bool:
    """Return True if the group ``last`` can match the empty text."""
    start = transformed.index("(?P<last>")
    depth = 0
    for end in range(start, len(transformed)):
        depth += {"(": 1, ")": -1}.get(transformed[end], 0)
        if depth == 0:
            return re.fullmatch(transformed[start : end + 1], "") is not None
    return True


def _with_lengths(description: object) -> str:
    """Return the expression of a number description, or "" if it matches no number."""
    pattern = getattr(description, "national_number_pattern", None)
    if not pattern:
        return ""
    lengths = getattr(description, "possible_length", ())
    allowed = [length for length in (lengths or range(_MAX_NATIONAL + 1)) if 0 <= length <= _MAX_NATIONAL]
    letters = "".join(str(_LETTERS[length]) for length in allowed)
    return f"[{letters}](?:{pattern})" if letters else ""


def main_plan(code: int) -> Plan:
    """Return the plan with which the library parses the numbers of a calling code."""
    return plan(code, COUNTRY_CODE_TO_REGION_CODE[code][0])


def calling_codes(digits: pa.Array) -> np.ndarray:
    """Return the calling code at the beginning of each international number, or 0 if there is none."""
    heads = pc.utf8_slice_codeunits(digits, 0, _MAX_CODE).dictionary_encode()
    codes = np.array([_calling_code(head) for head in heads.dictionary.to_pylist()], dtype=np.int64)
    return codes[heads.indices.to_numpy()] if len(digits) else np.zeros(0, dtype=np.int64)


def _calling_code(head: str) -> int:
    for length in range(1, len(head) + 1):
        code = int(head[:length])
        if head[0] != "0" and code in COUNTRY_CODE_TO_REGION_CODE:
            return code
    return 0


def strip_prefix(numbers: pa.Array, of: Plan) -> pa.Array:
    """Return numbers without the national prefix, as ``_maybe_strip_national_prefix_carrier_code`` does."""
    if of.prefix is None:
        return numbers
    prefixed = matches(numbers, of.prefix)
    if not prefixed.any():
        return numbers
    bare = pc.replace_substring_regex(numbers, of.prefix, "", max_replacements=1)
    if of.transformed is not None:
        last = pc.struct_field(pc.extract_regex(numbers, of.transformed), "last")
        changed = _true(pc.not_equal(last, ""))
        if changed.any():
            new = pc.replace_substring_regex(numbers, of.prefix, of.transform, max_replacements=1)
            bare = pc.if_else(pa.array(changed), new, bare)
    # A number that fits the plan keeps its first digits if it would not fit without them.
    kept = matches(numbers, of.general) & ~matches(bare, of.general)
    return pc.if_else(pa.array(prefixed & ~kept), bare, numbers)


def national(numbers: pa.Array, of: Plan) -> pa.Array:
    """Return the national significant numbers that ``parse`` reads from the digits after the calling code.

    The prefix is removed only if the rest is not too short for the plan.
    """
    stripped = strip_prefix(numbers, of)
    length = _lengths(stripped)
    enough = np.isin(length, list(of.possible)) | (length > max(of.possible))
    fits = enough & ~np.isin(length, list(of.local_only))
    return pc.if_else(pa.array(fits), stripped, numbers)


def too_long(numbers: pa.Array, of: Plan) -> np.ndarray:
    """Return which numbers have more digits than the longest of the plan."""
    length = _lengths(numbers)
    return (length > max(of.possible)) & ~np.isin(length, list(of.local_only))


def valid(numbers: pa.Array, code: int) -> np.ndarray:
    """Return which national significant numbers ``is_valid_number`` accepts for a calling code.

    Regions that share a code are tried in the library's order. The first one decides whose leading digits match, or
    that has no leading digits and accepts the number.
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
    """Return which texts match an RE2 expression; a null does not match."""
    return _true(pc.match_substring_regex(texts, pattern))


def _lengths(texts: pa.Array) -> np.ndarray:
    lengths: np.ndarray = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    return lengths


def _true(mask: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return flags
