"""The guards: what stops an import before it writes, exactly where the limits are, and how it is approved."""

from __future__ import annotations

from typing import Any

import pytest

from imports_pipeline.batch_phases.planning.guards import check_errors
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.runs import contacts


def blocked(runs: Runs, import_: Import, code: str = "too_many_deletions") -> str:
    """Insist that the import failed by a guard and give its reason."""
    assert (import_.status, import_.code) == (Status.FAILED, code)
    assert import_.written_at is None
    reason = import_.reason or ""
    assert "nothing was changed" in reason
    return reason


#: stored, kept → stopped by which limit. At most 10, or at most 10 % of the scope, and never more than 500.
BORDERS = {
    (10, 0 + 1): None,
    (11, 1): None,
    (12, 1): "more than 10 and more than 10 %",
    (100, 90): None,
    (100, 89): "more than 10 and more than 10 %",
    (109, 98): "more than 10 and more than 10 %",
    (110, 99): None,
    (111, 100): None,
    (5000, 4500): None,
    (5000, 4499): "more than 500",
    (5010, 4509): "more than 500",
}


@pytest.mark.parametrize(("stored", "kept"), BORDERS)
def test_the_limits_of_an_overwrite(runs: Runs, stored: int, kept: int) -> None:
    runs.completed(contacts(stored))
    before = runs.tables()
    import_ = runs.run(contacts(kept), action="overwrite")
    wanted = BORDERS[stored, kept]
    if wanted is None:
        assert (import_.status, import_.stats["overwritten"]) == (Status.COMPLETED, stored - kept)
        return
    reason = blocked(runs, import_)
    share = 100 * (stored - kept) / stored
    numbers = f"would remove {stored - kept:,} of {stored:,} contacts ({share:.1f} %), {wanted}"
    assert numbers in reason
    assert f"max_deletions {stored - kept}" in reason
    assert runs.tables() == before


def test_the_scope_is_what_the_share_is_of(runs: Runs) -> None:
    """12 of 100 in the location are too many, whatever the organization has."""
    places = runs.locations("Berlin", "Oslo")
    runs.completed(contacts(100), location_id=places["Berlin"])
    runs.completed(contacts(200, start=100), location_id=places["Oslo"])
    import_ = runs.run(contacts(88), action="overwrite", location_id=places["Berlin"])
    assert "12 of 100 contacts (12.0 %)" in blocked(runs, import_)
    assert runs.run(contacts(288), action="overwrite").status is Status.COMPLETED


def test_groups_are_guarded_too(runs: Runs) -> None:
    header = "name,resource\n"
    runs.completed(header + "".join(f"g{i},contact\n" for i in range(12)), "group")
    assert "11 of 12 groups" in blocked(runs, runs.run(f"{header}g0,contact\n", "group", action="overwrite"))


@pytest.mark.parametrize("action", ["merge", "delete"])
def test_what_is_no_overwrite_has_no_guard(runs: Runs, action: str) -> None:
    runs.completed(contacts(20))
    rows = "".join(f"{row['id']},{row['name']},\n" for row in runs.records())
    import_ = runs.run("id,name,notes\n" + rows, action=action)
    assert import_.status is Status.COMPLETED
    assert import_.stats["deleted"] == (20 if action == "delete" else 0)


NOTHING: dict[str, tuple[str, str]] = {
    "header only": ("name,external_id\n", "no_valid_row"),
    "header and blank lines": ("name,external_id\n\n\n", "no_valid_row"),
    "rows of blank cells": ("name,external_id\n,\n,\n", "no_valid_row"),
    "no byte": ("", "empty_file"),
    "no valid row": ("name,email\nn0,nowhere\n", "no_valid_row"),
    "duplicates alone": ("name,external_id\na,E-0\nb,E-0\n", "no_valid_row"),
    "unknown ids alone": ("id,name\nctct_01h455vb4pex5vsknk084sn02q,a\n", "no_valid_row"),
    "unknown groups alone": ("name,external_id,groups\na,E-0,Nowhere\n", "no_valid_row"),
}


@pytest.mark.parametrize("case", NOTHING)
@pytest.mark.parametrize("approved", [None, 1000])
def test_a_file_without_a_valid_row_removes_nothing(runs: Runs, case: str, approved: int | None) -> None:
    """Also with an approval: who means to delete everything says so by `delete`."""
    runs.completed(contacts(3))
    before = runs.tables()
    content, code = NOTHING[case]
    import_ = runs.run(content, action="overwrite", max_deletions=approved)
    assert (import_.status, import_.code) == (Status.FAILED, code)
    assert runs.tables() == before


@pytest.mark.parametrize(("ceiling", "passes"), [(18, False), (19, True), (500, True), (0, False)])
def test_max_deletions_is_a_ceiling(runs: Runs, ceiling: int, passes: bool) -> None:
    runs.completed(contacts(20))
    import_ = runs.run(contacts(1), action="overwrite", max_deletions=ceiling)
    if passes:
        assert import_.stats["overwritten"] == 19
        return
    reason = blocked(runs, import_)
    assert f"remove 19 contacts, more than max_deletions {ceiling} allows" in reason
    assert "max_deletions 19" in reason


def test_max_deletions_is_stricter_than_the_guards_too(runs: Runs) -> None:
    runs.completed(contacts(3))
    assert "more than max_deletions 0" in blocked(
        runs, runs.run(contacts(2), action="overwrite", max_deletions=0)
    )
    ids = [row["id"] for row in runs.records()]
    deletes = "id\n" + "".join(f"{one}\n" for one in ids[:2])
    assert "would remove 2 contacts" in blocked(runs, runs.run(deletes, action="delete", max_deletions=1))
    assert runs.run(deletes, action="delete", max_deletions=2).stats["deleted"] == 2


CROSSING: dict[str, dict[str, Any]] = {"by the guards": {}, "by the approval": {"max_deletions": 10}}


@pytest.mark.parametrize("case", CROSSING)
def test_a_plan_that_grows_before_the_write_is_judged_again(runs: Runs, case: str) -> None:
    runs.completed(contacts(20))
    earlier = runs.check(runs.register(contacts(1, start=20)))
    pending = runs.check(runs.register(contacts(10), action="overwrite", **CROSSING[case]))
    assert (pending.status, (pending.plan or {})["overwritten"]) == (Status.QUEUED, 10)
    assert runs.write(earlier).status is Status.COMPLETED
    before = runs.tables()
    reason = blocked(runs, runs.write(pending))
    assert "11" in reason
    assert runs.tables() == before


def test_a_plan_that_shrinks_before_the_write_passes(runs: Runs) -> None:
    runs.completed(contacts(20))
    one = runs.one("n19")["id"]
    earlier = runs.check(runs.register(f"id\n{one}\n", action="delete"))
    pending = runs.check(runs.register(contacts(10), action="overwrite", max_deletions=10))
    assert runs.write(earlier).status is Status.COMPLETED
    assert runs.write(pending).stats["overwritten"] == 9


#: rejected rows of ten, limit → stopped.
ERRORS = {
    (0, 0): False, (1, 0): True, (1, 1): False, (2, 1): True,
    (1, "10%"): False, (2, "10%"): True, (2, "19.9%"): True, (1, "0%"): True, (9, "100%"): False,
}  # fmt: skip


@pytest.mark.parametrize(("bad", "limit"), ERRORS)
@pytest.mark.parametrize("action", ["merge", "overwrite"])
def test_max_errors(runs: Runs, bad: int, limit: int | str, action: str) -> None:
    runs.completed(contacts(2))
    before = runs.tables()
    rows = "".join(f"n{i},E-{i},{'perhaps' if i < bad else 'yes'}\n" for i in range(10))
    import_ = runs.run("name,external_id,is_primary\n" + rows, action=action, max_errors=limit)
    if not ERRORS[bad, limit]:
        assert (import_.status, import_.stats["rejected"]) == (Status.COMPLETED, bad)
        return
    reason = blocked(runs, import_, "too_many_errors")
    assert f"{bad} of 10 rows were rejected, more than max_errors {limit} allows" in reason
    assert len(runs.errors(import_)) == bad
    assert runs.tables() == before


def test_a_share_is_exact_where_a_float_is_not() -> None:
    options = Options(max_errors="0.57%")
    check_errors(options, 57, 10_000)
    with pytest.raises(PermanentFailure, match="58 of 10,000"):
        check_errors(options, 58, 10_000)


def test_max_errors_counts_the_rows_of_all_phases(runs: Runs) -> None:
    content = (
        "name,external_id,is_primary,groups\na,E-1,perhaps,\nb,E-2,,\nb,E-2,,\nc,E-3,,Nowhere\nd,E-4,,\n"
    )
    assert runs.run(content, max_errors=4).status is Status.COMPLETED
    assert "4 of 5 rows" in blocked(runs, runs.run(content, max_errors=3), "too_many_errors")
    assert "3 of 5 rows" in blocked(runs, runs.run(content, max_errors=2), "too_many_errors")


def test_limits_of_the_organization_and_of_the_import(runs: Runs, organization: str) -> None:
    runs.completed(contacts(100))
    file = contacts(95)
    runs.set_limits(floor=4)
    assert runs.dry_run(file, action="overwrite").reason == "Dry run: nothing was written."
    runs.set_limits(percent=4.5)
    assert "more than 4 and more than 4.5 %" in blocked(runs, runs.run(file, action="overwrite"))
    passing = {"deletion_floor": 5}, {"deletion_percent": 5}, {"max_deletions": 5}
    for options in passing:
        assert "would fail" not in (runs.dry_run(file, action="overwrite", **options).reason or "")
    runs.set_limits(floor=10, percent=100, total=4)
    assert "(5.0 %), more than 4;" in blocked(runs, runs.run(file, action="overwrite"))
    other = Runs(runs.workflow, f"{organization}-other", runs.folder)
    other.completed(contacts(100))
    assert other.run(file, action="overwrite").stats["overwritten"] == 5
    assert runs.run(file, action="overwrite", deletion_total=5).stats["overwritten"] == 5


def test_a_limit_of_nothing_at_all(runs: Runs) -> None:
    runs.completed(contacts(10))
    runs.set_limits(floor=0, percent=0)
    assert "1 of 10 contacts (10.0 %), more than 0 and more than 0 %" in blocked(
        runs, runs.run(contacts(9), action="overwrite")
    )
    assert runs.run(contacts(11), action="overwrite").stats["created"] == 1


#: a rejected row that shows nobody, beside good ones.
UNIDENTIFIED = {
    "a quote that is never closed": 'name,external_id\nn0,E-0\n"someb',
    "too many cells": "name,external_id\nn0,E-0\nx,y,z,w\n",
    "a row without an identity": "external_id,notes,name,is_primary\nE-0,,n0,\n,a note,,perhaps\n",
}


@pytest.mark.parametrize("case", UNIDENTIFIED)
def test_a_row_of_nobody_blocks_what_would_remove_somebody(runs: Runs, case: str) -> None:
    runs.completed(contacts(2))
    before = runs.tables()
    content = UNIDENTIFIED[case]
    reason = blocked(runs, runs.run(content, action="overwrite"), "unidentified_rows")
    assert "would remove 1 of 2 contacts (50.0 %), and the rejected row of line " in reason
    assert "max_deletions 1" in reason
    assert runs.tables() == before
    approved = runs.run(content, action="overwrite", max_deletions=1)
    assert (approved.status, approved.stats["overwritten"]) == (Status.COMPLETED, 1)
    # Now it removes nothing, so it may pass as it is.
    assert runs.run(content, action="overwrite").stats["overwritten"] == 0


def test_a_garbled_row_that_shows_somebody_protects_him(runs: Runs) -> None:
    runs.completed(contacts(2))
    import_ = runs.run('name,external_id\nn0,E-0\nn1,"E-1" x\n', action="overwrite")
    assert (import_.status, import_.stats["rejected"], import_.stats["overwritten"]) == (
        Status.COMPLETED,
        1,
        0,
    )
    assert runs.names() == ["n0", "n1"]
