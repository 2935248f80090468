"""Runs: imports as recorded Dagster runs on Dagster's own PostgreSQL storage, as the command makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imports_pipeline.defs.runs import tags
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.defs.runs import (
    CONTENT,
    Launch,
    failures,
    materialized,
    of_organization,
    run,
    run_in_two,
)
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.journeys.faults import trigger


@pytest.mark.parametrize(
    ("resource", "content", "assets"),
    [
        ("contact", CONTENT, ["contact_batches", "contacts"]),
        ("group", "name,resource\nA,contact\nB,location\nC,nonsense\n", ["group_batches", "groups"]),
    ],
)
def test_sync_is_one_run_of_both_assets(
    imports: Imports,
    instance: DagsterInstance,
    dagster_home: Any,
    resource: str,
    content: str,
    assets: list[str],
) -> None:
    import_ = run(imports, imports.register(content, resource, mode="sync"))
    assert import_.status is Status.COMPLETED
    assert import_.run_id is not None
    (record,) = of_organization(instance, imports)
    assert (record.run_id, record.status) == (import_.run_id, DagsterRunStatus.SUCCESS)
    assert record.tags[tags.IMPORT_ID] == import_.id
    assert record.tags[tags.STATUS] == "completed"
    found = materialized(instance, import_.run_id)
    assert sorted(found) == assets
    checked = found[assets[0]].metadata
    (error,) = checked["rejections"].records
    assert (error.data["line"], error.data["code"]) == (
        4,
        "invalid_email" if resource == "contact" else "invalid_choice",
    )


def test_mixed_is_one_run_of_a_command_that_waits(
    imports: Imports, instance: DagsterInstance, dagster_home: Any
) -> None:
    assert run(imports, imports.register(CONTENT)).status is Status.COMPLETED
    (only,) = of_organization(instance, imports)
    assert only.job_name == "import_contacts"
    assert list(materialized(instance, only.run_id)) == ["contact_batches", "contacts"]


def test_mixed_is_two_runs_of_others(
    imports: Imports, instance: DagsterInstance, dagster_home: Any, launch: Launch
) -> None:
    import_ = run_in_two(imports, imports.register(CONTENT), launch)
    assert import_.status is Status.COMPLETED
    first, second = of_organization(instance, imports)
    assert (first.job_name, second.job_name) == ("import_contacts", "process_contacts")
    assert list(materialized(instance, first.run_id)) == ["contact_batches"]
    assert list(materialized(instance, second.run_id)) == ["contacts"]
    assert second.tags[tags.WRITE_LOCK] == f"{imports.organization}/contact"
    assert [one.tags[tags.STATUS] for one in (first, second)] == ["completed", "completed"]


def test_a_bad_file_fails_its_run_once_and_clearly(
    imports: Imports, instance: DagsterInstance, dagster_home: Any
) -> None:
    import_ = run(imports, imports.register("address\nx\n"))
    assert (import_.status, import_.code) == (Status.FAILED, "missing_column")
    (record,) = of_organization(instance, imports)
    assert record.status is DagsterRunStatus.FAILURE
    assert record.tags[tags.STATUS] == "failed"
    (message,) = failures(instance, record.run_id)
    assert import_.reason is not None
    assert import_.reason in message
    assert "Traceback" not in message
    assert not instance.all_logs(record.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert materialized(instance, record.run_id) == {}


def test_a_fault_of_the_machine_is_retried(
    imports: Imports, instance: DagsterInstance, dagster_home: Any
) -> None:
    import_ = imports.register(CONTENT, mode="sync")
    with trigger(imports, "RAISE EXCEPTION 'refused';"):
        import_ = run(imports, import_)
    assert (import_.status, import_.code) == (Status.FAILED, "fault")
    assert import_.reason is not None
    assert "refused" in import_.reason
    assert imports.records() == []
    (record,) = of_organization(instance, imports)
    retries = instance.all_logs(record.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert len(retries) == 2


def test_the_source_may_have_gone_when_the_write_runs(
    imports: Imports, dagster_home: Any, launch: Launch
) -> None:
    """All that a run needs is in the import's record and folder."""
    path = imports.source(CONTENT)
    import_ = imports.check(imports.register(Path(path)))
    path.unlink()
    assert launch(
        "process_contacts", run_config={"import_id": import_.id}, tags=tags.of_write(import_)
    ).success
    assert imports.sound(import_).status is Status.COMPLETED
