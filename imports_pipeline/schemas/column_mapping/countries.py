"""Countries: the region (ISO 3166-1 alpha-2) that a cell names, for national phone numbers.

Names come from ``phonenumbers`` (CLDR, in all of its languages): ``US``, ``United States``, ``Vereinigte Staaten von
Amerika`` and ``Estados Unidos`` are one region. A name that two regions share is none.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.phones import read_phones

# Usual names that CLDR does not list.
_MORE: Final = {
    "usa": "US",
    "u.s.": "US",
    "u.s.a.": "US",
    "united states of america": "US",
    "the united states": "US",
    "uk": "GB",
    "u.k.": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "deu": "DE",
    "gbr": "GB",
    "fra": "FR",
    "esp": "ES",
    "ita": "IT",
    "nld": "NL",
    "holland": "NL",
    "the netherlands": "NL",
    "czech republic": "CZ",
    "can": "CA",
    "aus": "AU",
    "brd": "DE",
    "republic of ireland": "IE",
}


@cache
def _regions() -> dict[str, str]:
    """Return name, in lower case → region."""
    # The package of this table loads 29 modules of place names, and few files have a column of countries.
    from phonenumbers.geodata.locale import LOCALE_DATA

    names: dict[str, set[str]] = {}
    for region, by_language in LOCALE_DATA.items():
        for name in by_language.values():
            if not name.startswith("*"):
                names.setdefault(name.casefold(), set()).add(region)
    found = {name: next(iter(regions)) for name, regions in names.items() if len(regions) == 1}
    return found | _MORE | {region.casefold(): region for region in phonenumbers.SUPPORTED_REGIONS}


def region_of(text: str | None) -> str | None:
    """Return the region that a text names, or nothing.

    >>> region_of("Germany"), region_of("de"), region_of("Atlantis")
    ('DE', 'DE', None)
    """
    return _regions().get((text or "").strip().casefold())


def international(
    numbers: pa.Array, own: list[pa.Array], nearby: list[pa.Array], calling_code: pa.Array | None
) -> pa.Array:
    """Write national numbers as E.164 where the row says their country and the number is valid in it.

    Args:
        numbers: Trimmed cells, null where blank.
        own: Columns with the country of the number itself; the first in which it is valid counts.
        nearby: Columns with countries of the person's addresses. The phone may be of another country, so a number
            counts only if it is written with the trunk prefix 0 where the country has it.
        calling_code: Cells with a calling code such as ``+44``.

    Returns:
        The numbers; one that is international already, or valid in none of the countries, stays as it is written.
    """
    waiting = pc.fill_null(pc.invert(pc.match_substring_regex(numbers, r"^'?\+")), False)
    open_ = waiting.to_numpy(zero_copy_only=False).copy()
    if not open_.any():
        return numbers
    if calling_code is not None:
        digits = pc.replace_substring_regex(calling_code, r"\D", "")
        known = open_ & _flags(pc.not_equal(digits, ""))
        some = pa.array(known)
        written = pc.binary_join_element_wise("+", digits.filter(some), " ", numbers.filter(some), "")
        numbers = _replace_valid(numbers, open_, known, written, None)
    trunk = _flags(pc.match_substring_regex(numbers, r"^\D*0"))
    for country, is_own in (*((one, True) for one in own), *((one, False) for one in nearby)):
        encoded = country.dictionary_encode()
        regions = pa.array([region_of(name) for name in encoded.dictionary.to_pylist()], pa.string())
        named = regions.take(encoded.indices)
        for region in pc.unique(named.drop_null()).to_pylist():
            known = open_ & _flags(pc.equal(named, region))
            if not is_own and _trunk_prefix(region) == "0":
                known &= trunk
            if known.any():
                numbers = _replace_valid(numbers, open_, known, numbers.filter(pa.array(known)), region)
    return numbers


@cache
def _trunk_prefix(region: str) -> str:
    return str(phonenumbers.ndd_prefix_for_region(region, True) or "")


def _replace_valid(
    numbers: pa.Array, open_: np.ndarray, which: np.ndarray, written: pa.Array, region: str | None
) -> pa.Array:
    """Replace the numbers ``which`` by the E.164 form of ``written`` where that is valid, and close their rows."""
    values = read_phones(pc.replace_substring_regex(written, "^'", ""), region).values
    valid = np.asarray(values.is_valid())
    done = which.copy()
    done[which] = valid
    open_ &= ~done
    return pc.replace_with_mask(numbers, pa.array(done), values.drop_null())


def _flags(matches: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(matches, False).to_numpy(zero_copy_only=False)
    return flags
