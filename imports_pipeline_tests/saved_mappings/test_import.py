"""Saved mappings in imports: what the header must be, and whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import saved_mappings
from imports_pipeline.schemas.column_mapping.saved_mapping import SavedMapping
from imports_pipeline_tests.journeys import Imports

MAPPING = SavedMapping(
    "crm", "contact", ("Kunde", "Post", "", "_line"), {"name": "Kunde", "email": "Post"}, "none"
)


@pytest.fixture
def saved(imports: Imports) -> Imports:
    with imports.workflow.database.connect() as connection:
        saved_mappings.save(connection, imports.organization, MAPPING)
    return imports


@pytest.mark.parametrize(
    "header", [("Kunde", "Post"), ("POST", "", "kunde"), ("\ufeffKunde", "Post", "_code")]
)
def test_headers_that_are_the_same(header: tuple[str, ...]) -> None:
    options = MAPPING.apply(header, "contact", Options.of({}))
    assert options.column_mapping == MAPPING.column_mapping
    assert options.known_file == "none"


def test_what_the_options_say_counts_more() -> None:
    given = Options.of({"column_mapping": {"name": "Post"}, "known_file": "hubspot"})
    options = MAPPING.apply(MAPPING.header, "contact", given)
    assert options.column_mapping == {"name": "Post", "email": "Post"}
    assert options.known_file == "hubspot"


@pytest.mark.parametrize(
    ("header", "resource", "reason"),
    [
        (("Kunde",), "contact", "was saved for another header: the file lacks `Post`."),
        (("Kunde", "Post", "A", "B"), "contact", "`A`, `B` are new in the file."),
        (("Kunde", "Mail"), "contact", "the file lacks `Post`, and `Mail` is new in the file."),
        (("Kunde", "Post", *map(str, range(10))), "contact", "`7` and 2 more are new in the file."),
        (("Kunde", "Post"), "group", "is for the resource contact, and the file is imported as group."),
    ],
)
def test_another_header_is_refused(header: tuple[str, ...], resource: str, reason: str) -> None:
    with pytest.raises(PermanentFailure) as refused:
        MAPPING.apply(header, resource, Options.of({}))
    assert refused.value.code == "saved_mapping_differs"
    assert f" {reason} Save it again" in refused.value.reason


def test_a_mapping_is_of_one_organization(saved: Imports) -> None:
    other = Imports(saved.workflow, f"{saved.organization}-2", saved.folder)
    import_ = other.run("Kunde,Post\nAnn,a@example.com\n", saved_mapping="crm")
    assert (import_.status, import_.code) == (Status.FAILED, "unknown_saved_mapping")
    close = saved.run("Kunde,Post\nAnn,a@example.com\n", saved_mapping="crn")
    assert "perhaps crm is meant" in (close.reason or "")


def test_the_options_of_an_import_show_what_was_saved(saved: Imports) -> None:
    import_ = saved.completed("Kunde,Post\nAnn,ann@example.com\n", saved_mapping="crm")
    assert import_.options.saved_mapping == "crm"
    assert import_.options.column_mapping == {"name": "Kunde", "email": "Post"}
    assert import_.options.known_file == "none"
    assert saved.one("Ann")["email"] == "ann@example.com"


def test_a_mapping_is_found_by_the_header(saved: Imports) -> None:
    newer = SavedMapping("newer", "contact", ("POST", "Kunde"), {"notes": "Kunde", "email": "Post"}, "none")
    others = (
        replace(newer, name="of-groups", resource="group"),
        replace(newer, name="of-another-header", header=("Kunde",)),
    )
    content = "Kunde,Post\nAnn,ann@example.com\n"
    with saved.workflow.database.connect() as connection:
        for one in others:
            saved_mappings.save(connection, saved.organization, one)
        import_ = saved.completed(content, saved_mapping="*")
        saved_mappings.save(connection, saved.organization, newer)
    assert (import_.options.saved_mapping, import_.options.column_mapping["name"]) == ("crm", "Kunde")
    found = saved.completed(content, saved_mapping="*")
    assert (found.options.saved_mapping, found.options.column_mapping["notes"]) == ("newer", "Kunde")
    unknown = saved.completed("name,email\nBob,bob@example.com\n", saved_mapping="*")
    assert (unknown.options.saved_mapping, unknown.options.column_mapping) == (None, {})
    other = Imports(saved.workflow, f"{saved.organization}-2", saved.folder)
    assert other.run(content, saved_mapping="*").options.saved_mapping in (None, "*")
