"""Several imports of one resource at once end as if one had run after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier
from typing import Any

import pytest

from imports_pipeline.model.files import PLAN_CSV
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports

BEFORE = "name,email,external_id,notes\nAnn,ann@example.com,E-1,old\nBob,bob@example.com,E-2,old\n"
HEADER = "name,email,external_id,notes\n"


def outcome(imports: Imports, *done: Import) -> Any:
    """Return all of the end that does not depend on ids and times."""
    records = [
        (one["name"], one["email"], one["external_id"], one["notes"], one["groups"])
        for one in imports.records()
    ]
    ends = [(one.status, one.code, one.stats, [(p["total"], p["error"]) for p in one.phases]) for one in done]
    return records, ends, [imports.codes(one) for one in done]


#: what two imports do → their actions and files; `{Ann}` is Ann's id.
PAIRS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "both create the same email": (
        ("merge", HEADER + "New,new@example.com,,first\n"),
        ("merge", HEADER + "New,NEW@example.com,,second\nZoe,zoe@example.com,,\n"),
    ),
    "both create the same external_id": (
        ("merge", HEADER + "New,,E-9,first\n"),
        ("merge", HEADER + "New,,E-9,second\n"),
    ),
    "both update the same record": (
        ("merge", HEADER + "Ann,,E-1,first\n"),
        ("merge", HEADER + "Ann,ann@example.com,,second\n"),
    ),
    "both are the same file": (
        ("overwrite", HEADER + "Ann,,E-1,new\nEve,eve@example.com,,\n"),
        ("overwrite", HEADER + "Ann,,E-1,new\nEve,eve@example.com,,\n"),
    ),
    "an overwrite and a merge of a new record": (
        ("overwrite", HEADER + "Ann,,E-1,new\n"),
        ("merge", HEADER + "Eve,eve@example.com,,\n"),
    ),
    "an overwrite and a merge of what it removes": (
        ("overwrite", HEADER + "Ann,,E-1,new\n"),
        ("merge", HEADER + "Bob,bob@example.com,,new\n"),
    ),
    "an overwrite and an update without a name of what it removes": (
        ("overwrite", HEADER + "Ann,,E-1,new\n"),
        ("merge", "email,notes\nbob@example.com,new\n"),
    ),
    "two overwrites": (
        ("overwrite", HEADER + "Ann,,E-1,first\n"),
        ("overwrite", HEADER + "Bob,,E-2,second\n"),
    ),
    "a delete and a merge by email": (
        ("delete", "id\n{Ann}\n"),
        ("merge", HEADER + "Ann,ann@example.com,,new\n"),
    ),
    "a delete and a merge by id": (
        ("delete", "id\n{Ann}\n"),
        ("merge", "id,notes\n{Ann},new\n"),
    ),
    "a delete and a delete": (
        ("delete", "id\n{Ann}\n"),
        ("delete", "id\n{Ann}\n{Bob}\n"),
    ),
    "a delete and the same delete": (
        ("delete", "id\n{Ann}\n"),
        ("delete", "id\n{Ann}\n"),
    ),
    "one takes the email, one matches on it": (
        ("merge", "external_id,email\nE-2,shared@example.com\n"),
        ("merge", HEADER + "Cid,shared@example.com,,new\n"),
    ),
    "one makes an email ambiguous": (
        ("merge", HEADER + "Cid,ann@example.com,E-3,\n"),
        ("merge", "email,notes\nann@example.com,new\nbob@example.com,new\n"),
    ),
}


def started(imports: Imports, organization: str) -> Imports:
    imports = Imports(imports.workflow, organization, imports.folder)
    imports.completed(BEFORE)
    return imports


def registered(imports: Imports, case: str) -> tuple[Import, Import]:
    ids = {record["name"]: record["id"] for record in imports.records()}
    first, second = (
        imports.register(content.format(**ids), action=action) for action, content in PAIRS[case]
    )
    return first, second


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("order", list(permutations((0, 1))), ids=["in order", "the other way round"])
def test_both_are_checked_before_either_writes(
    imports: Imports, organization: str, case: str, order: tuple[int, int]
) -> None:
    """They end as if they had run in the order they were accepted, whichever of them is taken up first."""
    serial = started(imports, f"{organization}-serial")
    wanted = registered(serial, case)
    done = {at: serial.finish(wanted[at]) for at in order}
    crossed = started(imports, f"{organization}-crossed")
    both = registered(crossed, case)
    for at in order:
        assert crossed.check(both[at]).status is Status.QUEUED
    crossed.write(both[order[1]])
    found = {at: crossed.write(both[at]) for at in order}
    assert outcome(crossed, found[0], found[1]) == outcome(serial, done[0], done[1])


@pytest.mark.parametrize(
    "case",
    [
        "both create the same email",
        "both are the same file",
        "an overwrite and a merge of what it removes",
        "two overwrites",
        "a delete and a merge by id",
        "a delete and a delete",
    ],
)
def test_both_run_at_once(imports: Imports, organization: str, case: str) -> None:
    wanted = []
    for order in permutations((0, 1)):
        serial = started(imports, f"{organization}-{order[0]}")
        pair = registered(serial, case)
        done = {at: serial.finish(pair[at]) for at in order}
        wanted.append(outcome(serial, done[0], done[1]))
    parallel = started(imports, f"{organization}-parallel")
    pair = registered(parallel, case)
    barrier = Barrier(2)

    def run(import_: Import) -> Import:
        barrier.wait()
        return parallel.finish(import_)

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(run, pair))
    assert outcome(parallel, *found) in wanted


@pytest.mark.parametrize("matched", [Phase.TRANSFORMING, Phase.PARSING])
def test_a_record_is_removed_after_a_row_was_matched_with_it(imports: Imports, matched: Phase) -> None:
    """The row names no id, so it is not rejected for the id of a record that is gone: it makes a new one."""
    imports.completed(BEFORE)
    one, other = registered(imports, "two overwrites")
    for phase in CHECKING_PHASES[: CHECKING_PHASES.index(matched) + 1]:
        imports.workflow.check(one.id, phase)
    assert imports.finish(other).status is Status.COMPLETED
    assert imports.names() == ["Bob"]
    done = imports.finish(one)
    assert (done.status, done.code, imports.codes(done)) == (Status.COMPLETED, None, {})
    assert imports.names() == ["Ann"]


def test_a_plan_that_was_refused_on_old_records_is_made_again(imports: Imports) -> None:
    """Ann is removed after her row was matched with her: the row is hers no more, and would leave Bob to nobody."""
    imports.completed(BEFORE + "Cid,cid@example.com,E-3,old\n")
    one = imports.register(HEADER + "Ann,,E-1,first\nCid,,E-3,first\n", action="overwrite")
    for phase in CHECKING_PHASES[: CHECKING_PHASES.index(Phase.PARSING) + 1]:
        imports.workflow.check(one.id, phase)
    imports.completed(HEADER + "Bob,,E-2,second\nCid,,E-3,second\n", action="overwrite")
    done = imports.finish(one)
    assert (done.status, done.code, imports.codes(done)) == (Status.COMPLETED, None, {})
    assert imports.names() == ["Ann", "Cid"]
    assert not imports.workflow.files(one).exists(PLAN_CSV)


def test_many_at_once(imports: Imports) -> None:
    """Eight imports create the same fifty contacts: each is created once."""
    contents = [
        HEADER + "".join(f"n{row},u{row}@example.com,X{row},by {number}\n" for row in range(50))
        for number in range(8)
    ]
    pending = [imports.check(imports.register(content)) for content in contents]
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(imports.write, pending))
    assert [one.status for one in done] == [Status.COMPLETED] * 8
    assert sorted(one.stats["created"] for one in done) == [0] * 7 + [50]
    assert len(imports.records()) == 50


def test_several_that_write_the_same_import(imports: Imports) -> None:
    import_ = imports.check(imports.register(BEFORE))
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(imports.write, [import_] * 4))
    assert [one.stats["created"] for one in done] == [2] * 4
    assert imports.names() == ["Ann", "Bob"]
    assert len(imports.workflow.get(import_.id).phases) == 7


def test_contacts_and_groups_at_once(imports: Imports) -> None:
    imports.completed("name,resource\nA,contact\nB,contact\n", "group")
    imports.completed(BEFORE)
    joins = imports.check(imports.register("email,groups\nann@example.com,A\nbob@example.com,B\n"))
    removes = imports.check(imports.register("name,resource\nB,contact\n", "group", action="overwrite"))
    assert imports.write(removes).status is Status.COMPLETED
    joins = imports.write(joins)
    assert joins.status is Status.COMPLETED
    assert imports.codes(joins) == {2: ["unknown_group"]}
    assert {one["name"]: one["groups"] for one in imports.records()} == {"Ann": [], "Bob": ["B"]}
    assert len(imports.query("SELECT FROM memberships WHERE organization_id = %s", imports.organization)) == 1


def test_a_member_that_goes_meanwhile(imports: Imports) -> None:
    imports.completed(BEFORE)
    gathers = imports.check(imports.register('name,resource,children\nA,contact,"Ann,Bob"\n', "group"))
    imports.completed(f"id\n{imports.one('Ann')['id']}\n", action="delete")
    gathers = imports.write(gathers)
    assert (gathers.status, gathers.code) == (Status.FAILED, "no_valid_row")
    assert imports.codes(gathers) == {2: ["unknown_member"]}
    assert imports.records("group") == []


def test_a_location_that_comes_meanwhile(imports: Imports) -> None:
    import_ = imports.check(imports.register("name,locations\nAnn,Berlin\nBob,\n"))
    assert imports.codes(import_) == {2: ["unknown_location"]}
    imports.locations("Berlin")
    import_ = imports.write(import_)
    assert imports.codes(import_) == {}
    assert (import_.has_errors_file, imports.one("Ann")["locations"]) == (False, ["Berlin"])


def test_two_groups_of_the_same_name(imports: Imports) -> None:
    """`name` and `resource` are unique also where nothing matches on them."""
    content = "name,resource,external_id\nA,contact,{}\n"
    one, other = (
        imports.check(imports.register(content.format(key), "group", match_on="external_id")) for key in "xy"
    )
    assert imports.write(one).status is Status.COMPLETED
    other = imports.write(other)
    assert imports.codes(other) == {2: ["value_taken"]}
    assert imports.names("group") == ["A"]
