"""Dagster's connections: kept by a run that has a process to itself, and replaced when the server drops them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import dagster as dg
import pytest

from imports_pipeline.dagster_runtime.in_process_runner import opened
from imports_pipeline.defs.runs.dagster_connections import keep_connections
from imports_pipeline_tests.defs.daemons import until
from imports_pipeline_tests.defs.runs import CONTENT
from imports_pipeline_tests.journeys import Imports

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"


@pytest.fixture
def instance(
    dagster_home: dict[str, str], monkeypatch: pytest.MonkeyPatch, organization: str
) -> Iterator[dg.DagsterInstance]:
    """Yield an instance whose connections can be told from others: they are named after the organization."""
    url = dagster_home["DAGSTER_POSTGRES_URL"]
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"{url}&application_name={organization}")
    with dg.DagsterInstance.get() as instance:
        yield instance


def test_they_are_kept_and_replaced_when_the_server_drops_them(
    imports: Imports, instance: dg.DagsterInstance
) -> None:
    instance.get_runs_count()
    until("it is closed", lambda: not imports.query(BACKENDS, imports.organization))
    keep_connections(instance)
    instance.get_runs_count()
    kept = imports.query(BACKENDS, imports.organization)
    assert len(kept) == 1
    instance.get_runs_count()
    assert imports.query(BACKENDS, imports.organization) == kept
    imports.query("SELECT pg_terminate_backend(%s)", kept[0]["pid"])
    instance.get_runs_count()
    assert imports.query(BACKENDS, imports.organization) not in ([], kept)


def test_a_runner_closes_them_when_it_is_done(
    imports: Imports, instance: dg.DagsterInstance, organization: str
) -> None:
    # The instance of the fixture has put the organization's name into the environment.
    with opened(imports.workflow, wait=True) as runner:
        runner.run(imports.register(CONTENT))
        assert imports.query(BACKENDS, organization)
    until("they are closed", lambda: not imports.query(BACKENDS, organization))


@pytest.mark.parametrize(
    ("arguments", "kept"), [(["api", "execute_run", "{}"], True), (["api", "grpc"], False)]
)
def test_only_a_process_of_a_run_keeps_them(
    imports: Imports,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    kept: bool,
) -> None:
    monkeypatch.setattr(sys, "argv", ["dagster", *arguments])
    config = {"source": str(imports.source(CONTENT)), "organization": imports.organization, "mode": "sync"}
    job = definitions.resolve_job_def("import_contacts")
    assert job.execute_in_process(instance=instance, run_config=config).success
    if kept:
        assert imports.query(BACKENDS, imports.organization)
    else:
        until("they are closed", lambda: not imports.query(BACKENDS, imports.organization))
