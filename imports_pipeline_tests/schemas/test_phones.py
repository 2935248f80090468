"""Phones: the verdict is libphonenumber's own, for every region and type, and every way to write a number."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.numbering_plans import is_supported
from imports_pipeline.schemas.phones import read_phones

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def library(text: str | None, region: str | None) -> str | None:
    if text is None:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or number.extension:
        return None
    found = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return found if keeps_everything(text, found) else None


def keeps_everything(text: str, number: str) -> bool:
    """Return whether the number ends as the text does, and all letters of the text are read as digits, or none."""
    read = re.sub(r"^[^+\uff0b\d]*", "", text.partition(";phone-context")[0])
    letters = sum(map(str.isalpha, read))
    keypad = phonenumbers.convert_alpha_characters_in_number(read)
    digits = "".join(str(unicodedata.digit(mark)) for mark in keypad if mark.isdigit())
    return not 0 < letters < 3 and digits[-3:] == number[-min(3, len(digits)) :]


#: The last digits of a second number behind a slash. The library reads the two as one longer number.
SEVERAL = re.compile(r"[0-9][ )]*(/ *-|- */) *[0-9]|([0-9][ ().\-]*){8}/ *[0-9]{1,3}[ .]*$")


def assert_as_the_library(values: list[str], region: str | None) -> None:
    cells = trimmed(pa.array(values, pa.string()))
    texts = cells.to_pylist()
    expected = [None if text and SEVERAL.search(text) else library(text, region) for text in texts]
    read = read_phones(cells, region)
    found = read.values.to_pylist()
    assert [case for case in zip(texts, found, expected, strict=True) if case[1] != case[2]] == []
    reasons = [None] * len(texts) if read.reasons is None else read.reasons.to_pylist()
    refused = [text is not None and number is None for text, number in zip(texts, expected, strict=True)]
    assert [reason is not None for reason in reasons] == refused


def examples_of(region: str) -> Iterator[PhoneNumber]:
    for kind in PhoneNumberType.values():
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            yield number
    yield phonenumbers.invalid_example_number(region)


def non_geographical() -> Iterator[PhoneNumber]:
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        if regions == ("001",):
            yield phonenumbers.example_number_for_non_geo_entity(code)


EXAMPLES = [*(number for region in REGIONS for number in examples_of(region)), *non_geographical()]


def e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def test_example_numbers_of_every_region_and_type_and_each_digit_changed() -> None:
    numbers = sorted({e164(number) for number in EXAMPLES})
    assert len(numbers) > 1000
    changed = {
        text[:at] + digit + text[at + 1 :]
        for text in numbers
        for at in range(1, len(text))
        for digit in random.Random(text + str(at)).sample("0123456789", 5)
    }
    assert_as_the_library([*numbers, *sorted(changed)], None)


def test_example_numbers_with_digits_more_and_less() -> None:
    numbers = sorted({e164(number) for number in EXAMPLES})
    values = []
    for text in numbers:
        dice = random.Random(text)
        at = dice.randrange(1, len(text))
        values += [text[:at] + text[at + 1 :], text[:at] + str(dice.randrange(10)) + text[at:]]
        values += [text + "0" * 5, text[:5], text[:-1], text[:3] + "0" + text[3:], text[:4] + "0" + text[4:]]
    assert_as_the_library(values, None)


@pytest.mark.parametrize("regions", [REGIONS[at::8] for at in range(8)], ids=lambda regions: regions[0])
def test_numbers_as_they_are_dialled_in_every_region(regions: list[str]) -> None:
    for region in regions:
        dice = random.Random(region)
        values = []
        for number in [*examples_of(region), *dice.sample(EXAMPLES, 5)]:
            digits = phonenumbers.national_significant_number(number)
            written = [
                phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
                phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
                phonenumbers.format_out_of_country_calling_number(number, region),
                digits,
                f"{number.country_code}{digits}",
                f"{number.country_code}0{digits}",
                f"0{digits}",
                f"1{digits}",
                f"8{digits}",
                f"00{number.country_code}{digits}",
                f"011 {number.country_code} {digits}",
                f"+{number.country_code} (0) {digits}",
            ]
            for text in written:
                at = dice.randrange(len(text))
                values += [
                    text,
                    text[:at] + str(dice.randrange(10)) + text[at + 1 :],
                    text[:at] + text[at + 1 :],
                ]
        assert_as_the_library(values, region)


texts = st.one_of(
    st.text("0123456789", min_size=1, max_size=18),
    st.text("0123456789", min_size=3, max_size=16).map(lambda digits: f"+{digits}"),
    st.text("+0123456789 ().-/", min_size=1, max_size=20),
    st.text("+＋0123456789 ().-/x#;,~*ext٣Ab\u00a0\u2013", min_size=1, max_size=24),
    st.sampled_from(
        ["1-800-FLOWERS", "+1 800 FLOWERS", "tel:+1-415-555-2671", "+14155552671;ext=5", "0", "00", "+", "++"]
    ),
    st.sampled_from(
        ["863-1234;phone-context=+1-914-555", "+1 415 555 2671 x12", "(+1) 4155552671", "+1 4155552671 / 2"]
    ),
    st.sampled_from(
        ["+999123456", "+0014155552671", "+004930123456", "+ 49 30 123456", "1" * 260, "+" + "1" * 260]
    ),
)


@settings(max_examples=250, deadline=None)
@given(
    st.lists(texts, min_size=1, max_size=12),
    st.sampled_from([None, "US", "DE", "GB", "AR", "BR", "IT", "RU", "KZ", "JP", "ZZ"]),
)
@example(["+3906698 12345", "06 698 12345", "+390669812345"], "IT")
def test_any_text(values: list[str], region: str | None) -> None:
    # Each value often enough that the vectorised rules take the batch, and not the library.
    assert_as_the_library([value for value in values for _ in range(12)], region)


def test_every_calling_code_is_judged_by_the_column() -> None:
    # One that is not would be left to the library: right, but some forty times slower.
    assert [code for code in COUNTRY_CODE_TO_REGION_CODE if not is_supported(code)] == []


def test_an_extension_is_refused_and_not_dropped() -> None:
    read = read_phones(pa.array(["+1 415 555 2671 ext. 5"]))
    assert read.values.to_pylist() == [None]
    assert read.reasons is not None
    assert read.reasons.to_pylist() == [
        "`+1 415 555 2671 ext. 5` has the extension 5, which a stored phone number cannot carry; "
        "leave it out, or keep it in notes or metadata"
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("+1 202-456-1111 / x 202-456-1112", "there is more in the cell than one number"),
        ("+1 202-456-1111 \\ x 202-456-1112", "there is more in the cell than one number"),
        ("tel:+1-202-456-1111;isub=12345", "there is more in the cell than one number"),
        ("863-1234;phone-context=+1-914;isub=5", "there is more in the cell than one number"),
        ("+49 30 123456 -17 / -18", "there is more in the cell than one number"),
        ("+49 30 123456-0/-17", "there is more in the cell than one number"),
        ("+49 30 123456/57", "there is more in the cell than one number"),
        ("+43 1 234567 - / 12", "there is more in the cell than one number"),
        ("+1 (415) 555-0104 (mobile)", "it has the word mobile beside the number"),
        ("+1 415 555 home", "it has the word home beside the number"),
        ("+1 415 555 0104 work", "it has the word work beside the number"),
        ("+49 30 12345O67", "it has letters among its digits"),
        ("after six: +1 415 555 0104", "it has the word after before the number"),
        ("Bob +1 415 555 0104", "it has the word Bob before the number"),
        ("fax: +1 415 555 0104", "it has the word fax before the number"),
    ],
)
def test_nothing_of_a_cell_is_left_out(text: str, reason: str) -> None:
    read = read_phones(pa.array([text]))
    assert read.reasons is not None
    assert read.reasons.to_pylist() == [
        f"`{text}` is no phone number: {reason}; {advice} or leave the cell blank"
        for advice in (["correct it"] if "/" in text and "x" not in text else ["write the number alone"])
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 800 FLOWERS", "+18003569377"),
        ("Mobile: +1 415 555 0104", "+14155550104"),
        ("Tel. no. +1 415 555 0104", "+14155550104"),
        ("Büro: +49 30 1234567", "+49301234567"),
        ("tél. : +33 1 42 34 56 78", "+33142345678"),
        ("tel:+1-415-555-0104", "+14155550104"),
        ("+49 (0) 30 1234567", "+49301234567"),
        ("863-1234;phone-context=+1-914", "+19148631234"),
        ("+49 30/1234567", "+49301234567"),
        ("+49 (0)30/123 45 67", "+49301234567"),
        ("+49 89 / 1234-5678", "+498912345678"),
        ("+33 1/42/34/56/78", "+33142345678"),
    ],
)
def test_what_may_stand_around_a_number(text: str, number: str) -> None:
    assert read_phones(pa.array([text])).values.to_pylist() == [number]


beside = st.sampled_from(
    [
        " / x ",
        " \\ x ",
        ";isub=",
        " / ",
        ", ",
        " ",
        ";",
        " & ",
        "~",
        " or ",
        ";ext=",
        " x",
        "#",
        ":",
        ";x=",
        "|",
        "*",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(EXAMPLES).map(
        lambda number: phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    ),
    beside,
    st.text("0123456789-", min_size=1, max_size=14).filter(lambda text: text.strip("-")),
)
def test_a_second_number_is_stored_or_refused(first: str, between: str, second: str) -> None:
    text = first + between + second
    number = read_phones(pa.array([text])).values.to_pylist()[0]
    digits = re.sub("[^0-9]", "", text)
    # All that may go is one digit of a trunk prefix behind the country code.
    assert number is None or len(digits) - len(number[1:]) in (0, 1)
    assert number is None or digits[-6:] == number[-6:]


def test_reasons_say_what_to_do() -> None:
    values = ["415 555 2671", "+1 415", "n/a", "+999 123456", None]
    read = read_phones(pa.array(values))
    assert read.reasons is not None
    no_code = "it has no country code; write it as + and the country code, or give default_region"
    advice = "correct it or leave the cell blank"
    assert read.reasons.to_pylist() == [
        f"`415 555 2671` is no phone number: {no_code}; {advice}",
        f"`+1 415` is no phone number: no number of country code +1 looks like this; {advice}",
        f"`n/a` is no phone number: it does not read as a number; {advice}",
        f"`+999 123456` is no phone number: it has no country code that exists; {advice}",
        None,
    ]


def test_a_column_of_blanks_and_an_empty_one() -> None:
    assert read_phones(pa.nulls(3, pa.string()), "DE").values.to_pylist() == [None] * 3
    assert len(read_phones(pa.array([], pa.string()), "DE").values) == 0
