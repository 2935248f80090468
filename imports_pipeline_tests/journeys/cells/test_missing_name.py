"""New contacts without a name: they are rejected, or take their email as name (``missing_name``)."""

from __future__ import annotations

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

FILE = "name,email,phone\nAnn,ann@example.com,\n,Bob@Example.com,+4930901820\n,,+4930901821\n"


def test_a_new_contact_takes_its_email_as_name(imports: Imports) -> None:
    import_ = imports.run(FILE, missing_name="email")
    assert imports.codes(import_) == {4: ["required_value"]}
    assert [(one["name"], one["email"]) for one in imports.records()] == [
        ("Ann", "ann@example.com"),
        ("Bob@example.com", "Bob@example.com"),
    ]
    assert imports.run(FILE, missing_name="email").stats["unchanged"] == 2


def test_it_is_rejected_without_the_option(imports: Imports) -> None:
    assert imports.codes(imports.run(FILE)) == {3: ["nothing_to_create_from"], 4: ["required_value"]}


@pytest.mark.parametrize("blank_cells", ["keep", "clear"])
@pytest.mark.parametrize("header", ["name,email,notes\n,{},x\n,{},x\n", "email,notes\n{},x\n{},x\n"])
def test_a_stored_contact_keeps_its_name(imports: Imports, header: str, blank_cells: str) -> None:
    imports.completed("name,email\nAnn,ann@example.com\n")
    content = header.format("ANN@example.com", "bob@example.com")
    import_ = imports.completed(content, missing_name="email", blank_cells=blank_cells)
    assert (import_.stats["created"], import_.stats["updated"]) == (1, 1)
    assert imports.names() == ["Ann", "bob@example.com"]
    again = imports.completed(content, missing_name="email", blank_cells=blank_cells)
    assert again.stats["unchanged"] == 2


@pytest.mark.parametrize("match_on", [["name"], ["external_id"], ["phone", "name"], ["email"]])
def test_the_same_file_again_changes_nothing(imports: Imports, match_on: list[str]) -> None:
    content = "name,email,external_id,phone\n,ann@example.com,,\n,bob@example.com,E-1,+4930901820\n"
    assert imports.completed(content, missing_name="email", match_on=match_on).stats["created"] == 2
    assert imports.completed(content, missing_name="email", match_on=match_on).stats["unchanged"] == 2
    assert imports.names() == ["ann@example.com", "bob@example.com"]


def test_a_file_of_emails_is_enough(imports: Imports) -> None:
    assert imports.run("email\nann@example.com\n", match_on=["external_id"]).code == "missing_column"
    assert imports.completed("email\nann@example.com\n", match_on=["external_id"], missing_name="email")
    assert imports.names() == ["ann@example.com"]


def test_an_overwrite_and_groups(imports: Imports) -> None:
    imports.completed("name,email\nAnn,ann@example.com\nCid,cid@example.com\n")
    import_ = imports.completed(FILE.rsplit(",,", 1)[0], action="overwrite", missing_name="email")
    assert (import_.stats["created"], import_.stats["overwritten"]) == (1, 1)
    assert imports.names() == ["Ann", "Bob@example.com"]
    assert imports.run("name,resource\n,contact\n", "group", missing_name="email").status is Status.FAILED
