"""An S3 store that hangs: the import's ``timeout`` holds while its requests are awaited, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from dagster import DagsterInstance

from imports_pipeline.dagster_runtime.in_process_runner import run_import
from imports_pipeline.defs import ops
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.model.failures import TimedOut
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.phases import CHECKING_PHASES, Phase
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.workflow import finalization
from imports_pipeline_tests.filestore.cutting import Line, line
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.object_store import ObjectStore

CONTENT = "name,email\nAnn,ann@example.com\nBob,bob@example.com\n"


@pytest.fixture
def held(object_server: ObjectStore, bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Yield the line that requests to S3 take; what is asked of the store at the end waits half a second for it."""
    monkeypatch.setattr(finalization, "_LAST_SECONDS", 0.5)
    monkeypatch.setattr(ops, "_SHOWN_SECONDS", 0.5)
    with line(object_server.endpoint) as given:
        monkeypatch.setenv("AWS_ENDPOINT_URL", given.url)
        yield given


@pytest.fixture
def on_s3(imports: Imports, bucket_url: str, held: Line) -> Imports:
    """Return the imports of the test's organization, with their files on S3."""
    settings = replace(imports.workflow.settings, store_url=bucket_url)
    workflow = replace(imports.workflow, settings=settings, store=open_store(settings))
    return Imports(workflow, imports.organization, imports.folder)


def leave(imports: Imports, import_: Import, seconds: float) -> None:
    """Let the import have used up its timeout but for some seconds, however long its phases took."""
    import_ = imports.workflow.get(import_.id)
    spent = sum(report["ended_at"] - report["started_at"] for report in import_.phases)
    with imports.workflow.database.connect() as connection:
        import_updates.add_waited(connection, import_.id, import_.options.timeout - spent - seconds)


@pytest.mark.parametrize("phase", [Phase.PREVALIDATION, Phase.PREPARSING, Phase.VALIDATION, Phase.PROCESSING])
def test_it_ends_in_every_phase_that_reads_or_writes_files(on_s3: Imports, held: Line, phase: Phase) -> None:
    import_ = on_s3.register(CONTENT, timeout=3600)
    for earlier in CHECKING_PHASES:
        if earlier is phase:
            break
        on_s3.workflow.check(import_.id, earlier)
    before = on_s3.state()
    leave(on_s3, import_, seconds=2)
    held.flows.clear()
    run = partial(on_s3.workflow.check, phase=phase) if phase in CHECKING_PHASES else on_s3.workflow.write
    with pytest.raises(TimedOut):
        run(import_.id)
    found = on_s3.workflow.get(import_.id)
    assert (found.status, found.code) == (Status.TIMED_OUT, "timed_out")
    assert "S3" in (found.reason or ""), "it says what it waited for"
    assert "3,600 s" in (found.reason or "")
    assert on_s3.state() == before


def test_a_source_that_hangs_ends_the_run(
    imports: Imports, held: Line, bucket_url: str, instance: DagsterInstance
) -> None:
    held.flows.clear()
    with imports.workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=imports.organization,
            resource="contact",
            options=Options.of({"timeout": 2, "mode": "sync"}),
            source="cli",
            source_uri=f"{bucket_url}/contacts.csv",
        )
    ended = run_import(imports.workflow, import_, wait=True)
    assert (ended.status, ended.code) == (Status.TIMED_OUT, "timed_out")
    assert imports.records() == []


def test_the_time_of_attempts_that_failed_counts(imports: Imports) -> None:
    """A store that refuses for a while, again and again, can hold an import no longer than its timeout."""
    import_ = imports.register(CONTENT, timeout=5)
    with imports.workflow.database.connect() as connection:
        import_updates.add_waited(connection, import_.id, 6)
    with pytest.raises(TimedOut):
        imports.workflow.check(import_.id, Phase.PREVALIDATION)
    assert imports.workflow.get(import_.id).status is Status.TIMED_OUT
