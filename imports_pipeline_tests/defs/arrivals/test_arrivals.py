"""What arrives regularly: assets of syncs and upload folders, and who notices one that is late or never came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.arrivals import Expected, build_arrivals, judge
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.defs.runs import arrived, tags
from imports_pipeline.defs.schedules import read_syncs
from imports_pipeline.sources.syncs import ExpectedUpload, Syncs
from imports_pipeline_tests.defs.runs import CONTENT, Launch, materialized, of_organization
from imports_pipeline_tests.defs.test_alerts import webhook
from imports_pipeline_tests.journeys import Imports

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
#: The numbers of every arrival.
NUMBERS = {
    *("rows_total", "rows_accepted", "rows_rejected", "duplicates", "ignored_columns"),
    *("created", "updated", "unchanged", "deleted", "overwritten", "seconds", "rows_per_second"),
}


@pytest.mark.parametrize(
    ("arrived_at", "expected_since", "passed", "description"),
    [
        (None, None, True, "No import has arrived since 2026-11-29 12:00 UTC; one is expected every 1 d."),
        (
            None,
            NOON - DAY,
            True,
            "No import has arrived since 2026-11-28 12:00 UTC; one is expected every 1 d.",
        ),
        (
            None,
            NOON - 2 * DAY,
            False,
            "No import has arrived since 2026-11-27 12:00 UTC; one is expected every 1 d.",
        ),
        (
            NOON - DAY,
            None,
            True,
            "The last import arrived at 2026-11-28 12:00 UTC; one is expected every 1 d.",
        ),
        (
            NOON - 2 * DAY,
            None,
            False,
            "The last import arrived at 2026-11-27 12:00 UTC; one is expected every 1 d.",
        ),
        (
            NOON,
            NOON - 9 * DAY,
            True,
            "The last import arrived at 2026-11-29 12:00 UTC; one is expected every 1 d.",
        ),
    ],
    ids=["new", "awaited", "never came", "in time", "late", "came after all"],
)
def test_when_an_import_is_late(
    arrived_at: datetime | None, expected_since: datetime | None, passed: bool, description: str
) -> None:
    verdict = judge(Expected(dg.AssetKey("x"), DAY), arrived_at, expected_since, NOON)
    assert (verdict.passed, verdict.description) == (passed, description)


SYNCS = """
syncs:
  - {name: nightly, resource: contact, source: /srv/people.csv, cron: "0 2 * * *", action: merge, expected_every: 26h}
  - {name: whenever, resource: group, source: /srv/groups.csv, cron: "0 2 1 * *", action: merge}
uploads:
  - {organization: acme-1.x, resource: contact, expected_every: 1d}
"""


def test_each_sync_and_each_expected_folder_is_an_asset(tmp_path: Path) -> None:
    path = tmp_path / "syncs.yaml"
    path.write_text(SYNCS)
    graph = build_definitions(syncs=path).resolve_asset_graph()
    found = {key.to_user_string(): graph.get(key).freshness_policy for key in graph.external_asset_keys}
    assert found == {
        "uploads/contacts": None,
        "uploads/groups": None,
        "syncs/nightly": dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=26)),
        "syncs/whenever": None,
        "uploads/acme-1.x/contact": dg.FreshnessPolicy.time_window(fail_window=DAY),
    }
    checked = {key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "arrived"}
    assert checked == {"syncs/nightly", "uploads/acme-1.x/contact"}


def test_similar_names_have_a_check_each() -> None:
    organizations = ("acme-inc", "acme_inc", "acme.inc", "acme__inc", "ACME_inc")
    uploads = tuple(ExpectedUpload(one, "contact", DAY) for one in organizations)
    built = build_arrivals(Syncs(uploads=uploads))
    definitions = dg.Definitions(assets=built.assets, asset_checks=built.checks)
    keys = definitions.resolve_asset_graph().asset_check_keys
    assert {key.asset_key.path[1] for key in keys} == set(organizations)
    ops = {check.op.name for check in built.checks}
    assert len(ops) == len(organizations)
    assert "arrived_uploads_acme_inc_contact" in ops, "a plain name stays as it is"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "{organization: a/b, resource: contact, expected_every: 1d}",
            "organization: 'a/b' cannot be the name",
        ),
        (
            "{organization: acme, resource: people, expected_every: 1d}",
            "resource: 'people' is not one of contact, group",
        ),
        ("{organization: acme, resource: contact}", "takes organization, resource, expected_every"),
        (
            "{organization: acme, resource: contact, expected_every: daily}",
            "expected_every: takes a number and s, m, h or d",
        ),
        (
            "{organization: acme, resource: contact, expected_every: 30s}",
            "expected_every: takes at least 60 s, not '30s'",
        ),
        ("{organization: acme, resource: contact, expected_every: 1}", "expected_every: takes a text, not 1"),
    ],
)
def test_errors_in_the_file(tmp_path: Path, entry: str, problem: str) -> None:
    path = tmp_path / "syncs.yaml"
    good = "{organization: acme, resource: group, expected_every: 2d}"
    path.write_text(f"uploads:\n  - {entry}\n  - {good}\n  - {good}\n")
    found = read_syncs(path)
    assert [(one.resource, one.expected_every) for one in found.uploads] == [("group", 2 * DAY)]
    first, second = map(str, found.problems)
    assert first.startswith(f"uploads 1: {problem}")
    assert second == "uploads 3: an earlier entry has group of acme already."


@dataclass
class Daemon:
    """Evaluates the sensor as Dagster's daemon does, at the time of ``now``."""

    definitions: dg.Definitions
    instance: DagsterInstance
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    cursor: str | None = None

    def tick(self) -> tuple[list[bool], str]:
        sensor: Any = self.definitions.get_repository_def().get_sensor_def("arrivals")
        assert self.definitions.resources is not None
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"imports": self.definitions.resources["imports"]},
        )
        found = sensor.evaluate_tick(context)
        self.cursor = found.cursor
        assert self.cursor, "Dagster keeps the previous cursor in place of an empty one"
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
        return [event.passed for event in found.asset_events], found.skip_message

    def execute(self, key: dg.AssetKey) -> dg.AssetCheckEvaluation:
        """Return the result of *Execute* on the page of a check."""
        by_hand = dg.define_asset_job("by_hand", dg.AssetSelection.checks(dg.AssetCheckKey(key, "arrived")))
        job = dg.Definitions.merge(self.definitions, dg.Definitions(jobs=[by_hand])).resolve_job_def(
            "by_hand"
        )
        (check,) = job.execute_in_process(instance=self.instance).get_asset_check_evaluations()
        return check


@pytest.fixture
def daemon(imports: Imports, instance: DagsterInstance, tmp_path: Path) -> Daemon:
    path = tmp_path / "syncs.yaml"
    path.write_text(
        f"uploads: [{{organization: {imports.organization}, resource: contact, expected_every: 1d}}]"
    )
    workflow = imports.workflow
    resource = ImportsResource(database_url=workflow.database.url, home=str(workflow.settings.home))
    daemon = Daemon(dg.Definitions(), instance)
    built = build_arrivals(read_syncs(path), lambda: daemon.now)
    daemon.definitions = dg.Definitions(
        assets=built.assets, asset_checks=built.checks, sensors=built.sensors, resources={"imports": resource}
    )
    return daemon


def test_a_folder_that_never_got_a_file_is_noticed(
    imports: Imports,
    instance: DagsterInstance,
    daemon: Daemon,
    launch: Launch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = arrived.of_folder(imports.organization, "contact")
    name = key.to_user_string()
    with webhook() as (url, told):
        monkeypatch.setenv("IMPORTS_WEBHOOK_URL", url)
        assert daemon.tick() == ([True], "Nothing is late.")
        daemon.now += DAY + timedelta(minutes=1)
        assert daemon.tick() == ([False], f"Late: {name}.")
        assert daemon.tick() == ([], f"Late: {name}."), "it is reported once"
        (message,) = told
        assert f"/assets/{name}|{name}> is late. No import has arrived since " in message["text"]

        # A file arrives. Its import is checked by one run and written by another.
        import_ = imports.register(CONTENT, source="bucket")
        run_tags = {**tags.of(import_), tags.ARRIVAL: name}
        assert launch("import_contacts", run_config={"source": ""}, tags=run_tags).success
        config = {"import_id": import_.id}
        assert launch("process_contacts", run_config=config, tags=tags.of_write(import_)).success
        _, second = of_organization(instance, imports)
        metadata = materialized(instance, second.run_id)[name].metadata
        assert metadata["status"].value == "completed with 1 rejected"
        numbers = {
            one.removeprefix("imports/"): value.value
            for one, value in metadata.items()
            if one.startswith("imports/")
        }
        assert numbers.keys() == NUMBERS
        assert (numbers["rows_total"], numbers["created"], numbers["overwritten"]) == (3, 2, 0)

        daemon.now = datetime.now(UTC)
        assert daemon.tick() == ([True], "Nothing is late.")
        daemon.now += DAY + timedelta(minutes=1)
        check = daemon.execute(key)
        assert (check.passed, check.description.partition(" at ")[0]) == (False, "The last import arrived")
        assert len(told) == 1
        assert daemon.tick() == ([], f"Late: {name}."), "its result is that of Execute"
        assert [f"{name}> is late. The last import arrived at " in one["text"] for one in told] == [
            False,
            True,
        ]
        assert daemon.tick() == ([], f"Late: {name}.")
        assert len(told) == 2, "Execute has no effect on what is reported"
