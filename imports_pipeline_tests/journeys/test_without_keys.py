"""Rows that fill in no key: each is the stored record without keys that equals it in every value it gives."""

from __future__ import annotations

import re

import pytest

from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

PEOPLE = "name,phone\nAnn Lee,+14155550101\nBob Ray,+14155550102\nBob Ray,\nBob Ray,\n"


def counts(import_: Import) -> dict[str, int]:
    return {name: count for name, count in import_.stats.items() if count}


def notice(import_: Import) -> tuple[str, str]:
    (found,) = import_.as_object()["notices"]
    return found["code"], found["message"]


def match_on(message: str) -> str:
    """Return the ``match_on`` that a message names."""
    found = re.search(r"`match_on ([a-z_,]+)`", message)
    assert found is not None, message
    return found[1]


def test_an_overwrite_of_the_same_people_changes_nothing(imports: Imports) -> None:
    imports.completed("name,resource\nOps,contact\n", "group")
    first = imports.completed(PEOPLE, action="overwrite")
    assert counts(first) == {"created": 4}
    imports.completed("name,phone,notes,groups.add\nAnn Lee,+14155550101,x,Ops\n", match_on="phone")
    before = imports.state()
    for action in ("overwrite", "merge"):
        again = imports.completed(PEOPLE, action=action)
        assert counts(again) == {"unchanged": 4}
        assert notice(again)[0] == "rows_matched_by_values"
    assert imports.state()[:5] == before[:5], "ids, notes and memberships stay"


def test_each_row_takes_one_of_several_equal_records(imports: Imports) -> None:
    imports.completed("name\nEve\nEve\nEve\n")
    ids = [record["id"] for record in imports.records()]
    assert counts(imports.completed("name\nEve\nEve\nEve\nEve\n")) == {"created": 1, "unchanged": 3}
    fewer = imports.completed("name\nEve\nEve\n", action="overwrite")
    assert counts(fewer) == {"unchanged": 2, "overwritten": 2}
    assert [record["id"] for record in imports.records()] == ids[:2], "the oldest are taken first"


def test_what_the_row_does_not_give_does_not_matter(imports: Imports) -> None:
    imports.completed("name,phone,notes,address\nAnn,+14155550101,a,\nAnn,+14155550101,,\nAnn,,b,\n")
    ids = {record["notes"]: record["id"] for record in imports.records()}
    # In another order: the row of a name alone would fit all three.
    again = imports.completed(
        "name,phone,notes,address\nAnn,,,Main St\nAnn,,b,\nAnn,+14155550101,,\nAnn,+14155550101,a,\n",
        action="overwrite",
    )
    assert counts(again) == {"created": 1, "unchanged": 3}
    assert {r["notes"]: r["id"] for r in imports.records() if r["address"] is None} == ids
    # Values of the file's other columns: any record that has what the row gives.
    some = imports.completed("name,notes\nAnn,\nAnn,\nAnn,b\nAnn,a\n", action="overwrite")
    assert counts(some) == {"unchanged": 4}


def test_a_record_is_taken_once_and_not_by_values_if_its_id_is_given(imports: Imports) -> None:
    imports.completed("name\nEve\nEve\n")
    first, second = (record["id"] for record in imports.records())
    done = imports.completed(f"id,name,notes\n,Eve,\n{first},Eve,x\n", action="overwrite")
    assert counts(done) == {"updated": 1, "unchanged": 1}
    assert {r["id"]: r["notes"] for r in imports.records()} == {first: "x", second: None}


def test_a_record_with_a_key_is_not_taken(imports: Imports) -> None:
    imports.completed("name,email\nEve,eve@example.org\nEve,\n")
    done = imports.completed("name,email\nEve,\nEve,\n")
    assert counts(done) == {"created": 1, "unchanged": 1}
    assert counts(imports.completed("name,phone\nEve,\n", match_on="phone")) == {"unchanged": 1}


#: Values of every kind, and characters that arrays and CSV write in a way of their own.
EVERY_KIND = (
    "name,is_primary,alternate_emails.work,alternate_addresses.home_line2,metadata.k,metadata.q,notes\n"
    'A,yes,a@example.org,"{1,2}",50 %(x)s,"a\\b ""c""",NULL\n'
    'A,no,a@example.org,"{1,2}",50 %(x)s,"a\\b ""c""",\n'
    ",,,,,,only notes\n"
)


def test_values_of_every_kind_are_compared(imports: Imports) -> None:
    done = imports.run(EVERY_KIND)
    assert imports.codes(done) == {4: ["required_value"]}
    again = imports.run(EVERY_KIND, action="overwrite", max_deletions=0)
    assert (again.status, counts(again)) == (Status.COMPLETED, {"unchanged": 2, "rejected": 1})


def test_groups_are_matched_by_their_values_too(imports: Imports) -> None:
    imports.locations("Main, West")
    content = (
        'external_id,name,resource,location\n,Ops,contact,"Main, West"\n,Crew,contact,\nG,Places,location,\n'
    )
    imports.completed(content, "group", match_on="external_id")
    again = imports.completed(content, "group", match_on="external_id", action="overwrite")
    assert counts(again) == {"unchanged": 3}


def test_lists_of_references_take_no_part(imports: Imports) -> None:
    imports.completed("name,resource\nOps,contact\nCrew,contact\n", "group")
    imports.completed("name,groups\nEve,Ops\n")
    done = imports.completed("name,groups\nEve,Crew\n", action="overwrite")
    assert counts(done) == {"updated": 1}
    assert imports.one("Eve")["groups"] == ["Crew"]


def test_those_in_the_location_come_first(imports: Imports) -> None:
    place = imports.locations("Oslo", "Rome")
    imports.completed("name\nEve\nEve\n", location_id=place["Oslo"])
    imports.completed("name,notes\nEve,rome\nEve,rome\nEve,rome\n", location_id=place["Rome"])
    done = imports.completed("name\nEve\nEve\n", location_id=place["Rome"], action="overwrite")
    assert counts(done) == {"unchanged": 2, "overwritten": 1}
    assert sorted(record["locations"] for record in imports.records()) == [["Oslo"]] * 2 + [["Rome"]] * 2


def test_many_rows_of_many_shapes(imports: Imports) -> None:
    """All of one name, so that nothing but the other values tells them apart; again after each got a note."""
    fields = [f"metadata.k{bit}" for bit in range(6)]
    rows = [
        ["Eve", str(number), *("x" if number >> bit & 1 else "" for bit in range(6))] for number in range(640)
    ]
    content = "\n".join(",".join(row) for row in [["name", "metadata.n", *fields], *rows])
    imports.completed(content, action="overwrite")
    imports.query('UPDATE contacts SET metadata = metadata || \'{"late": "y"}\' RETURNING id')
    wider = "\n".join(
        ",".join(row) for row in [["name", "metadata.n", *fields, "metadata.late"], *([*r, ""] for r in rows)]
    )
    again = imports.completed(wider, action="overwrite")
    assert counts(again) == {"unchanged": 640}


def test_the_notice_names_the_key_that_matches(imports: Imports) -> None:
    first = imports.completed("name,phone\nAnn Lee,+14155550101\nBob Ray,+14155550102\n")
    code, message = notice(first)
    assert code == "rows_without_keys"
    assert message.startswith("2 rows fill in none of external_id, email: 2 are new; ")
    assert match_on(message) == "phone"
    moved = imports.completed(
        "name,phone\nAnn L.,+14155550101\nBob R.,+14155550102\n", match_on=match_on(message)
    )
    assert counts(moved) == {"updated": 2}
    assert moved.notices == ()


def test_the_key_is_added_to_those_that_other_rows_fill_in(imports: Imports) -> None:
    content = "name,email,phone\nAnn,ann@example.org,+14155550101\nBob,,+14155550102\n"
    _, message = notice(imports.completed(content))
    changed = content.replace("Bob", "Robert")
    assert match_on(message) == "email,phone"
    assert counts(imports.completed(changed, match_on=match_on(message))) == {"updated": 1, "unchanged": 1}


@pytest.mark.parametrize("content", ["name\nEve\nEve\n", "name,phone\nEve,+14155550101\nEve,+14155550101\n"])
def test_no_key_is_named_that_would_reject_the_rows(imports: Imports, content: str) -> None:
    _, message = notice(imports.completed(content))
    assert "match_on" not in message
    assert message.endswith(
        "fill in one of external_id, email, so that a row whose values change is recognized."
    )


def test_a_refusal_says_that_the_rows_have_no_key(imports: Imports) -> None:
    def people(name: str) -> str:
        return "name,phone\n" + "".join(f"{name} {i},+141555501{i:02}\n" for i in range(15))

    imports.completed(people("Ann"))
    refused = imports.run(people("Anna"), action="overwrite")
    assert (refused.status, refused.code) == (Status.FAILED, "too_many_deletions")
    reason = refused.reason or ""
    assert "15 rows fill in none of external_id, email: 15 are new" in reason
    done = imports.completed(people("Anna"), action="overwrite", match_on=match_on(reason))
    assert counts(done) == {"updated": 15}


def test_what_is_written_is_what_is_stored_then(imports: Imports) -> None:
    """Between the check and the write an earlier import takes one of two equal records away and adds a value."""
    imports.completed("name\nEve\nEve\n")
    first, second = (record["id"] for record in imports.records())
    earlier = imports.check(imports.register(f"id,name,email\n{first},Eve,eve@example.org\n{second},Adam,\n"))
    waiting = imports.check(imports.register("name\nEve\nEve\nEve\n", action="overwrite"))
    assert waiting.plan is not None
    assert (waiting.plan["created"], waiting.plan["unchanged"]) == (1, 2)
    assert imports.write(earlier).status is Status.COMPLETED
    done = imports.write(waiting)
    assert (done.status, counts(done)) == (Status.COMPLETED, {"created": 3, "overwritten": 2})
    assert len(done.notices) == 1, "the notice of the check was replaced"
