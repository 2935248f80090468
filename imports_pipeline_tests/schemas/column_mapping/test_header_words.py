"""Headers are understood by the words they are made of, and only if every word is known."""

from __future__ import annotations

import pytest

from imports_pipeline.schemas.column_mapping.headers.header_words import meaning, undecorated
from imports_pipeline.schemas.column_mapping.headers.meanings import Meaning
from imports_pipeline.schemas.column_mapping.headers.vocabulary import slot_of_label


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("E-mail 2 - Label", "email.label#2"),
        ("E-mail 2 - Type", "email.label#2"),
        ("E-mail 2 - Value", "email#2"),
        ("E-mail 2 Address", "email#2"),
        ("Email Address 2", "email#2"),
        ("secondEmail", "email#2"),
        ("Person - Email - Work", "email.work"),
        ("Emails / Primary Email", "email.main"),
        ("Email (Work)", "email.work"),
        ("E-mail?", "email"),
        ("Phone no.", "phone"),
        ("Phone # (mobile)", "phone.mobile"),
        ("Mobile phone [mobile]", "phone.mobile"),
        ("Phone Country 1", "phone.country#1"),
        ("Phones / Primary Phone Calling Code", "phone.main.calling_code"),
        ("Company Main Phone", "phone.work"),
        ("MAILINGSTREET", "address.mailing.street"),
        ("Address 1 - Extended Address", "address.line2#1"),
        ("State or province [state]", "address.region"),
        ("Country/Region", "address.country"),
        ("Street address line 1 - Home", "address.home.street#1"),
        ("Home Address PO Box", "address.home.po_box"),
        ("First Name [Required]", "name.first"),
        ("Name / First Name", "name.first"),
        ("Note(s)", "notes"),
        ("Organization Name", "company"),
        ("address_1_address_2", "address.line2#1"),
        ("Address 2 Street 1", "address.street#2"),
        ("Pref. Phone", "phone.main"),
        ("Ticket Email", "email"),
        ("By (arbejde)", "address.work.city"),
    ],
)
def test_headers_with_a_meaning(header: str, says: str) -> None:
    assert str(meaning(header)) == says
    assert meaning(header.upper()) == meaning(header) == Meaning.of(says)


@pytest.mark.parametrize(
    "header",
    [
        "Assistant's Phone",
        "Business Fax",
        "Contact owner",
        "Contact by",
        "Guest Email",
        "Ticket Name",
        "Ticket Type",
        "Do Not Email",
        "E-mail 1 Display Name",
        "Email status",
        "Homepage",
        "Job Title",
        "Manager's Name",
        "Phonetic First Name",
        "Plain Text Email - 1 way",
        "Web Page",
        "Yahoo! Phone",
        "",
        "x" * 500,
    ],
)
def test_a_header_with_an_unknown_word_means_nothing(header: str) -> None:
    assert meaning(header) is None


def test_decorations_are_taken_off() -> None:
    assert undecorated("Name [displayName] Required") == "Name"
    assert undecorated("* E-mail:") == "E-mail"
    assert undecorated("Phone no.") == "Phone no"


def test_labels_name_slots() -> None:
    assert slot_of_label("* Work") == ("work", True)
    assert slot_of_label("Cell") == ("mobile", False)
    assert slot_of_label("Summer house") == ("", False)
    assert slot_of_label(None) == ("", False)


@pytest.mark.parametrize("text", ["", "mail", "email.work.home", "email.nowhere", "email#x"])
def test_what_is_no_meaning(text: str) -> None:
    with pytest.raises(ValueError, match=r"meaning|word"):
        Meaning.of(text)
