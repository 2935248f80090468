"""Emails: verdict and normal form are email-validator's own."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
from pathlib import Path

import email_validator
import pyarrow as pa
import pytest
from email_validator import rfc_constants
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imports_pipeline.schemas import emails
from imports_pipeline.schemas.cells import trimmed
from imports_pipeline.schemas.email_forms import undecorated
from imports_pipeline.schemas.emails import read_emails


def library(text: str) -> str | None:
    try:
        return email_validator.validate_email(text, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        return None


def assert_as_the_library(values: list[str]) -> None:
    cells = trimmed(pa.array(values, pa.string()))
    read = read_emails(cells)
    expected = [None if text is None else library(text) for text in undecorated(cells).to_pylist()]
    assert read.values.to_pylist() == expected
    refused = [
        text is not None and found is None for text, found in zip(cells.to_pylist(), expected, strict=True)
    ]
    reasons = [None] * len(values) if read.reasons is None else read.reasons.to_pylist()
    assert [reason is not None for reason in reasons] == refused


ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-"
RESERVED = [*email_validator.SPECIAL_USE_DOMAIN_NAMES, "example.com", "example"]
labels = st.one_of(
    st.text("abcXYZ019-", min_size=1, max_size=8),
    st.sampled_from(
        [
            *RESERVED,
            "xn--mnchen-3ya",
            "xn--a",
            "ab--c",
            "münchen",
            "例え",
            "a" * 63,
            "a" * 64,
            "1",
            "de",
            "com",
        ]
    ),
)
locals_ = st.one_of(
    st.lists(st.text(ATEXT, min_size=1, max_size=6), min_size=1, max_size=3).map(".".join),
    st.sampled_from(
        ["info", "INFO", "Sales", "PostMaster", "infos", '"a b"', '"ann"', "é", "a" * 64, "a" * 65, "a" * 250]
    ),
)
addresses = st.builds(
    lambda local, parts: f"{local}@{'.'.join(parts)}", locals_, st.lists(labels, min_size=1, max_size=4)
)
NASTY = " .@@..--<>\"'()[],;:\\\t\n\x00\x7f\u00a0\u200b\u0301＠。Éß٣𝒶"


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(addresses)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        match draw(st.integers(0, 2)):
            case 0:
                text = text[:at] + draw(st.sampled_from(NASTY)) + text[at:]
            case 1:
                text = text[:at] + text[at + 1 :]
            case 2:
                text = text[:at].swapcase() + text[at:]
    return text


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(addresses, mutated()), min_size=1, max_size=30))
@example(["info@Example.COM", "Info@a.de", "ann@x.local", "ann@localhost", "a@b.test", "a@test.example"])
@example(
    ["a@b.c-d", "a@b.-c", "a@b.c1", "a@b.1c", "a@b", "@b.de", "a@", "@", ".a@b.de", "a.@b.de", "a..b@c.de"]
)
@example(
    [
        f"{'a' * 48}@{'b' * 12}.de",
        f"{'a' * 60}@b.de",
        f"a@{'b' * 63}.de",
        f"a@{'b' * 64}.de",
        "a" * 300 + "@b.de",
    ]
)
def test_as_the_library(values: list[str]) -> None:
    assert_as_the_library(values)


def test_the_constants_are_those_of_the_library() -> None:
    assert emails.ATEXT == rfc_constants.ATEXT
    assert emails.EMAIL_MAX_LENGTH == rfc_constants.EMAIL_MAX_LENGTH
    assert list(emails.MAILBOX_NAMES) == list(rfc_constants.CASE_INSENSITIVE_MAILBOX_NAMES)
    assert list(emails.SPECIAL_USE_DOMAINS) == list(email_validator.SPECIAL_USE_DOMAIN_NAMES)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text('abA1.-_@+!<"[] ', min_size=1, max_size=12), min_size=1, max_size=50))
def test_as_the_library_where_nearly_all_is_wrong(values: list[str]) -> None:
    assert_as_the_library(values)


@pytest.fixture(scope="module")
def syntax_cases(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every text in the library's own syntax tests, from its source package."""
    folder: Path = tmp_path_factory.mktemp("email-validator")
    wanted = f"email-validator=={email_validator.__version__}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        ":all:",
        "-d",
        str(folder),
        wanted,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the package registry did not give {wanted} in time")
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or not archives:
        pytest.skip(f"the package registry is out of reach: no source package of {wanted}")
    with tarfile.open(archives[0]) as archive:
        member = next(name for name in archive.getnames() if name.endswith("tests/test_syntax.py"))
        source = archive.extractfile(member)
        assert source is not None
        tree = ast.parse(source.read())
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_the_library_s_own_syntax_cases(syntax_cases: list[str]) -> None:
    # Lone surrogates are no text that a file could hold.
    cases = [text for text in syntax_cases if text.encode("utf-8", "ignore").decode() == text]
    assert sum("@" in text for text in cases) > 200
    assert_as_the_library(cases)


def test_a_column_of_blanks_and_an_empty_one() -> None:
    assert read_emails(pa.nulls(3, pa.string())).values.to_pylist() == [None] * 3
    assert len(read_emails(pa.array([], pa.string())).values) == 0


def test_reasons_say_what_to_do() -> None:
    read = read_emails(
        pa.array(["ann@", "ann", "ann@x", "a" * 80, "a@b.local", "Ann <a@b.de> x", "a b@c.de"])
    )
    assert read.reasons is not None
    assert read.reasons.to_pylist() == [
        "`ann@` is no email address: there is nothing after the @; correct it or leave the cell blank",
        "`ann` is no email address: it has no @; correct it or leave the cell blank",
        "`ann@x` is no email address: the part after the @ has no period; correct it or leave the cell blank",
        f"`{'a' * 59}…` is no email address: it has no @; correct it or leave the cell blank",
        "`a@b.local` is no email address: the part after the @ is a reserved name that gets no mail; "
        "correct it or leave the cell blank",
        "`Ann <a@b.de> x` is no email address: there can't be anything after the email address; "
        "correct it or leave the cell blank",
        "`a b@c.de` is no email address: there is a space in it; correct it or leave the cell blank",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "mailto:ann@example.org", "MAILTO: ann@Example.org", "<ann@example.org>", "< mailto:ann@example.org >",
        "Ann Lee <ann@example.org>", '"Lee, Ann" <ann@example.org>', "Lee, Ann <ann@example.org>;",
        "ann@example.org <ann@example.org>", '"ann@example.org" <Ann@example.org>', "'Ann' <ann@example.org>",
        "ann@example.org;", "ann@example.org ,", "ann@example.org;;", '"ann@example.org"',
        "ann@example.org'", "Ann\t<ann@example.org>", "ann＠example.org",
        "ａｎｎ＠ｅｘａｍｐｌｅ．ｏｒｇ", "＜ａｎｎ@example.org＞",
    ],
)  # fmt: skip
def test_the_forms_of_one_address(text: str) -> None:
    read = read_emails(pa.array([text, "bob@example.org"]))
    (found, _) = read.values.to_pylist()
    assert found is not None
    assert found.lower() == "ann@example.org"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mailto:ann@@example.org", "it has more than one @"),
        ("ann@example.org (work)", "there is text behind the address"),
        ("ann@example,org", "a comma or a semicolon stands in it"),
        ("ann@example.org;bob@example.org", "it has more than one @"),
        ("Ann <ann@example.org>, Bob <bob@example.org>", ""),
        ("bob@example.org <ann@example.org>", ""),
        ("ann@example.org.", "a period stands at the beginning or end of it, or beside the @"),
        ("mailto:", "it has no @"),
    ],
)
def test_what_is_no_form_of_one_address(text: str, reason: str) -> None:
    read = read_emails(pa.array([text]))
    assert read.values.to_pylist() == [None]
    assert read.reasons is not None
    assert f"is no email address: {reason}" in read.reasons.to_pylist()[0]
