"""Read columns of phone numbers, with the result of ``phonenumbers`` (libphonenumber), as E.164.

A cell holds a phone number if ``phonenumbers.parse`` reads it and ``is_valid_number`` accepts it. A *valid* number has
an assigned range and the right length; a *possible* one is not enough, since most numbers with a typing error are still
possible. The canonical form is E.164 (``+`` and digits). E.164 cannot hold an extension, and to drop it would lose what
the author wrote, so a number with an extension is refused with that reason.

``parse`` finds a number in a longer text: it stops before a second number, drops a subaddress (``;isub=``), and reads
the letters of a word as keypad digits. A text of which it would drop a part, or that has words beside its number, is
refused too (``_beside_the_number``).

Cells of digits and the usual punctuation are read as whole columns, with rules from the library's metadata
(``numbering_plans.py``). The library reads the other cells, each distinct value once, with a bounded cache in the
process. Property tests compare both for the example numbers of every region and type.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import re_util

from imports_pipeline.schemas import numbering_plans
from imports_pipeline.schemas.cells import Read, by_distinct, message, message_of

# Digits, and punctuation that has no meaning for the library; a plus is allowed only before the digits.
_SIMPLE: Final = r"^[ ().\-/]*\+?[ ().\-/]*(?:[0-9][ ().\-/]*){3,}$"
_E164: Final = r"^\+[0-9]{3,}$"
# Two numbers of which the second is written by its last digits: `123456/57`, `123456-17 / -18`. Without its slash the
# text would be one longer number. A slash after an area code (`030/123456`) or between pairs of digits is punctuation.
_SEVERAL: Final = r"[0-9][ )]*(?:/ *-|- */) *[0-9]|(?:[0-9][ ().\-]*){8}/ *[0-9]{1,3}[ .]*$"
# At most one digit. The shortest number that the library reads has two.
_TOO_FEW_DIGITS: Final = r"^[\x00-\x2f\x3a-\x7f]*[0-9]?[\x00-\x2f\x3a-\x7f]*$"
# For fewer cells of one calling code, the library is faster than the rules.
_MIN_CELLS_FOR_RULES: Final = 12
# The library refuses longer text without reading it.
_LONGEST: Final = 250

# Words that may stand before a number because they say no more than that it is one.
_LABEL_WORDS: Final = (
    "tel telephone phone ph t p mobile mob m cell cellphone c office o work w home h direct main whatsapp number no "
    "telefon fon handy mobil tél téléphone portable fixe teléfono tel móvil celular telefono cellulare telefone "
    "telemóvel telefoon mobiel telefonnummer telemovel telefón mobilní komórka puhelin тел телефон 電話 携帯 "
    "büro arbeit privat zuhause geschäftlich dienstlich bureau travail domicile maison casa oficina trabajo ufficio "
    "lavoro kantoor werk thuis escritório trabalho praca dom práce domů arbete hem kontor 自宅 会社 勤務先"
)
_LABELS: Final = frozenset(_LABEL_WORDS.split())
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_FIRST_OF_NUMBER: Final = re.compile(r"[+\uff0b0-9\uff10-\uff19(]")

_BEFORE: Final = "is no phone number: "
_AFTER: Final = "; correct it or leave the cell blank"
# The faults for which a number is refused without the library. A positive fault is the calling code whose numbering
# plan the number does not fit.
_NOT_A_NUMBER, _TOO_LONG, _NO_CODE, _UNKNOWN_CODE, _SEVERAL_NUMBERS = -1, -2, -3, -4, -5
_FAULTS: Final = {
    _NOT_A_NUMBER: "it does not read as a number",
    _TOO_LONG: "it is too long",
    _NO_CODE: "it has no country code; write it as + and the country code, or give default_region",
    _UNKNOWN_CODE: "it has no country code that exists",
    _SEVERAL_NUMBERS: "there is more in the cell than one number",
}

# The cache has no limit, but the patterns come from the library's own metadata, so their number is fixed.
re_util.enable_pattern_cache()


def read_phones(cells: pa.Array, default_region: str | None = None) -> Read:
    """Read a column of trimmed cells, null where blank.

    Args:
        cells: the column.
        default_region: the region (ISO 3166-1) in which numbers without a country code are dialled.

    Example:
        >>> read_phones(pa.array(["030 2270"]), "DE").values.to_pylist()
        ['+49302270']
    """
    region = default_region.upper() if default_region else None
    if region not in phonenumbers.SUPPORTED_REGIONS:
        region = None
    count = len(cells)
    rows = np.flatnonzero(cells.is_valid().to_numpy(zero_copy_only=False))
    texts = cells if len(rows) == count else cells.take(pa.array(rows))
    verdicts = _Verdicts(texts)
    if pc.any(pc.match_substring(texts, "/")).as_py():
        verdicts.refuse(numbering_plans.matches(texts, _SEVERAL), _SEVERAL_NUMBERS)
    _decide_simple(verdicts, region)
    _decide_hopeless(verdicts, region)
    read = verdicts.read(region)
    if len(rows) == count:
        return read
    reasons = None if read.reasons is None else _spread(read.reasons, rows, count)
    return Read(_spread(read.values, rows, count), reasons)


def _spread(values: pa.Array, rows: np.ndarray, count: int) -> pa.Array:
    """Return a column of ``count`` cells with values at ``rows``, null elsewhere."""
    positions = np.full(count, -1, dtype=np.int64)
    positions[rows] = np.arange(len(rows))
    return values.take(pa.array(positions, mask=positions < 0))


class _Verdicts:
    """The results for a column of texts: the number if accepted, the fault if refused, neither if undecided."""

    def __init__(self, texts: pa.Array) -> None:
        self.texts = texts
        self.decided = np.zeros(len(texts), dtype=bool)
        self.accepted = np.zeros(len(texts), dtype=bool)
        self.faults = np.zeros(len(texts), dtype=np.int64)
        self._parts: list[tuple[np.ndarray, pa.Array]] = []

    def decide(self, rows: np.ndarray, code: int, numbers: pa.Array) -> None:
        """Accept or refuse ``numbers``, the national significant numbers of one calling code in ``rows``."""
        good = numbering_plans.valid(numbers, code)
        self.decided[rows] = True
        self.faults[rows] = code
        self.accepted[rows[good]] = True
        national = numbers.filter(pa.array(good))
        self._parts.append((rows[good], pc.binary_join_element_wise(f"+{code}", national, "")))

    def refuse(self, chosen: np.ndarray, fault: int) -> None:
        """Refuse the chosen texts that are still undecided."""
        chosen = chosen & ~self.decided
        self.faults[chosen] = fault
        self.decided |= chosen

    def read(self, region: str | None) -> Read:
        """Read the undecided texts with the library, and return the result of the column."""
        count = len(self.texts)
        values = pa.nulls(count, pa.string())
        if self._parts:
            rows = np.concatenate([rows for rows, _ in self._parts])
            numbers = pa.concat_arrays([numbers for _, numbers in self._parts])
            values = _spread(numbers, rows, count)
        if self.accepted.all():
            return Read(values)
        refused = np.flatnonzero(self.decided & ~self.accepted)
        reasons = _spread(self._faults(refused), refused, count)
        undecided = np.flatnonzero(~self.decided)
        if len(undecided):
            from_library = by_distinct(
                self.texts.take(pa.array(undecided)), lambda text: _ask_library(text, region)
            )
            values = pc.coalesce(values, _spread(from_library.values, undecided, count))
            if from_library.reasons is not None:
                reasons = pc.coalesce(reasons, _spread(from_library.reasons, undecided, count))
        return Read(values, reasons)

    def _faults(self, rows: np.ndarray) -> pa.Array:
        """Return the messages of the texts in ``rows``, which were refused without the library."""
        faults = self.faults[rows]
        code = pa.array(np.maximum(faults, 0)).cast(pa.string())
        reason = pc.binary_join_element_wise("no number of country code +", code, " looks like this", "")
        for fault, text in _FAULTS.items():
            chosen = faults == fault
            if chosen.any():
                reason = pc.if_else(pa.array(chosen), text, reason)
        return message(self.texts.take(pa.array(rows)), _BEFORE, reason, _AFTER)


def _decide_simple(verdicts: _Verdicts, region: str | None) -> None:
    """Decide the texts of digits and plain punctuation."""
    texts = verdicts.texts
    simple = plus = numbering_plans.matches(texts, _E164)
    if simple.all():
        digits = pc.utf8_slice_codeunits(texts, 1)
    else:
        simple = numbering_plans.matches(texts, _SIMPLE)
        simple &= np.asarray(pc.less_equal(pc.binary_length(texts), _LONGEST)) & ~verdicts.decided
        plus = simple & np.asarray(pc.match_substring(texts, "+"))
        digits = pc.replace_substring_regex(texts, "[^0-9]+", "")
    _decide_international(verdicts, np.flatnonzero(plus), digits, surely=region is None)
    bare = np.flatnonzero(simple & ~plus)
    if region is not None and len(bare):
        _decide_from(verdicts, bare, digits, region)


def _decide_international(verdicts: _Verdicts, rows: np.ndarray, digits: pa.Array, *, surely: bool) -> None:
    """Decide numbers that begin with their calling code; refuse those with an unknown code if ``surely`` is True."""
    some = digits.take(pa.array(rows))
    codes = numbering_plans.calling_codes(some)
    for code in np.unique(codes).tolist():
        chosen = np.flatnonzero(codes == code)
        if code == 0:
            # If there is a default region, the library tries the digits after the plus as a number of that region.
            if surely:
                verdicts.decided[rows[chosen]] = True
                verdicts.faults[rows[chosen]] = _UNKNOWN_CODE
        elif len(chosen) >= _MIN_CELLS_FOR_RULES and numbering_plans.is_supported(code):
            rest = pc.utf8_slice_codeunits(some.take(pa.array(chosen)), len(str(code)))
            verdicts.decide(
                rows[chosen], code, numbering_plans.national(rest, numbering_plans.main_plan(code))
            )


def _decide_from(verdicts: _Verdicts, rows: np.ndarray, digits: pa.Array, region: str) -> None:
    """Decide numbers without a plus, as they are dialled in ``region``."""
    code = phonenumbers.country_code_for_region(region)
    if not numbering_plans.is_supported(code):
        return
    home = numbering_plans.plan(code, region)
    some = digits.take(pa.array(rows))
    abroad = (
        numbering_plans.matches(some, home.international) if home.international else np.zeros(len(rows), bool)
    )
    if abroad.any():
        # `0049 …`: an international prefix is like a plus, unless a 0 follows, since no calling code begins with 0.
        outward = pc.replace_substring_regex(some, home.international, "", max_replacements=1)
        outward_rows = np.flatnonzero(abroad & numbering_plans.matches(outward, "^[1-9][0-9]{2}"))
        chosen = outward.take(pa.array(outward_rows))
        _decide_international(
            verdicts, rows[outward_rows], _spread(chosen, rows[outward_rows], len(digits)), surely=False
        )
    near = np.flatnonzero(~abroad)
    if len(near) == 0:
        return
    numbers = some.take(pa.array(near))
    head = str(code)
    coded = numbering_plans.matches(numbers, f"^{head}")
    if coded.any():
        # `49 30 …`: the digits begin with the calling code, if the number fits the plan only without them.
        rest = numbering_plans.strip_prefix(pc.utf8_slice_codeunits(numbers, len(head)), home)
        sense = numbering_plans.matches(rest, home.general) & ~numbering_plans.matches(numbers, home.general)
        coded &= sense | numbering_plans.too_long(numbers, home)
        inner = np.flatnonzero(coded)
        main = numbering_plans.main_plan(code)
        verdicts.decide(rows[near[inner]], code, numbering_plans.national(rest.take(pa.array(inner)), main))
        plain = np.flatnonzero(~coded)
        near, numbers = near[plain], numbers.take(pa.array(plain))
    verdicts.decide(rows[near], code, numbering_plans.national(numbers, home))


def _decide_hopeless(verdicts: _Verdicts, region: str | None) -> None:
    """Refuse texts that the library always refuses: no digit, too long, or neither a plus nor a region."""
    if verdicts.decided.all():
        return
    texts = verdicts.texts
    verdicts.refuse(numbering_plans.matches(texts, _TOO_FEW_DIGITS), _NOT_A_NUMBER)
    verdicts.refuse(np.asarray(pc.greater(pc.utf8_length(texts), _LONGEST)), _TOO_LONG)
    if region is None:
        verdicts.refuse(~numbering_plans.matches(texts, "[+\uff0b]"), _NO_CODE)


@lru_cache(maxsize=65_536)
def _ask_library(value: str, region: str | None) -> tuple[str | None, str | None]:
    """Return the library's result: E.164 and ``None``, or ``None`` and the message."""
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException as error:
        return None, message_of(value, _BEFORE, _PARSE_FAULTS[error.error_type], _AFTER)
    beside = _beside_the_number(value, region, number)
    if beside and not number.extension:
        return None, message_of(value, _BEFORE, beside, "; write the number alone or leave the cell blank")
    if not phonenumbers.is_valid_number(number):
        reason = f"no number of country code +{number.country_code} looks like this"
        if _letters(value):
            reason += " when its letters are read as the digits of a keypad"
        return None, message_of(value, _BEFORE, reason, _AFTER)
    if number.extension:
        reason = f"{number.extension}, which a stored phone number cannot carry"
        advice = "; leave it out, or keep it in notes or metadata"
        return None, message_of(value, "has the extension ", reason, advice)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def _beside_the_number(value: str, region: str | None, number: phonenumbers.PhoneNumber) -> str:
    """Return the reason if ``parse`` dropped a part of a text or read a word as digits, else ""."""
    word = _WORD.search(value)
    if word is not None:
        return f"it has the word {word[1] or word[2]} beside the number"
    before = _LETTERS.findall(_FIRST_OF_NUMBER.split(value, maxsplit=1)[0])
    if other := next((word for word in before if word.casefold() not in _LABELS), None):
        return f"it has the word {other} before the number"
    # The text with letters and digits alone is the same number, unless `parse` dropped a part of it.
    head, is_local, context = value.partition(";phone-context=")
    if is_local and context.startswith("+"):
        head = context + head.removeprefix("tel:")
    try:
        whole = phonenumbers.parse(_PUNCTUATION.sub("", head), region)
    except phonenumbers.NumberParseException:
        whole = None
    if whole != number:
        return "there is more in the cell than one number"
    return "it has letters among its digits" if 0 < _letters(head) < _KEYPAD_LETTERS else ""


def _letters(value: str) -> int:
    """Return the number of letters after the first digit or plus, where ``parse`` begins to read."""
    return sum(character.isalpha() for character in _FIRST_DIGIT.sub("", value, count=1))


# Words in parentheses and labels beside the number. They are no keypad letters, such as those of 1-800-FLOWERS.
_WORD: Final = re.compile(
    r"\(\s*([^\W\d_]{2,})[^)]*\)|[\s,;:]"
    r"(mobile|mobil|cell|cellular|handy|home|house|work|office|business|main|direct|private|privat|fax|phone|tel|"
    r"telephone|telefon|whatsapp|sms|or|and|und|oder)\b\.?\s*(?:$|(?=[^:\w]*[+0-9]))",
    re.IGNORECASE,
)
_FIRST_DIGIT: Final = re.compile(r"^[^+\uff0b\d]*")
_PUNCTUATION: Final = re.compile(r"[^\w+\uff0b]+|_+")
# From this number of letters on, `parse` reads letters as keypad digits. It skips fewer letters.
_KEYPAD_LETTERS: Final = 3


_PARSE_FAULTS: Final = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: _FAULTS[_UNKNOWN_CODE],
    phonenumbers.NumberParseException.NOT_A_NUMBER: _FAULTS[_NOT_A_NUMBER],
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "it has too few digits",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "it has too few digits",
    phonenumbers.NumberParseException.TOO_LONG: _FAULTS[_TOO_LONG],
}
