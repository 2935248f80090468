"""Counts: phases pass on what they do not reject, and the statistics say what became of it."""

from __future__ import annotations

import pytest

from imports_pipeline.model.phases import PHASES
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.test_errors_files import MANY


@pytest.mark.parametrize(("mode", "waited"), [("sync", "sync"), ("mixed", "async")])
def test_rows_through_the_phases(stored: Imports, mode: str, waited: str) -> None:
    import_ = stored.run(MANY, mode=mode)
    assert [(one["name"], one["total"], one["error"], one["mode"]) for one in import_.phases] == [
        ("prevalidation", 11, 3, "sync"),
        ("preparsing", 8, 2, "sync"),
        ("transforming", 6, 1, "sync"),
        ("parsing", 5, 2, "sync"),
        ("validation", 3, 1, "sync"),
        ("processing", 2, 0, waited),
        ("cleanup", 2, 0, waited),
    ]
    assert import_.stats == {
        "created": 2, "updated": 0, "unchanged": 0, "deleted": 0, "overwritten": 0, "rejected": 9,
    }  # fmt: skip


def test_use_first_passes_on_more(stored: Imports) -> None:
    import_ = stored.run(MANY, duplicate_handling="use_first", save_result=True)
    assert {one["name"]: one["error"] for one in import_.phases} == {
        "prevalidation": 3, "preparsing": 1, "transforming": 1, "parsing": 1, "validation": 1, "processing": 0,
        "cleanup": 0,
    }  # fmt: skip
    assert stored.result(import_) == {2: "created", 5: "created", 9: "updated", 13: "created"}


@pytest.mark.parametrize("action", ["merge", "overwrite"])
@pytest.mark.parametrize("resource", ["contact", "group"])
def test_each_row_has_one_result(imports: Imports, action: str, resource: str) -> None:
    content = "name,resource,external_id,metadata.x\n"
    imports.completed(content + "A,contact,1,\nB,contact,2,\nC,contact,3,\n", resource)
    import_ = imports.completed(
        content + "A,contact,1,\nB,contact,2,new\nD,contact,4,\n", resource, action=action, save_result=True
    )
    assert imports.result(import_) == {2: "unchanged", 3: "updated", 4: "created"}
    assert import_.stats["overwritten"] == (1 if action == "overwrite" else 0)
    assert imports.names(resource) == (["A", "B", "D"] if action == "overwrite" else ["A", "B", "C", "D"])


def test_the_object_of_the_import(stored: Imports) -> None:
    shown = stored.run(MANY).as_object()
    assert (shown["object"], shown["resource"], shown["action"], shown["mode"]) == (
        "import", "contact", "merge", "mixed",
    )  # fmt: skip
    assert [one["name"] for one in shown["phases"]] == list(PHASES)
    assert shown["detected"]["columns"]["email"] == "E-mail"
    assert shown["detected"]["ignored_columns"] == ["My own"]
    assert (shown["detected"]["encoding"], shown["detected"]["delimiter"], shown["detected"]["header_line"]) == (
        "utf-8", ",", 1,
    )  # fmt: skip
    assert len(shown["checksum"]) == 64
    assert isinstance(shown["created_at"], int)
    assert shown["batch_id"].startswith("btch_")


def test_a_large_file_of_every_kind_of_row(imports: Imports) -> None:
    """More rows than one batch of any phase holds, with errors of all phases spread over them."""
    rows = ["name,email,external_id,groups.add"]
    for number in range(60_000):
        email = "bad" if number % 1000 == 1 else f"u{number}@example.com"
        external = number - 1 if number % 1000 == 3 else number
        group = "Nowhere" if number % 1000 == 5 else ""
        rows.append(f"n{number},{email},X{external},{group}")
    import_ = imports.run("\n".join(rows))
    assert [(one["total"], one["error"]) for one in import_.phases[:5]] == [
        (60_000, 60), (59_940, 120), (59_820, 0), (59_820, 0), (59_820, 60),
    ]  # fmt: skip
    assert import_.stats["created"] == 59_760
    lines = sorted(2 + at + 1000 * k for k in range(60) for at in (1, 2, 3, 5))
    assert [row["line"] for row in imports.errors(import_)] == lines
