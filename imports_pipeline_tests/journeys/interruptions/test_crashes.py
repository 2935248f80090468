"""Crashes: whatever dies and when, trying again gives what an uninterrupted run gives, and no half of it shows."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import FullDisk, trigger

BEFORE = """\
name,email,external_id,groups
Ann,ann@example.com,E-1,A
Bob,bob@example.com,E-2,A
Cid,cid@example.com,E-3,
Dan,dan@example.com,E-4,A
"""
#: Updates Ann, leaves Bob alone by a bad row, removes Cid and Dan, creates Eve, rejects a row in every phase.
#: Some rejected rows have keys of no stored record, so the two removals need approval.
FILE = """\
name,email,external_id,groups,is_primary
Ann,ann@example.com,E-1,B,yes
Robert,,E-2,,perhaps
Eve,eve@example.com,E-5,"A,B",no
Two,two@example.com,E-6,,
Two,two@example.com,E-7,,
X,,E-8,Nowhere,
"""
WANTED = {"Ann": ["B"], "Bob": ["A"], "Eve": ["A", "B"]}
STATS = {"created": 1, "updated": 1, "unchanged": 0, "deleted": 0, "overwritten": 2, "rejected": 4}


@pytest.fixture
def stored(imports: Imports) -> Imports:
    imports.completed("name,resource\nA,contact\nB,contact\n", "group")
    imports.completed(BEFORE)
    return imports


def register(imports: Imports) -> Import:
    return imports.register(FILE, action="overwrite", max_deletions=2, save_result=True)


def assert_as_uninterrupted(imports: Imports, import_: Import) -> None:
    assert import_.status is Status.COMPLETED, import_.reason
    assert {record["name"]: record["groups"] for record in imports.records()} == WANTED
    assert import_.stats == STATS
    assert imports.codes(import_) == {
        3: ["invalid_boolean"],
        5: ["duplicate_row"],
        6: ["duplicate_row"],
        7: ["unknown_group"],
    }
    assert imports.result(import_) == {2: "updated", 4: "created"}
    members = imports.query("SELECT FROM memberships WHERE organization_id = %s", imports.organization)
    assert len(members) == 4, "no link is left of what was removed"


def test_uninterrupted(stored: Imports) -> None:
    assert_as_uninterrupted(stored, stored.finish(register(stored)))


@pytest.mark.parametrize("phase", CHECKING_PHASES)
def test_a_crash_after_a_phase(stored: Imports, phase: Phase) -> None:
    import_ = register(stored)
    for done in CHECKING_PHASES[: CHECKING_PHASES.index(phase) + 1]:
        stored.workflow.check(import_.id, done)
    reports = stored.workflow.get(import_.id).phases
    import_ = stored.finish(import_)
    assert import_.phases[: len(reports)] == reports, "what is done is not done again"
    assert_as_uninterrupted(stored, import_)


def test_every_file_that_fails_to_be_written(stored: Imports, organization: str) -> None:
    """The disk is full at the n-th file, for every n; then there is room again."""
    fails_at = 1
    while True:
        imports = Imports(stored.workflow, f"{organization}-{fails_at}", stored.folder)
        imports.completed("name,email\nAnn,ann@example.com\nBob,bob@example.com\nCid,\n")
        before = imports.state()
        import_ = imports.register(
            "name,email,is_primary\nAnn,ann@example.com,yes\nRobert,bob@example.com,perhaps\nNew,,\n",
            action="overwrite",
            save_result=True,
        )
        disk = FullDisk(imports.workflow.store, fails_at)
        try:
            imports.finish(import_, disk.workflow(imports.workflow))
        except OSError:
            assert imports.state() == before
            import_ = imports.finish(import_)
            assert import_.stats == {
                "created": 1, "updated": 1, "unchanged": 0, "deleted": 0, "overwritten": 1, "rejected": 1,
            }  # fmt: skip
            assert imports.result(import_) == {2: "updated", 4: "created"}
            assert imports.names() == ["Ann", "Bob", "New"]
        else:
            break
        fails_at += 1
    assert fails_at > 8, disk.written


def test_a_crash_before_a_failure_is_written_down(imports: Imports) -> None:
    """What is left of no row must not be taken for a finished check, and never for an empty overwrite."""
    imports.completed(BEFORE.replace(",A\n", ",\n"))
    before = imports.state()
    import_ = imports.register("name,groups\nX,Nowhere\n", action="overwrite")
    for phase in CHECKING_PHASES[:-1]:
        imports.workflow.check(import_.id, phase)
    errors_files = FullDisk(imports.workflow.store, fails_at=4).workflow(imports.workflow)
    with pytest.raises(OSError, match="No space"):
        errors_files.check(import_.id, Phase.VALIDATION)
    assert imports.workflow.get(import_.id).status is Status.REQUESTED
    with pytest.raises(PermanentFailure):
        imports.workflow.check(import_.id, Phase.VALIDATION)
    assert imports.sound(import_).status is Status.FAILED
    assert imports.state() == before


REFUSALS = {
    "an insert": ("INSERT", "contacts"),
    "an update": ("UPDATE", "contacts"),
    "a link": ("INSERT", "memberships"),
    "an unlink": ("DELETE", "memberships"),
    "cleanup": ("DELETE", "contacts"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("how", ["refuses", "dies"])
def test_a_write_that_fails_in_the_middle(stored: Imports, case: str, how: str) -> None:
    before = stored.state()
    import_ = stored.check(register(stored))
    body = {
        "refuses": "RAISE EXCEPTION 'refused';",
        "dies": "PERFORM pg_terminate_backend(pg_backend_pid());",
    }[how]
    with trigger(stored, body, *REFUSALS[case]), pytest.raises(psycopg.Error):
        stored.workflow.write(import_.id)
    assert stored.state() == before
    assert stored.workflow.get(import_.id).status is Status.PROCESSING
    assert_as_uninterrupted(stored, stored.write(import_))


def test_a_write_that_is_given_up(stored: Imports) -> None:
    before = stored.state()
    import_ = stored.check(register(stored))
    with trigger(stored, "RAISE EXCEPTION 'refused';"), pytest.raises(psycopg.Error):
        stored.workflow.write(import_.id)
    assert stored.workflow.finalization.fail(import_.id, "fault", "The database refused; import again.")
    assert stored.sound(import_).status is Status.FAILED
    assert stored.state() == before
    assert stored.write(import_).status is Status.FAILED
    assert stored.state() == before


def test_a_write_that_is_repeated(stored: Imports) -> None:
    import_ = stored.finish(register(stored))
    state = stored.state()
    results = stored.workflow.write(import_.id)
    assert [(result.phase, result.total) for result in results] == [("processing", 2), ("cleanup", 2)]
    assert stored.state() == state
    assert_as_uninterrupted(stored, stored.sound(import_))


@pytest.mark.parametrize("kind", ["items", "refs", "protected", "links"])
@pytest.mark.parametrize("statement", ["TRUNCATE", "DROP TABLE"])
def test_a_database_that_lost_a_staging_table(stored: Imports, kind: str, statement: str) -> None:
    """As a crash of PostgreSQL does it to tables that are not logged."""
    import_ = stored.check(register(stored))
    assert import_.batch_id is not None
    with stored.workflow.database.connect() as connection:
        table: Any = getattr(Staging(import_.batch_id), kind)
        connection.execute(psycopg.sql.SQL(statement + " {}").format(table))
    assert_as_uninterrupted(stored, stored.write(import_))


def test_a_database_that_lost_the_staging_tables_before_validation(stored: Imports) -> None:
    import_ = register(stored)
    for phase in CHECKING_PHASES[:4]:
        stored.workflow.check(import_.id, phase)
    with stored.workflow.database.connect() as connection:
        batch = stored.workflow.get(import_.id).batch_id
        assert batch is not None
        for kind in ("items", "refs", "protected", "links"):
            table: Any = getattr(Staging(batch), kind)
            connection.execute(psycopg.sql.SQL("TRUNCATE {}").format(table))
    assert_as_uninterrupted(stored, stored.finish(import_))


def test_a_write_before_the_check_does_nothing(stored: Imports) -> None:
    before = stored.state()
    import_ = register(stored)
    for phase in CHECKING_PHASES[:3]:
        stored.workflow.check(import_.id, phase)
    stored.write(import_)
    assert stored.state() == before
    assert_as_uninterrupted(stored, stored.finish(import_))
