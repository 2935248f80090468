# ruff: noqa: E501 - one line a case, as in a table
"""What depends on the stored records: one file after another, and what is left in the end."""

from __future__ import annotations

from typing import Any

import pytest

from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.overwrite import Runs

PEOPLE = "external_id,name,email\n1,Uma Oak,uma@example.net\n2,Vic Elm,vic@example.net\n3,Wes Ash,wes@example.net\n"
TWO = "external_id,name,email\n1,Uma Oak,uma@example.net\n2,Vic Elm,vic@example.net\n"
OAK_ELM = ["Uma Oak", "Vic Elm"]
ALL = [*OAK_ELM, "Wes Ash"]
OVERWRITE = {"action": "overwrite"}

#: The second file, its options, its code, its counts, the names that are left, a part of its reason, notices or errors.
CASES: dict[str, tuple[str, dict[str, Any], str | None, dict[str, int], list[str], str]] = {
    "a total in the night when somebody left": (TWO + "Total: 2 rows\n", OVERWRITE, None, {"unchanged": 2, "overwritten": 1}, OAK_ELM, ""),
    "a count in a name column": (PEOPLE + ",3 people exported,\n", OVERWRITE, None, {"unchanged": 3}, ALL, ""),
    "blank rows in the night when somebody left": (TWO + ",,\n,,\n", OVERWRITE, None, {"unchanged": 2, "overwritten": 1}, OAK_ELM, ""),
    "a record that shows nobody": (TWO + "what\n", OVERWRITE, "unidentified_rows", {"rejected": 1}, ALL, "the rejected row of line 4 does not show whose it is"),
    "a decorated address of a rejected row": ("name,email,is_primary\nU.,Uma <uma@example.net> (home),\nVic Elm,vic@example.net,\n", OVERWRITE, None, {"unchanged": 1, "rejected": 1, "overwritten": 1}, OAK_ELM, "invalid_email"),
    "a NUL in an address": (PEOPLE.replace("uma@", "um\0a@"), OVERWRITE, None, {"unchanged": 2, "rejected": 1}, ALL, "nul_byte"),
    "a delete with a NUL": ("id\nctct_\0\n", {"action": "delete"}, "no_valid_row", {"rejected": 1}, ALL, "nul_byte"),
    "shortened ids": ("external_id,name\n4.42079E+11,Uma\n4.42079E+11,Vic\n", OVERWRITE, "no_valid_row", {"rejected": 2}, ALL, "shortened_number"),
    "an email in another case": ("name,email\nUma O.,UMA@Example.net\n", {}, None, {"updated": 1}, ["Uma O.", "Vic Elm", "Wes Ash"], ""),
    "a successor with the leaver's address": (PEOPLE.replace("2,Vic Elm", "4,Xia Fir"), OVERWRITE, None, {"created": 1, "unchanged": 2, "overwritten": 1}, ["Uma Oak", "Wes Ash", "Xia Fir"], ""),
    "only a header": ("name,email\n", OVERWRITE, "no_valid_row", {}, ALL, "has a header and no row"),
    "an id that lost a zero": ("external_id,name,email\n01,Uma Oak,uma@example.net\n", {}, None, {"created": 1}, ["Uma Oak", *ALL], "lost_zeros"),
    "blank rows under a limit of errors": (PEOPLE + ",,\n", {"max_errors": 0}, None, {"unchanged": 3}, ALL, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_second_file(runs: Runs, case: str) -> None:
    content, options, code, stats, names, part = CASES[case]
    if "lost_zeros" in part:
        runs.completed(PEOPLE.replace("\n1,", "\n001,"))
    else:
        runs.completed(PEOPLE)
    import_ = runs.run(content, **options)
    assert (import_.code, {name: count for name, count in import_.stats.items() if count}) == (code, stats)
    assert runs.names() == names
    said = [import_.reason or "", *(str(notice) for notice in import_.notices), str(runs.errors(import_))]
    assert part in "\n".join(said)


def test_ids_that_differ_in_case_are_three_people(runs: Runs) -> None:
    done = runs.completed("external_id,name\nq,Uma\nQ,Vic\nQq,Wes\n")
    assert done.stats["created"] == 3


def test_an_export_that_is_edited_deletes_the_rows_that_are_left(runs: Runs) -> None:
    runs.completed(PEOPLE)
    header, *rows = runs.export().decode().splitlines(keepends=True)
    kept = [row for row in rows if "Vic Elm" not in row]
    done = runs.completed("".join([header, *kept]), action="delete")
    assert (done.status, done.stats["deleted"], runs.names()) == (Status.COMPLETED, 2, ["Vic Elm"])


def test_groups_with_commas_and_quotes_go_out_and_in_again(runs: Runs) -> None:
    runs.completed('name,resource\n"Red, Blue & Co",contact\n"the ""best""",contact\n', "group")
    runs.completed('name,email,groups\nUma,uma@example.net,"""Red, Blue & Co"",""the """"best"""""""\n')
    assert runs.one("Uma")["groups"] == ["Red, Blue & Co", 'the "best"']
    again = runs.completed(runs.export(), action="overwrite")
    assert again.stats["unchanged"] == 1


def test_a_dry_run_and_the_guard_say_what_an_overwrite_would_remove(runs: Runs) -> None:
    many = "external_id,name\n" + "".join(f"E{n},N{n}\n" for n in range(15))
    runs.completed(many)
    few = "external_id,name\nE1,N1\n"
    refused = runs.run(few, action="overwrite")
    assert refused.code == "too_many_deletions"
    assert "would remove 14 of 15 contacts" in (refused.reason or "")
    assert "max_deletions 14" in (refused.reason or "")
    assert runs.dry_run(few, action="overwrite", max_deletions=14).stats["overwritten"] == 14
