"""Alerts: a webhook is told of an import that failed, once, without anybody's data and without its own URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.defs import alerts
from imports_pipeline.defs.runs import tags
from imports_pipeline_tests.defs.runs import Launch
from imports_pipeline_tests.journeys import Imports

BAD = "name,email\n<!channel> Ann,nonsense\n"


@contextmanager
def webhook(*answers: int) -> Iterator[tuple[str, list[Any]]]:
    """Run a webhook that gives these answers in turn, then 200; give its URL and what it was told."""
    told: list[Any] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(left.pop(0) if left else 200)
            self.end_headers()
            told.append(json.loads(body))

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/s3cret", told
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def failed(imports: Imports, instance: DagsterInstance, launch: Launch) -> dg.RunStatusSensorContext:
    """Return what the sensor gets of an import that failed."""
    config = {"source": str(imports.source(BAD)), "organization": imports.organization, "mode": "sync"}
    result = launch("import_contacts", run_config=config, tags={"dagster/max_retries": "0"})
    assert not result.success
    return _context(instance, result.run_id)


def _context(instance: DagsterInstance, run_id: str) -> dg.RunStatusSensorContext:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    event = next(iter(instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE))).dagster_event
    assert event is not None
    return dg.build_run_status_sensor_context("alerts", event, instance, run).for_run_failure()


def tell(definitions: dg.Definitions, context: dg.RunStatusSensorContext) -> None:
    assert definitions.resources is not None
    sensor: Any = definitions.get_repository_def().get_sensor_def("alerts")
    sensor(context, imports=definitions.resources["imports"])


def test_a_failed_import_is_told(
    imports: Imports, definitions: dg.Definitions, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook() as (url, told):
        monkeypatch.setenv("IMPORTS_WEBHOOK_URL", url)
        monkeypatch.setenv("IMPORTS_DAGSTER_URL", "https://dagster.example.com/")
        tell(definitions, failed)
    (message,) = told
    assert set(message) == {"text"}
    import_id = failed.dagster_run.tags[tags.IMPORT_ID]
    for part in (import_id, imports.organization, "merge of contacts", "No row of the file can be imported"):
        assert part in message["text"]
    assert f"https://dagster.example.com/runs/{failed.dagster_run.run_id}" in message["text"]
    assert "channel" not in message["text"]


def test_a_refused_import_is_told_with_what_to_do(imports: Imports) -> None:
    imports.completed("name,external_id\n" + "".join(f"n{i},{i}\n" for i in range(20)))
    refused = imports.run("name,external_id\nn0,0\n", action="overwrite")
    settings = imports.workflow.settings
    text = alerts.message(settings, "import_contacts", "run", refused)["text"]
    assert f"run `imports-pipeline approve {refused.id} --plan-checksum {refused.plan_checksum}` or" in text
    assert f"`imports-pipeline reject {refused.id} --reason …`" in text
    settings = replace(settings, pages_url="https://people.example.com")
    text = alerts.message(settings, "import_contacts", "run", refused)["text"]
    assert f"decide on <https://people.example.com/imports/{refused.id}|its page>" in text
    assert "approve imp" not in text


def test_without_a_webhook_nobody_is_told(definitions: dg.Definitions, failed: Any) -> None:
    with webhook() as (_, told):
        tell(definitions, failed)
    assert told == []


def test_a_run_that_is_tried_again_is_not_told(
    definitions: dg.Definitions, instance: DagsterInstance, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.add_run_tags(failed.dagster_run.run_id, {tags.WILL_RETRY: "true"})
    with webhook() as (url, told):
        monkeypatch.setenv("IMPORTS_WEBHOOK_URL", url)
        tell(definitions, _context(instance, failed.dagster_run.run_id))
    assert told == []


def test_a_run_whose_caller_has_the_answer_is_not_told(
    definitions: dg.Definitions, instance: DagsterInstance, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.add_run_tags(failed.dagster_run.run_id, {tags.IN_PROCESS: "true"})
    with webhook() as (url, told):
        monkeypatch.setenv("IMPORTS_WEBHOOK_URL", url)
        tell(definitions, _context(instance, failed.dagster_run.run_id))
    assert told == []


@pytest.mark.parametrize(("answers", "times"), [((503, 429), 3), ((404,), 1)])
def test_a_webhook_in_trouble(
    definitions: dg.Definitions,
    failed: Any,
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[int, ...],
    times: int,
) -> None:
    monkeypatch.setattr(alerts, "_PAUSES", (0.0, 0.0))
    with webhook(*answers) as (url, told):
        monkeypatch.setenv("IMPORTS_WEBHOOK_URL", url)
        if times == 1:
            with pytest.raises(RuntimeError, match="status 404") as raised:
                tell(definitions, failed)
            assert "s3cret" not in str(raised.value)
        else:
            tell(definitions, failed)
    assert len(told) == times
