"""Whole imports with the file store on S3: the same phases, the same files, by themselves and as Dagster runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imports_pipeline.dagster_runtime.dagster_environment import dagster_environment
from imports_pipeline.dagster_runtime.in_process_runner import run_import
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.import_phases.limits import Limits
from imports_pipeline.model.files import ERRORS_CSV, UPLOAD
from imports_pipeline.model.imports import Import
from imports_pipeline.model.options import Options
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records
from imports_pipeline.workflow.decisions.corrections import Corrections, request_corrections
from imports_pipeline_tests import forked_commands
from imports_pipeline_tests.defs.runs import of_organization
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.guards.test_seen_plans import commit

THREE = "name,email\nAnn,ann@example.com\nBob,bob@example.com\nCid,cid@example.com\n"


@pytest.fixture
def on_s3(imports: Imports, bucket_url: str) -> Runs:
    """Return the imports of the test's organization, with their files on S3."""
    settings = replace(imports.workflow.settings, store_url=bucket_url)
    workflow = replace(imports.workflow, settings=settings, store=open_store(settings))
    return Runs(workflow, imports.organization, imports.folder)


def run_uri(imports: Runs, uri: str) -> Import:
    """Import what is at a URI."""
    with imports.workflow.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=imports.organization,
            resource="contact",
            options=Options.of({}),
            source="cli",
            source_uri=uri,
        )
    return imports.finish(import_)


def files(imports: Runs) -> set[str]:
    return {file.key.rpartition("/")[2] for file in imports.workflow.store.list("imports")}


def test_a_merge_from_a_source_on_s3(on_s3: Runs) -> None:
    store = on_s3.workflow.store
    with store.open_write("drop/contacts.csv") as file:
        file.write(f"{THREE}Dan,nonsense\n".encode())
    import_ = run_uri(on_s3, store.uri("drop/contacts.csv"))
    assert (import_.status, import_.stats["created"], import_.stats["rejected"]) == (Status.COMPLETED, 3, 1)
    assert on_s3.names() == ["Ann", "Bob", "Cid"]
    assert on_s3.codes(import_) == {5: ["invalid_email"]}
    assert on_s3.has_upload(import_)
    assert {UPLOAD, ERRORS_CSV} <= files(on_s3)
    assert on_s3.workflow.files(import_).location(ERRORS_CSV).startswith("s3://imports/")
    again = on_s3.run(on_s3.errors_file(import_).replace("nonsense", "dan@example.com"))
    assert (again.status, again.stats["created"]) == (Status.COMPLETED, 1)


def test_rows_are_corrected_and_the_dry_run_is_committed(on_s3: Runs) -> None:
    planned = on_s3.run("name,email\nAnn,ann\nBob,bob@example.com\n", dry_run=True)
    workflow = on_s3.workflow
    with workflow.database.connect() as connection, connection.transaction():
        mended = request_corrections(
            connection,
            workflow.store,
            planned,
            Corrections({2: {"email": "ann@example.com"}}),
            Limits.of(workflow.settings),
            source="cli",
            created_by=None,
        )
    with workflow.files(mended).open_read(UPLOAD) as file:
        assert file.read() == b"name,email\nAnn,ann@example.com\nBob,bob@example.com\n"
    mended = on_s3.finish(mended)
    assert (mended.corrects, mended.stats["created"], mended.stats["rejected"]) == (planned.id, 2, 0)
    done = on_s3.finish(commit(on_s3, mended))
    assert (done.status, on_s3.names()) == (Status.COMPLETED, ["Ann", "Bob"])


def test_an_overwrite_is_planned_done_and_reverted(on_s3: Runs) -> None:
    on_s3.completed(THREE)
    file = "name,email,notes\nAnn,ann@example.com,new\nEve,eve@example.com,\n"
    planned = on_s3.dry_run(file, action="overwrite")
    operations = sorted(row["operation"] for row in on_s3.plan(planned))
    assert len(operations) == 4
    assert on_s3.names() == ["Ann", "Bob", "Cid"]
    done = on_s3.completed(file, action="overwrite")
    assert on_s3.names() == ["Ann", "Eve"]
    on_s3.revert(done)
    assert on_s3.names() == ["Ann", "Bob", "Cid"]


def test_an_import_that_fails_has_its_errors(on_s3: Runs) -> None:
    import_ = on_s3.run("name,email\nAnn,nonsense\n")
    assert (import_.status, import_.code) == (Status.FAILED, "no_valid_row")
    assert on_s3.codes(import_) == {2: ["invalid_email"]}
    assert [row["name"] for row in on_s3.errors_csv(import_)] == ["Ann"]
    import_ = run_uri(on_s3, uri := on_s3.workflow.store.uri("nothing/here.csv"))
    assert (import_.status, import_.code) == (Status.FAILED, "source_not_found")
    assert import_.reason is not None
    assert uri in import_.reason


def test_dagster_runs_keep_their_files_on_s3(
    on_s3: Runs, instance: DagsterInstance, dagster_home: Any
) -> None:
    import_ = on_s3.register(f"{THREE}Dan,nonsense\n")
    run_import(on_s3.workflow, import_, wait=True)
    import_ = on_s3.sound(import_)
    assert (import_.status, import_.stats["created"]) == (Status.COMPLETED, 3)
    assert [run.status for run in of_organization(instance, on_s3)] == [DagsterRunStatus.SUCCESS]
    assert {UPLOAD, ERRORS_CSV} <= files(on_s3)
    local = replace(on_s3.workflow.settings, store_url="")
    assert list(open_store(local).list(import_.folder)) == [], "nothing of it is on this machine"


def test_dagsters_own_processes_find_the_store(
    on_s3: Runs, bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have the environment that the command line gave them, and nothing else."""
    settings = on_s3.workflow.settings
    environment = dagster_environment(on_s3.workflow.database.url, settings.home, settings.store_url)
    assert environment["STORE_URL"] == bucket_url
    monkeypatch.setenv("STORE_URL", bucket_url)
    resource = ImportsResource(database_url=on_s3.workflow.database.url, home=str(settings.home))
    assert resource.workflow().store.uri("a") == f"{bucket_url}/a"
    assert resource.workflow().settings == settings


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (
            ["cancel", "imp_0"],
            {"STORE_URL": "s3://no-such-bucket"},
            "has no bucket no-such-bucket; create it",
        ),
        (
            ["check", "s3://imports/a.csv", "--resource", "contact"],
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            "S3 at 127.0.0.1:9 does not answer",
        ),
    ],
    ids=["no bucket", "no server"],
)
def test_a_command_says_what_is_wrong_with_s3(
    dagster_home: dict[str, str],
    bucket_url: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    sentence: str,
) -> None:
    for name, value in {"STORE_URL": bucket_url, **variables}.items():
        monkeypatch.setenv(name, value)
    done = forked_commands.run_text(arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("imports-pipeline: ")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
