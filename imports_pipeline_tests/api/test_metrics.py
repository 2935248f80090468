"""The metrics that Prometheus scrapes: who may, what they count, and the alerts and the dashboard that read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from imports_pipeline.api.metrics import Metrics
from imports_pipeline.model.errors import IMPORT_CODES
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.registry.import_totals import ImportTotals, Monitored, Totals
from imports_pipeline.workflow import revert
from imports_pipeline_tests.api.serving import Api, code_of
from imports_pipeline_tests.journeys import Imports

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTENT = "name,email\nAnn,ann@example.com\nBob,nonsense\n"

Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(text: str) -> Samples:
    """Return the value of each series by its name and the values of its labels, in the order of their names."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_only_a_key_with_the_scope_sees_metrics(api: Api, organization: str) -> None:
    assert code_of(httpx.get(f"{api.url}/metrics"), 401) == "unauthorized"
    with api.caller(organization, "imports:write") as client:
        assert code_of(client.get("/metrics"), 403) == "forbidden"
    with api.caller(organization, "metrics:read") as client:
        assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
        # As Prometheus sends it; other routes do not take it.
        bearer = {"Authorization": f"Bearer {client.headers['X-API-KEY']}"}
        assert httpx.get(f"{api.url}/metrics", headers=bearer).status_code == 200
        assert code_of(httpx.get(f"{api.url}/v1/imports", headers=bearer), 401) == "unauthorized"


def test_imports_are_counted(api: Api, imports: Imports) -> None:
    with api.caller(imports.organization, "metrics:read") as client:
        before = samples(client.get("/metrics").text)
        imports.run(CONTENT)
        dry_run = imports.register(CONTENT, dry_run=True)
        for phase in CHECKING_PHASES:
            imports.workflow.check(dry_run.id, phase)
        imports.run("address\nx\n")
        imports.check(imports.register(CONTENT))
        text = client.get("/metrics").text
    after = samples(text)
    changed = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key)}
    assert after["imports_oldest_queued_seconds", (imports.organization,)] >= 0
    assert imports.organization not in re.sub(r"imports_oldest_queued_seconds\S+", "", text)
    counts = {
        key: value
        for key, value in changed.items()
        if not key[0].startswith(("imports_phase_seconds", "imports_oldest"))
    }
    assert counts == {
        ("imports_ended_total", ("merge", "contact", "completed")): 2,
        ("imports_ended_total", ("merge", "contact", "failed")): 1,
        ("imports_failed_total", ("missing_column",)): 1,
        ("imports_open", ("contact", "queued")): 1,
        ("imports_rows_total", ("merge", "contact")): 2,
        ("imports_rejected_rows_total", ("merge", "contact")): 1,
        ("imports_records_total", ("merge", "created", "contact")): 1,
    }
    assert changed["imports_phase_seconds_count", ("cleanup",)] == 1
    assert changed["imports_phase_seconds_count", ("prevalidation",)] >= 2
    assert (
        after["imports_phase_seconds_bucket", ("+Inf", "cleanup")]
        == after["imports_phase_seconds_count", ("cleanup",)]
    )


def test_a_revert_has_records_but_no_rows_of_a_file(imports: Imports) -> None:
    """A revert that leaves a record alone reports it as rejected; no sender's file was wrong."""
    created = imports.completed("name,email\nAnn,ann@example.com\nBob,bob@example.com\n")
    imports.completed("name,email\nAnna,ann@example.com\n")

    def read() -> Totals:
        with imports.workflow.database.connect() as connection:
            return ImportTotals().read(connection).totals

    before = read()
    asked = revert.request_revert(imports.workflow, created.id, dry_run=False, source="cli", created_by=None)
    reverted = revert.run_revert(imports.workflow, asked.id)
    assert (reverted.stats["deleted"], reverted.stats["rejected"]) == (1, 1)
    after = read()
    assert (after.rows, after.rejected) == (before.rows, before.rejected)
    key = ("contact", "revert", "deleted")
    assert after.records[key] == before.records[key] + 1


def test_old_imports_are_counted_once(imports: Imports) -> None:
    """Totals that a process has remembered are those of a process that counts all imports now."""
    now = [1_000.0]
    remembering = ImportTotals(lambda: now[0])

    def read(of: ImportTotals) -> Totals:
        with imports.workflow.database.connect() as connection:
            return of.read(connection).totals

    begun = read(remembering).ended["contact", "merge", "completed"]
    import_ = imports.check(imports.register(CONTENT))
    # All imports are old now, and this one has not ended.
    now[0] = import_.created_at.timestamp() + 10_000
    assert read(remembering).ended["contact", "merge", "completed"] == begun
    imports.workflow.write(import_.id)
    for _ in range(2):
        totals = read(remembering)
        assert totals.ended["contact", "merge", "completed"] == begun + 1
        assert totals == read(ImportTotals(lambda: 0.0))
        now[0] += 10_000


def test_alerts_and_the_dashboard_read_metrics_that_exist() -> None:
    metrics = Metrics()
    metrics.errors["store"] += 1
    text = metrics.text(Monitored(Totals(), {}, {"acme": 3.0}), store_is_up=False).decode()
    shown = samples(text)
    assert shown["imports_store_up", ()] == 0
    assert shown["imports_api_errors_total", ("store",)] == 1
    # A series that begins with its first event has no increase.
    assert {labels[0] for name, labels in shown if name == "imports_failed_total"} == {*IMPORT_CODES}
    names = {name for name, _ in shown}

    alerts = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())
    rules: list[dict[str, Any]] = [rule for group in alerts["groups"] for rule in group["rules"]]
    assert all({"alert", "expr", "labels", "annotations"} <= {*rule} for rule in rules)
    dashboard = json.loads((DEPLOY / "grafana/imports.json").read_text())
    expressions = [rule["expr"] for rule in rules]
    expressions += [one["expr"] for panel in dashboard["panels"] for one in panel["targets"]]
    used = set(re.findall(r"imports_\w+", " ".join(expressions)))
    assert used <= names
    # What is measured is shown.
    assert {re.sub("_(bucket|sum|count|created)$", "", name) for name in names} <= {
        re.sub("_(bucket|sum|count)$", "", name) for name in used
    }
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts.test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    # Each alert is seen both to fire and to be silent.
    for fires in (True, False):
        tested = {case["alertname"] for case in cases if bool(case["exp_alerts"]) is fires}
        assert tested == {rule["alert"] for rule in rules}
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["scrape_configs"][0]
    assert scraped["job_name"] == "imports"
    codes = {code for rule in rules for code in re.findall(r'code!?~?="([\w|]+)"', rule["expr"])}
    assert {one for code in codes for one in code.split("|")} <= {*IMPORT_CODES}
