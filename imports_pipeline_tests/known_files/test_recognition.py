"""Files of known products are recognised by their headers, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imports_pipeline.schemas.catalog import CONTACT
from imports_pipeline.schemas.column_mapping.headers.aliases import NAME_PARTS, candidates, fields_by_name
from imports_pipeline.schemas.column_mapping.known_files.known_file import InvalidKnownFile, KnownFile
from imports_pipeline.schemas.column_mapping.known_files.other_exports import OTHER_EXPORT
from imports_pipeline.schemas.column_mapping.known_files.recognition import (
    UnknownKnownFile,
    known_files,
    recognise,
)

KNOWN = known_files()
DOCUMENTED = sorted(
    {*fields_by_name(CONTACT), *CONTACT.by_name, *(name for names in NAME_PARTS.values() for name in names)}
)
SIGNATURES = [(one.name, sorted(signature)) for one in KNOWN.values() for signature in one.signatures]


def name_of(header: list[str], wanted: str = "auto") -> str:
    found = recognise(header, KNOWN, wanted)
    return found.name if found else ""


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_each_signature_is_of_one_known_file_alone(name: str, signature: list[str]) -> None:
    assert name_of(signature) == name


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_a_signature_has_two_headers_that_no_documented_file_has(name: str, signature: list[str]) -> None:
    unknown = [header for header in signature if not candidates(header, CONTACT) and header not in DOCUMENTED]
    assert len(unknown) >= 2 or any("[" in header for header in unknown)


OTHERS = ["Company", "Status", "Tags", "City", "Zip", "Country", "Created at", "Owner"]


@given(
    st.lists(st.sampled_from([one for one in DOCUMENTED if candidates(one, CONTACT)])),
    st.lists(st.sampled_from(OTHERS), max_size=3),
    st.randoms(),
)
def test_a_documented_file_is_never_a_known_one(own: list[str], others: list[str], random: Random) -> None:
    header = [*own, *others]
    random.shuffle(header)
    assert name_of(header) == ""


@given(
    st.permutations([*OTHERS, "name", "email"]),
    st.sampled_from(["groups", "metadata.team", "alternate_emails.work"]),
)
def test_a_file_of_many_other_columns_is_another_export_unless_it_is_written_as_ours(
    header: list[str], ours: str
) -> None:
    assert name_of(header) == "other-export"
    assert name_of([*header, ours]) == ""
    assert name_of(["name", "email", "phone", "Shoe", "Hat", "Car", "Dog"]) == "", (
        "the rules know none of these"
    )


@given(st.sampled_from(SIGNATURES), st.data())
def test_order_case_blank_and_further_columns_do_not_matter(
    known: tuple[str, list[str]], data: st.DataObject
) -> None:
    name, signature = known
    header = [
        data.draw(st.sampled_from([text, text.upper(), text.title(), f" {text}\u00a0"])) for text in signature
    ]
    header += data.draw(st.lists(st.sampled_from(["", " ", "Shoe size", "Favourite colour"])))
    assert name_of(data.draw(st.permutations(header))) == name


def test_the_largest_signature_counts_and_a_tie_is_a_doubt() -> None:
    one = KnownFile.read("one", "{product: One, signature: [[Alpha, Beta]]}")
    two = KnownFile.read("two", "{product: Two, signature: [[Alpha, Gamma]]}")
    three = KnownFile.read("three", "{product: Three, signature: [[Alpha, Beta, Gamma]]}")
    header = ["gamma", "BETA", "Al-pha"]
    assert recognise(header, {"one": one, "two": two}) is None
    assert recognise(header, {"one": one, "two": two, "three": three}) is three


def test_known_file_can_be_none_or_given_by_name() -> None:
    header = ["Email Address", "MEMBER_RATING", "OPTIN_TIME", "LEID", "EUID"]
    assert name_of(header) == "mailchimp"
    assert name_of(header, "none") == ""
    assert name_of(header, "brevo") == "brevo"
    with pytest.raises(UnknownKnownFile, match="perhaps 'mailchimp' is meant"):
        name_of(header, "mailchinp")


def test_a_folder_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "our-crm.yaml").write_text(
        "{product: Our CRM, signature: [[Cust No, Cust Name]], columns: {Cust No: external_id}}"
    )
    (tmp_path / "brevo.yaml").write_text("{product: Brevo of ours, signature: [[A1, A2]]}")
    (tmp_path / "readme.txt").write_text("not read")
    known = known_files(tmp_path)
    assert known.keys() == {*KNOWN, "our-crm"}
    assert known["brevo"].product == "Brevo of ours"
    found = recognise(["cust name", "CUST_NO"], known)
    assert found is not None
    assert found.preset.columns == {"Cust No": "external_id"}
    assert known_files() is KNOWN


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("auto", "{}", "no name for a known file"),
        ("Our CRM", "{}", "no name for a known file"),
        ("one", "a: [", "the YAML cannot be read"),
        ("one", "- a", "must be a mapping"),
        ("one", "{product: One}", "signature is missing"),
        ("one", "{product: One, signature: [[A, B]], colums: {}}", "unknown key 'colums'"),
        ("one", "{product: One, signature: [A, B]}", "list of lists"),
        ("one", "{product: One, signature: [[A]]}", "at least two headers"),
        ("one", "{product: One, signature: [[A, B]], columns: {A: fone}}", "'A' is said to be 'fone'"),
        ("one", "{product: One, signature: [[A, B]], columns: [A]}", "columns must be a mapping"),
        ("one", "{product: One, signature: [[A, B]], templates: {nam: '{A} {B}'}}", "no field of a contact"),
        ("one", "{product: One, signature: [[A, B]], dropped: {A: ['(']}}", "no regular expression"),
        ("one", "{product: One, signature: [[A, B]], separators: {A: ['']}}", "empty text"),
        ("one", "{product: One, signature: [[A, B]], defaults: {mode: sync}}", "no default for 'mode'"),
        ("one", "{product: One, signature: [[A, B]], defaults: {bad_cells: drop}}", "reject or leave_out"),
        ("one", "{product: One, signature: [[A, B]], sources: [somewhere]}", "each of the sources"),
        ("one", "{product: One, signature: [[A, B]], continued_rows: often}", "true or false, not 'often'"),
    ],
)
def test_a_fault_is_named(name: str, text: str, fault: str) -> None:
    with pytest.raises(InvalidKnownFile, match=fault):
        KnownFile.read(name, text)


def test_a_folder_that_is_none_or_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidKnownFile, match="which is no folder"):
        known_files(tmp_path / "nowhere")
    (tmp_path / "one.yaml").write_bytes(b"\xff")
    with pytest.raises(InvalidKnownFile, match=r"one\.yaml cannot be read"):
        known_files(tmp_path)


def test_every_known_file_says_where_its_statements_come_from() -> None:
    for one in KNOWN.values():
        assert one.export, one.name
        if one is OTHER_EXPORT:
            continue
        assert one.sources, one.name
        assert all(source.what and source.where and source.date for source in one.sources), one.name
        assert one.defaults == {"bad_cells": "leave_out", "missing_groups": "create", "missing_name": "email"}
