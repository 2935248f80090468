"""The sensor `uploads`: what a tick asks Dagster for, and what a person sees of it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.defs.runs import arrived, tags
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.dropped_files.dropping import CONTENT, Dropped

POD = '{"container_config": {"resources": {"requests": {"cpu": "2", "memory": "2Gi"}}}}'


@pytest.fixture
def kind() -> str:
    return "s3"


@pytest.fixture
def definitions(
    dropped: Dropped, bucket_url: str, dagster_home: dict[str, str], tmp_path: Path
) -> dg.Definitions:
    workflow = dropped.imports.workflow
    expected = f"{{organization: {dropped.imports.organization}, resource: contact, expected_every: 1d}}"
    syncs = tmp_path / "syncs.yaml"
    syncs.write_text(f"uploads: [{expected}]")
    resource = ImportsResource(
        database_url=workflow.database.url, home=str(workflow.settings.home), store_url=bucket_url
    )
    return build_definitions({"imports": resource}, syncs=syncs)


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
    job = definitions.resolve_job_def("import_contacts")
    assert job.execute_in_process(instance=instance, run_config=request.run_config, tags=request.tags).success
    assert dropped.registered()[0].status is Status.COMPLETED
    folder = arrived.of_folder(dropped.imports.organization, "contact")
    event = instance.get_latest_materialization_event(folder)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["import"].value == import_.id
    dropped.drop("other.pdf")
    skipped = sensor.evaluate_tick(context)
    assert not skipped.run_requests
    assert f"people.csv ({import_.id}, completed): moved" in (skipped.skip_message or "")
    assert "Skipped" in (skipped.skip_message or "")
    assert "other.pdf: Files with this ending are not imported" in (skipped.skip_message or "")


def test_runs_are_tagged_by_the_size_of_their_file(
    dropped: Dropped,
    definitions: dg.Definitions,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPORTS_LARGE_BYTES", str(len(CONTENT)))
    monkeypatch.setenv("IMPORTS_LARGE_RUN_TAGS", f'{{"dagster-k8s/config": {POD}, "team": "data"}}')
    dropped.drop("large.csv", CONTENT + "Cid,cid@example.com\n")
    dropped.drop("small.csv")
    large, small = _asked(definitions, instance)
    assert (large.tags[".dagster/imports_size"], large.tags["dagster-k8s/config"], large.tags["team"]) == (
        "large",
        POD,
        "data",
    )
    assert (small.tags[".dagster/imports_size"], small.tags.keys() & {"dagster-k8s/config", "team"}) == (
        "small",
        set(),
    )
    job = definitions.resolve_job_def("import_contacts")
    for request in (large, small):
        assert job.execute_in_process(
            instance=instance, run_config=request.run_config, tags=request.tags
        ).success


def test_without_tags_of_ones_own_large_runs_are_named_so(
    dropped: Dropped,
    definitions: dg.Definitions,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPORTS_LARGE_BYTES", "1")
    dropped.drop("large.csv")
    (request,) = _asked(definitions, instance)
    assert request.tags[".dagster/imports_size"] == "large"
    more = {tag for tag in request.tags if not tag.startswith("dagster/")} - {tags.SIZE, tags.ARRIVAL}
    assert more <= tags.of(dropped.registered()[0]).keys()


def test_tags_that_are_no_json_are_told_by_the_tick(
    dropped: Dropped,
    definitions: dg.Definitions,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPORTS_LARGE_RUN_TAGS", "large")
    dropped.drop("people.csv")
    with pytest.raises(ValueError, match="IMPORTS_LARGE_RUN_TAGS must be a JSON object of run tags"):
        _asked(definitions, instance)
    assert dropped.registered() == [], "it is imported as soon as the variable is right"


def _asked(definitions: dg.Definitions, instance: DagsterInstance) -> list[dg.RunRequest]:
    """Do a tick; give what it asks for."""
    assert definitions.resources is not None
    context = dg.build_sensor_context(
        instance=instance, resources={"imports": definitions.resources["imports"]}
    )
    sensor = definitions.get_repository_def().get_sensor_def("uploads")
    return list(sensor.evaluate_tick(context).run_requests or [])
