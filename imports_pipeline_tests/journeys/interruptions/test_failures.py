"""Failures: files that are no table, limits, time-outs. Each ends with a reason, and nothing is changed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.model.failures import ImportHasEnded, TimedOut
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import FullDisk, leaping, trigger

#: A writer that a failure leaves open would complain on the user's terminal.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

ANN = "name,email\nAnn,ann@example.com\n"

#: file → the code it fails with.
NO_TABLES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty_file"),
    "a byte-order mark alone": (b"\xef\xbb\xbf", "empty_file"),
    "blank lines": (b"\n\n  \n", "empty_file"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "not_a_table"),
    "NUL bytes": (b"name,email\n" + b"\x00" * 4096, "not_a_table"),
    "a program": (b"\x7fELF\x02\x01\x01" + b"\x00" * 57 + bytes(range(256)) * 16, "not_a_table"),
    "a PDF": (
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" + bytes(range(128, 256)) * 9,
        "",
    ),
    "prose": (b"Dear Sir or Madam,\nplease find the contacts attached.\n\nYours\n", ""),
    "JSON": (b'{"contacts": [{"name": "Ann"}]}\n', ""),
    "HTML": (b"<!doctype html><html><body><table><tr><td>name</td></tr></table></body></html>\n", ""),
    "header only": (b"name,email\n", "no_valid_row"),
    "header without a line end": (b"name,email", "no_valid_row"),
    "no column to create or identify by": (b"address,notes\nx,y\n", "missing_column"),
    "no header": (b"Ann,ann@example.com\nBob,bob@example.com\n", "missing_column"),
    "a header given twice": (b"name,email,Name\nAnn,a@example.com,Bob\n", "duplicate_header"),
    "a list set and added to": (b"name,groups.set,groups.add\nAnn,A,B\n", "conflicting_columns"),
    "bad rows only": (b"name,email\nAnn,x\nBob,y\n", "no_valid_row"),
}


@pytest.mark.parametrize("case", NO_TABLES)
@pytest.mark.parametrize("action", ["merge", "overwrite"])
def test_a_file_that_cannot_be_imported(imports: Imports, case: str, action: str) -> None:
    imports.completed(ANN)
    before = imports.state()
    content, code = NO_TABLES[case]
    import_ = imports.run(content, action=action)
    assert import_.status is Status.FAILED
    assert import_.reason
    assert code in ("", import_.code)
    assert imports.state() == before


def test_nuls_in_the_midst_of_a_small_file_are_named_with_their_place(imports: Imports) -> None:
    content = b"name,email\nAnn,ann@example.com\nBob,b" + b"\0" * 64 + b"ob@example.com\n"
    import_ = imports.run(content)
    assert (import_.status, import_.code) == (Status.FAILED, "not_a_table")
    assert "64 NUL bytes, the first in line 3 (byte 36)" in (import_.reason or "")
    assert imports.run(content.replace(b"\0", b"")).status is Status.COMPLETED


def test_a_group_needs_its_columns(imports: Imports) -> None:
    import_ = imports.run("name\nStaff\n", "group")
    assert (import_.status, import_.code) == (Status.FAILED, "missing_column")
    assert import_.reason is not None
    assert "resource" in import_.reason


SOURCES = {
    "missing": ("nothing-here.csv", "source_not_found"),
    "below a file": ("contacts.csv/below.csv", "source_not_found"),
    "a folder": (".", "source_not_readable"),
    "a name too long": ("x" * 300, "source_not_found"),
    "of a scheme we do not read": ("ftp://example.com/contacts.csv", "source_not_readable"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_source_that_is_no_file(imports: Imports, tmp_path: Path, case: str) -> None:
    (tmp_path / "contacts.csv").write_text(ANN)
    name, code = SOURCES[case]
    import_ = imports.register(Path(name if ":" in name else os.path.join(tmp_path, name)))
    if ":" in name:
        imports.query("UPDATE imports SET source_uri = %s WHERE id = %s RETURNING id", name, import_.id)
    import_ = imports.finish(import_)
    assert (import_.status, import_.code) == (Status.FAILED, code)
    assert import_.has_upload_file is False
    assert imports.records() == []


def test_columns_that_the_options_do_not_allow(imports: Imports) -> None:
    import_ = imports.run("name,shoe size\nAnn,38\n", unknown_columns="reject")
    assert (import_.status, import_.code) == (Status.FAILED, "unknown_column")
    import_ = imports.run(ANN, column_mapping={"name": "Nom"})
    assert (import_.status, import_.code) == (Status.FAILED, "unknown_mapped_column")
    assert imports.records() == []


class TestSyncLimits:
    """Mode `sync` takes small files; a larger one is refused and nothing happens."""

    CONTENT = "name\nA\nB\nC\n"

    @pytest.mark.parametrize(("limit", "completes"), [("rows", 3), ("bytes", 11)])
    def test_at_the_limit(self, imports: Imports, limit: str, completes: int) -> None:
        for most, status in ((completes, Status.COMPLETED), (completes - 1, Status.FAILED)):
            settings = replace(imports.workflow.settings, **{f"sync_{limit}": most})
            workflow = replace(imports.workflow, settings=settings)
            before = imports.state()
            import_ = imports.finish(imports.register(self.CONTENT, mode="sync"), workflow)
            assert import_.status is status
            if status is Status.FAILED:
                assert import_.code == "sync_limit_exceeded"
                assert imports.state() == before
                assert import_.phases == ()

    def test_mixed_takes_any_size(self, imports: Imports) -> None:
        settings = replace(imports.workflow.settings, sync_rows=1, sync_bytes=1)
        workflow = replace(imports.workflow, settings=settings)
        assert imports.finish(imports.register(self.CONTENT), workflow).status is Status.COMPLETED

    def test_the_real_limit(self, imports: Imports) -> None:
        rows = "".join(f"n{number}\n" for number in range(10_001))
        assert imports.run(f"name\n{rows}", mode="sync").code == "sync_limit_exceeded"
        assert imports.records() == []
        assert imports.run(f"name\n{rows[: rows.rindex('n')]}", mode="sync").stats["created"] == 10_000


@pytest.mark.parametrize("phase", CHECKING_PHASES)
def test_a_time_out_in_any_checking_phase(imports: Imports, phase: Phase) -> None:
    before = imports.state()
    import_ = imports.register(ANN, timeout=60)
    for earlier in CHECKING_PHASES[: CHECKING_PHASES.index(phase)]:
        imports.workflow.check(import_.id, earlier)
    with pytest.raises(TimedOut):
        leaping(imports.workflow, after=2).check(import_.id, phase)
    import_ = imports.sound(import_)
    assert (import_.status, import_.code) == (Status.TIMED_OUT, "timed_out")
    assert import_.reason is not None
    assert "60 s" in import_.reason
    assert imports.state() == before
    with pytest.raises(ImportHasEnded):
        imports.workflow.check(import_.id, phase)
    with pytest.raises(ImportHasEnded):
        imports.workflow.write(import_.id)
    assert imports.state() == before


def test_a_time_out_at_any_moment_of_the_write(imports: Imports) -> None:
    imports.completed(ANN)
    reads, ends = 1, []
    while Status.COMPLETED not in ends:
        before = imports.state()
        import_ = imports.check(imports.register("name,email\nBob,bob@example.com\n", action="overwrite"))
        import_ = imports.write(import_, leaping(imports.workflow, after=reads))
        ends.append(import_.status)
        if import_.status is not Status.COMPLETED:
            assert import_.status is Status.TIMED_OUT
            assert imports.state() == before
        reads += 1
    assert ends.count(Status.TIMED_OUT) >= 3, "before, between and after processing and cleanup"
    assert imports.names() == ["Bob"]


def test_a_statement_that_takes_too_long(imports: Imports) -> None:
    before = imports.state()
    import_ = imports.check(imports.register(ANN, timeout=1))
    with trigger(imports, "PERFORM pg_sleep(60);"):
        import_ = imports.write(import_)
    assert import_.status is Status.TIMED_OUT
    assert imports.state() == before


def test_a_write_that_waits_too_long_for_another(imports: Imports) -> None:
    import_ = imports.check(imports.register(ANN, timeout=1))
    with imports.workflow.database.connect(autocommit=False) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('imports/' || %s || '/contact', 0))",
            (imports.organization,),
        )
        assert imports.write(import_).status is Status.TIMED_OUT
    assert imports.records() == []


def test_a_store_that_refuses_the_errors_files_keeps_no_import_open(imports: Imports) -> None:
    store = imports.workflow.store
    assert isinstance(store, LocalStore)
    full = FullDisk(store, fails_at=0)
    workflow = full.workflow(imports.workflow)
    import_ = imports.register("name,email\nAnn,ann@example.com\nBob,nonsense\n")
    workflow.check(import_.id, Phase.PREVALIDATION)
    full.fails_at = len(full.written) + 1
    assert workflow.finalization.fail(import_.id, "fault", "The process died; import again.")
    import_ = imports.workflow.get(import_.id)
    assert (import_.status, import_.has_errors_file) == (Status.FAILED, False)
    assert "could not be written" in (import_.reason or "")
    assert import_.stats["rejected"] == 1
