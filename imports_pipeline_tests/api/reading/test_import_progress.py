"""How far an import is, for callers who wait."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn

from imports_pipeline.api import server
from imports_pipeline.database import shown_progress
from imports_pipeline.model import progress
from imports_pipeline.model.phases import Phase
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

PEOPLE = "name,email\nAda,ada@example.com\nBob,bob@example.com\n"
NOBODY = f"imp_{'0' * 26}"


def _progress(caller: httpx.Client, import_id: str, **query: object) -> dict[str, Any]:
    shown: dict[str, Any] = data_of(caller.get(f"/v1/imports/{import_id}/progress", params=query), 200)
    return shown


def test_it_follows_the_phases_and_waits_for_the_next(
    caller: httpx.Client, imports: Imports, workflow: ImportWorkflow
) -> None:
    import_id = imports.register(PEOPLE, dry_run=True).id
    first = _progress(caller, import_id)
    assert first == {
        "object": "progress",
        "import_id": import_id,
        "status": "requested",
        "phase": "prevalidation",
        "rows": None,
        "total": None,
        "share": 0.0,
        "has_ended": False,
        "token": first["token"],
    }
    assert _progress(caller, import_id, after=first["token"], wait=0.1) == first, "nothing has happened"
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(_progress, caller, import_id, after=first["token"], wait=25)
        workflow.check(import_id, Phase.PREVALIDATION)
        second = waiting.result()
    assert (second["phase"], second["total"], second["share"]) == ("preparsing", 2, 0.2)
    for phase in (Phase.PREPARSING, Phase.TRANSFORMING, Phase.PARSING, Phase.VALIDATION):
        workflow.check(import_id, phase)
    last = _progress(caller, import_id, after=second["token"])
    assert (last["status"], last["phase"], last["share"]) == ("completed", "validation", 1.0)
    assert (last["rows"], last["total"], last["has_ended"]) == (2, 2, True)
    assert _progress(caller, import_id, after=last["token"], wait=25) == last, (
        "an import that ended is not waited for"
    )
    awaited = data_of(caller.post("/v1/imports", json={"resource": "contact", "data": None}), 202)
    assert _progress(caller, awaited["id"])["phase"] is None, "its file has not arrived"


def test_rows_are_seen_while_another_process_works_on_them(
    caller: httpx.Client, imports: Imports, workflow: ImportWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = imports.register(PEOPLE).id
    workflow.check(import_id, Phase.PREVALIDATION)
    workflow.check(import_id, Phase.PREPARSING)
    before = _progress(caller, import_id)
    monkeypatch.setattr(shown_progress, "_EVERY_SECONDS", 0.01)
    with shown_progress.shown_progress(workflow.database):
        progress.begin(Phase.TRANSFORMING.value, 2, import_id=import_id)
        progress.count(1)
        during = _progress(caller, import_id, after=before["token"], wait=25)
        progress.begin(step="waiting until no other import writes")
        _wait_until_nothing_is_shown(workflow, import_id)
    assert (during["phase"], during["rows"], during["total"]) == ("transforming", 1, 2)
    assert during["share"] == pytest.approx(2.5 / 7, abs=1e-3)
    assert during["token"] != before["token"]
    assert _progress(caller, import_id) == before


def _wait_until_nothing_is_shown(workflow: ImportWorkflow, import_id: str) -> None:
    end = time.monotonic() + 60
    with workflow.database.connect() as connection:
        while shown_progress.find_rows(connection, import_id) is not None:
            assert time.monotonic() < end, "the name of the connection stays"
            time.sleep(0.01)


def test_a_phase_that_is_short_opens_no_connection_and_a_lost_database_stops_no_phase(
    workflow: ImportWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()

    def fails(*_: object) -> None:
        opened.set()
        raise shown_progress.psycopg.OperationalError("the server is gone")

    monkeypatch.setattr(type(workflow.database), "open_unpooled", fails)
    with shown_progress.shown_progress(workflow.database):
        pass
    assert not opened.is_set()
    monkeypatch.setattr(shown_progress, "_EVERY_SECONDS", 0.0)
    with shown_progress.shown_progress(workflow.database):
        assert opened.wait(60)


def test_another_organization_sees_no_progress(api: Api, organization: str, imports: Imports) -> None:
    import_id = imports.register(PEOPLE).id
    with api.caller(f"{organization}-other") as theirs:
        other = theirs.get(f"/v1/imports/{import_id}/progress")
        assert code_of(other, 404) == "not_found"
        assert other.json()["message"] == theirs.get(f"/v1/imports/{NOBODY}/progress").json()["message"]
    with api.caller(organization, "contacts:read") as reader:
        assert code_of(reader.get(f"/v1/imports/{import_id}/progress"), 403) == "forbidden"


def test_a_server_that_is_asked_to_stop_tells_those_who_wait() -> None:
    closing = threading.Event()
    asked = server._Server(uvicorn.Config("nothing:app"), closing)
    asked.handle_exit(signal.SIGTERM, None)
    assert closing.is_set()
    assert asked.should_exit
