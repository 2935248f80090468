"""The sensor `uploads`: what a tick asks Dagster for, and what a person sees of it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.definitions import build_definitions
from imports_pipeline.model.statuses import Status
from imports_pipeline.orchestration import tags
from imports_pipeline.orchestration.resources import Imports as ImportsResource
from imports_pipeline_tests.uploads.dropping import Dropped


@pytest.fixture
def kind() -> str:
    return "s3"


@pytest.fixture
def definitions(dropped: Dropped, bucket_url: str, dagster_home: dict[str, str]) -> dg.Definitions:
    journey = dropped.imports.journey
    resource = ImportsResource(
        database_url=journey.database.url, home=str(journey.settings.home), store_url=bucket_url
    )
    return build_definitions({"imports": resource})


def test_a_dropped_file_is_run(
    dropped: Dropped, definitions: dg.Definitions, instance: DagsterInstance, tmp_path: Path
) -> None:
    sensor = definitions.get_repository_def().get_sensor_def("uploads")
    assert definitions.resources is not None
    context = dg.build_sensor_context(
        instance=instance, resources={"imports": definitions.resources["imports"]}
    )
    assert sensor.evaluate_tick(context).skip_message == "Nothing new was dropped."
    dropped.drop("people.csv")
    dropped.drop("people.pdf")
    (request,) = sensor.evaluate_tick(context).run_requests or []
    (import_,) = dropped.registered()
    assert (request.run_key, request.job_name) == (import_.id, "import_contacts")
    assert request.tags[tags.PRIORITY] == "10"
    assert request.tags[tags.SOURCE] == "bucket"
    job = definitions.resolve_job_def("import_contacts")
    assert job.execute_in_process(instance=instance, tags=request.tags).success
    assert dropped.registered()[0].status is Status.COMPLETED
    dropped.drop("other.pdf")
    skipped = sensor.evaluate_tick(context)
    assert not skipped.run_requests
    assert f"people.csv ({import_.id}, completed): moved" in (skipped.skip_message or "")
    assert "Skipped" in (skipped.skip_message or "")
    assert "other.pdf: Files with this ending are not imported" in (skipped.skip_message or "")
