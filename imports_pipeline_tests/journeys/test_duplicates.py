"""Duplicates: rows that share an identity value, and rows that turn out to be one record."""

from __future__ import annotations

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

#: resource, options → header, three rows of which the first and the last share the key, the key.
SHARING = {
    "contact by external_id": ("contact", "", "name,external_id", ("A,X", "B,Y", "C,X"), "external_id"),
    "contact by email in another case": (
        "contact", "", "name,email", ("A,a@example.com", "B,b@example.com", "C,A@EXAMPLE.COM"), "email",
    ),
    "contact by phone in another spelling": (
        "contact", "phone", "name,phone", ("A,+49 30 901820", "B,+49 30 901821", "C,+4930901820"), "phone",
    ),
    "contact by name": ("contact", "name", "name,notes", ("A,1", "B,2", " A ,3"), "name"),
    "group by external_id": (
        "group", "", "name,resource,external_id", ("A,contact,X", "B,contact,Y", "C,location,X"), "external_id",
    ),
    "group by name and resource": (
        "group", "", "name,resource,metadata.n", ("A,contact,1", "A,location,2", "A,Contact,3"), "name + resource",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SHARING)
@pytest.mark.parametrize("action", ["merge", "overwrite"])
@pytest.mark.parametrize(("policy", "rejected"), [("ignore_all", [2, 4]), ("use_first", [4])])
def test_rows_that_share_a_value(
    imports: Imports, case: str, action: str, policy: str, rejected: list[int]
) -> None:
    resource, match_on, header, rows, key = SHARING[case]
    import_ = imports.run(
        "\n".join((header, *rows)), resource, action=action, match_on=match_on, duplicate_handling=policy
    )
    assert import_.status is Status.COMPLETED
    assert import_.stats["created"] == 3 - len(rejected)
    errors = {row["line"]: row["errors"] for row in imports.errors(import_)}
    assert list(errors) == rejected
    for line, (error,) in errors.items():
        assert (error["code"], error["column"]) == ("duplicate_row", key)
        assert f"line {2 if line == 4 else 4}" in error["message"], "it names the line it clashes with"


def test_blank_values_are_not_shared(imports: Imports) -> None:
    assert imports.completed("name,email,external_id\nA,,\nB,,\nC,,\n").stats["created"] == 3


def test_a_file_of_duplicates_has_no_valid_row(imports: Imports) -> None:
    import_ = imports.run("name,email\nA,a@example.com\nB,a@example.com\n")
    assert (import_.status, import_.code) == (Status.FAILED, "no_valid_row")
    assert len(import_.phases) == 2


def test_a_row_with_two_clashes_is_one_row(imports: Imports) -> None:
    import_ = imports.run(
        "name,external_id,email\nA,X,a@example.com\nB,X,b@example.com\nC,Y,A@example.com\nD,Z,\n"
    )
    assert imports.codes(import_) == {2: ["duplicate_row"] * 2, 3: ["duplicate_row"], 4: ["duplicate_row"]}
    assert imports.names() == ["D"]


def test_of_a_chain_of_clashes_the_first_stays(imports: Imports) -> None:
    import_ = imports.run(
        "name,external_id,email\nA,X,a@example.com\nB,X,b@example.com\nC,Y,b@example.com\n",
        duplicate_handling="use_first",
    )
    assert imports.names() == ["A"]
    assert imports.codes(import_) == {3: ["duplicate_row"], 4: ["duplicate_row"]}


@pytest.mark.parametrize(("policy", "rejected"), [("ignore_all", [2, 3]), ("use_first", [3])])
def test_rows_that_are_one_record_by_different_keys(
    imports: Imports, policy: str, rejected: list[int]
) -> None:
    imports.completed("name,external_id,email\nAnn,E-1,ann@example.com\nBob,E-2,\n")
    import_ = imports.run(
        "external_id,email,notes\nE-1,,first\n,ann@example.com,second\nE-2,,third\n",
        duplicate_handling=policy,
    )
    assert imports.codes(import_) == {line: ["duplicate_record"] for line in rejected}
    assert imports.one("Bob")["notes"] == "third"
    assert imports.one("Ann")["notes"] == (None if policy == "ignore_all" else "first")
    for row in imports.errors(import_):
        assert row["phase"] == "parsing"
        assert f"line {5 - row['line']}" in row["errors"][0]["message"]


def test_a_row_that_was_rejected_before_is_no_duplicate(imports: Imports) -> None:
    import_ = imports.run("name,email,is_primary\nA,a@example.com,perhaps\nB,a@example.com,yes\n")
    assert imports.codes(import_) == {2: ["invalid_boolean"]}
    assert imports.names() == ["B"]
