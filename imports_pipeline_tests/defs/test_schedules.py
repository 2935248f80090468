"""Scheduled syncs: read from a file, launched by the clock, never twice at once, and bad ones say what is wrong."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.defs.runs import tags
from imports_pipeline.defs.schedules import build_schedules, next_tick, read_syncs
from imports_pipeline.model.statuses import Status
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline_tests.defs.runs import CONTENT, Launch
from imports_pipeline_tests.journeys import Imports

EXAMPLE = Path(__file__).parents[2] / "examples" / "syncs.yaml"
FOLDER = "{organization: acme, resource: contact, expected_every: 1d}"
GOOD = "{name: good, resource: contact, source: /good.csv, cron: '0 2 * * *', action: merge}"
#: 01:30 on the 24th in Berlin
MIDNIGHT = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)

Definitions = Callable[[str], dg.Definitions]


@pytest.fixture
def syncs(imports: Imports, dagster_home: dict[str, str], tmp_path: Path) -> Definitions:
    """Return the definitions with the syncs of this text."""

    def built(text: str) -> dg.Definitions:
        path = tmp_path / "syncs.yaml"
        path.write_text(text)
        workflow = imports.workflow
        resource = ImportsResource(database_url=workflow.database.url, home=str(workflow.settings.home))
        return build_definitions({"imports": resource}, syncs=path)

    return built


def tick(
    definitions: dg.Definitions, name: str, instance: DagsterInstance, time: datetime = MIDNIGHT
) -> dg.RunRequest | str:
    """Evaluate a schedule; give what it launches, or why not."""
    assert definitions.resources is not None
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=time,
        resources={"imports": definitions.resources["imports"]},
    ) as context:
        found = definitions.get_repository_def().get_schedule_def(name).evaluate_tick(context)
    if found.run_requests:
        (request,) = found.run_requests
        return request
    assert found.skip_message
    return found.skip_message


def test_the_example_is_good() -> None:
    found = read_syncs(EXAMPLE)
    assert found.problems == ()
    assert [sync.name for sync in found.syncs] == ["crm_contacts", "hr_changes", "groups"]
    crm, hr, _ = found.syncs
    assert (crm.options.parts, crm.options.max_age, crm.options.deletion_total) == (True, "26h", 5000)
    assert hr.options.column_mapping == {"external_id": "Personnel No", "email": "Mail (work)"}
    assert next_tick(crm, MIDNIGHT).isoformat() == "2026-11-24T02:30:00+01:00"
    assert next_tick(hr, MIDNIGHT).isoformat() == "2026-11-24T07:05:00+01:00"


def test_a_sync_is_an_import(
    syncs: Definitions, imports: Imports, instance: DagsterInstance, launch: Launch
) -> None:
    source = imports.source(CONTENT)
    definitions = syncs(
        f"[{{name: nightly, resource: contact, source: {source}, cron: '0 2 * * *', action: merge, max_age: 1d,"
        f" match_on: [email], mode: sync, max_errors: 3, organization: {imports.organization}}}]"
    )
    schedule = definitions.get_repository_def().get_schedule_def("sync_nightly")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    request = tick(definitions, "sync_nightly", instance)
    assert isinstance(request, dg.RunRequest)
    assert request.tags[tags.PRIORITY] == "0"
    assert request.tags[".dagster/imports_size"] == "small", "it is a file of this machine"
    done = launch("import_contacts", run_config=request.run_config, tags=request.tags)
    assert done.success
    (import_,) = _imports(imports)
    assert (import_.source, import_.name, import_.status) == ("schedule", "nightly", Status.COMPLETED)
    assert (import_.options.match_on, import_.options.max_age) == (("email",), "1d")
    assert imports.names() == ["Ann", "Bob"]
    assert isinstance(tick(definitions, "sync_nightly", instance), dg.RunRequest), "it may be launched again"


def test_several_parts_are_one_import(
    syncs: Definitions, imports: Imports, instance: DagsterInstance, launch: Launch, tmp_path: Path
) -> None:
    folder = tmp_path / "2026-11-24"
    folder.mkdir()
    (folder / "part-1.csv").write_text("name,email\nAnn,ann@example.com")
    (folder / "part-2.csv").write_text("name,email\nBob,bob@example.com")
    definitions = syncs(
        f"syncs: [{{name: parts, resource: contact, source: '{tmp_path}/{{date}}/part-*.csv', cron: '0 2 * * *',"
        f" timezone: Europe/Berlin, action: overwrite, mode: sync, organization: {imports.organization}}}]"
    )
    request = tick(definitions, "sync_parts", instance)
    assert isinstance(request, dg.RunRequest)
    assert launch("import_contacts", run_config=request.run_config, tags=request.tags).success
    (import_,) = _imports(imports)
    assert len(import_.detected["parts"]) == 2
    assert imports.names() == ["Ann", "Bob"]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_source_that_is_missing_or_too_old_fails_as_an_import(
    syncs: Definitions, imports: Imports, instance: DagsterInstance, launch: Launch, is_there: bool
) -> None:
    source = imports.source(CONTENT)
    if is_there:
        os.utime(source, (1_700_000_000, 1_700_000_000))
    else:
        source.unlink()
    definitions = syncs(
        f"[{{name: nightly, resource: contact, source: {source}, cron: '0 2 * * *', action: overwrite,"
        f" max_age: 26h, organization: {imports.organization}}}]"
    )
    request = tick(definitions, "sync_nightly", instance)
    assert isinstance(request, dg.RunRequest)
    assert not launch("import_contacts", run_config=request.run_config, tags=request.tags).success
    (import_,) = _imports(imports)
    expected = "source_too_old" if is_there else "source_not_found"
    assert (import_.status, import_.code, import_.source) == (Status.FAILED, expected, "schedule")
    assert str(source) in (import_.reason or "")


class TestUnderWay:
    """A sync is skipped while the one before is not done."""

    @pytest.fixture
    def definitions(self, syncs: Definitions, imports: Imports) -> dg.Definitions:
        return syncs(
            f"[{{name: {self.name(imports)}, resource: contact, source: /x.csv, cron: '0 2 * * *',"
            f" action: merge, organization: {imports.organization}}}]"
        )

    @staticmethod
    def name(imports: Imports) -> str:
        return imports.organization.replace("-", "_")

    @pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
    def test_its_run(
        self,
        definitions: dg.Definitions,
        imports: Imports,
        instance: DagsterInstance,
        status: dg.DagsterRunStatus,
    ) -> None:
        name = self.name(imports)
        request = tick(definitions, f"sync_{name}", instance)
        assert isinstance(request, dg.RunRequest)
        run = instance.create_run_for_job(
            definitions.resolve_job_def("import_contacts"),
            tags=request.tags,
            run_config=request.run_config,
            status=status,
        )
        assert (
            tick(definitions, f"sync_{name}", instance)
            == f"The previous sync is not done: its run {run.run_id} is {status.value.lower()}."
        )
        instance.report_run_failed(run)
        assert isinstance(tick(definitions, f"sync_{name}", instance), dg.RunRequest)

    def test_its_import(
        self, definitions: dg.Definitions, imports: Imports, instance: DagsterInstance
    ) -> None:
        """The run is done, and the import waits for the run that writes it."""
        name = self.name(imports)
        import_ = imports.check(imports.register(CONTENT, source="schedule"))
        with imports.workflow.database.connect() as connection:
            import_updates.update_import(connection, import_.id, name=name)
        assert (
            tick(definitions, f"sync_{name}", instance)
            == f"The previous sync is not done: its import {import_.id} is queued."
        )
        imports.write(import_)
        assert isinstance(tick(definitions, f"sync_{name}", instance), dg.RunRequest)


BAD = [
    ("{resource: contact, source: /x, cron: '0 2 * * *', action: merge}", None, "name is missing"),
    (
        "{name: a b, resource: contact, source: /x, cron: '0 2 * * *', action: merge}",
        None,
        "name: takes 3 to 100",
    ),
    ("{name: problems, resource: contact, source: /x, cron: '0 2 * * *', action: merge}", None, "'problems'"),
    ("{name: bad, source: /x, cron: '0 2 * * *', action: merge}", "bad", "resource is missing"),
    (
        "{name: bad, resource: person, source: /x, cron: '0 2 * * *', action: merge}",
        "bad",
        "is not one of contact, group",
    ),
    ("{name: bad, resource: contact, cron: '0 2 * * *', action: merge}", "bad", "source is missing"),
    ("{name: bad, resource: contact, source: /x, action: merge}", "bad", "cron is missing"),
    ("{name: bad, resource: contact, source: /x, cron: '0 2 * * *'}", "bad", "action is missing"),
    (
        "{name: bad, resource: contact, source: /x, cron: '61 2 * * *', action: merge}",
        "bad",
        "is not a cron expression",
    ),
    (
        "{name: bad, resource: contact, source: /x, cron: '0 0 31 2 *', action: merge}",
        "bad",
        "is not a cron expression",
    ),
    ("{name: bad, resource: contact, source: /x, cron: 5, action: merge}", "bad", "cron: takes a text"),
    (
        "{name: bad, resource: contact, source: /x, cron: '0 2 * * *', action: merge, timezone: Mars/Base}",
        "bad",
        "timezone: there is no 'Mars/Base'",
    ),
    (
        "{name: bad, resource: contact, source: /x, cron: '0 2 * * *', action: merge, colour: red}",
        "bad",
        "unknown option 'colour'",
    ),
    (
        "{name: bad, resource: contact, source: /x, cron: '0 2 * * *', action: merge, max_age: soon}",
        "bad",
        "max_age: takes a number and s, m, h or d",
    ),
    (
        "{name: bad, resource: contact, source: /x, cron: '0 2 * * *', action: merge, match_on: [size]}",
        "bad",
        "match_on",
    ),
    ("{name: bad, resource: contact, source: /x, cron: '0 2 * * *', action: revert}", "bad", "action"),
    ("7", None, "takes name, resource, source, cron, action and options"),
    (GOOD, None, "has the name of an earlier entry"),
]


@pytest.mark.parametrize(("entry", "name", "says"), BAD)
def test_a_bad_entry_says_so_and_takes_no_other_down(
    syncs: Definitions,
    instance: DagsterInstance,
    caplog: pytest.LogCaptureFixture,
    entry: str,
    name: str | None,
    says: str,
) -> None:
    with caplog.at_level(logging.WARNING):
        definitions = syncs(f"syncs:\n  - {GOOD}\n  - {entry}\n")
    assert any(says in record.message for record in caplog.records), "it is in the log of the code location"
    bad = f"sync_{name}" if name else "sync_problems"
    names = {schedule.name for schedule in definitions.get_repository_def().schedule_defs}
    assert {name for name in names if name.startswith("sync_")} == {"sync_good", bad}
    assert says in str(tick(definitions, bad, instance)), "its schedule says why it launches nothing"
    assert isinstance(tick(definitions, "sync_good", instance), dg.RunRequest)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("syncs: [", "is not valid YAML (line 1)"),
        ("nothing: here", "contains no list of syncs"),
        ("just text", "contains no list of syncs"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(
    syncs: Definitions, instance: DagsterInstance, text: str, says: str
) -> None:
    assert says in str(tick(syncs(text), "sync_problems", instance))


@pytest.mark.parametrize(
    ("text", "problem", "scheduled", "expected"),
    [
        (f"syncs: [{GOOD}]\nupload: [{FOLDER}]", "unknown key 'upload'; 'uploads' is probably meant.", 1, 0),
        (f"sync: [{GOOD}]\nuploads: [{FOLDER}]", "unknown key 'sync'; 'syncs' is probably meant.", 0, 1),
        (f"Syncs: [{GOOD}]", "unknown key 'Syncs'; 'syncs' is probably meant.", 0, 0),
        (f"syncs: [{GOOD}]\nowner: ada", "unknown key 'owner'; the file has `syncs:` and `uploads:`.", 1, 0),
        (f"syncs: [{GOOD}]\n2: []", "unknown key '2'; the file has `syncs:` and `uploads:`.", 1, 0),
        (f"syncs: [{GOOD}]\nuploads: acme", "contains no list of upload folders below `uploads:`.", 1, 0),
        (f"syncs: nightly\nuploads: [{FOLDER}]", "contains no list of syncs; begin it with `syncs:`.", 0, 1),
    ],
)
def test_a_wrong_key_is_named_and_the_others_remain_usable(
    tmp_path: Path, text: str, problem: str, scheduled: int, expected: int
) -> None:
    path = tmp_path / "syncs.yaml"
    path.write_text(text)
    found = read_syncs(path)
    assert [str(one) for one in found.problems] == [f"{path}: {problem}"]
    assert (len(found.syncs), len(found.uploads)) == (scheduled, expected)
    names = [schedule.name for schedule in build_schedules(found)]
    assert names == [*["sync_good"] * scheduled, "sync_problems"]


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    (problem,) = read_syncs(tmp_path / "none.yaml").problems
    assert "cannot be read (No such file or directory); see IMPORTS_SYNCS." in str(problem)


@pytest.mark.parametrize("text", ["", "syncs:", "[]"])
def test_no_sync_is_no_schedule(text: str, tmp_path: Path) -> None:
    path = tmp_path / "syncs.yaml"
    path.write_text(text)
    assert build_schedules(read_syncs(path)) == []
    assert build_schedules(read_syncs(None)) == []


def _imports(imports: Imports) -> list[Any]:
    with imports.workflow.database.connect() as connection:
        return import_records.list_imports(connection, imports.organization)
