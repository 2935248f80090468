"""Looking for files goes round, a tick at a time: none is passed over, however slow the store is."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import freeze_time, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration

from imports_pipeline.defs import dropped_files_sensor
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.s3_client import Client
from imports_pipeline.filestore.stores import Store
from imports_pipeline.workflow.dropped_files.watcher import Watcher
from imports_pipeline_tests.dropped_files.dropping import OTHER, Dropped

#: Launches nothing.
_LAUNCHER = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
ORGANIZATIONS = 2000
#: What the code location of the last test is loaded from.
location = dg.Definitions()


def _slow(dropped: Dropped) -> None:
    """Let each step of a tick be out of time after one or two looks at the clock."""
    clock = count()
    dropped.watcher = replace(dropped.watcher, clock=lambda: float(next(clock)), step_seconds=1.5)


def _after(cursor: str) -> str:
    return str(json.loads(cursor)["after"])


def test_a_file_before_the_place_where_a_round_was_cut(dropped: Dropped) -> None:
    for name in ("m1", "m2", "m3"):
        dropped.drop(f"{name}.csv", f"name,email\n{name},{name}@example.com\n")
    _slow(dropped)
    for _ in range(20):
        dropped.complete(*dropped.launches())
        if cut := _after(dropped.cursor) >= dropped.key("m1.csv"):
            break
    assert cut
    dropped.drop("a.csv", OTHER)
    for _ in range(40):
        dropped.complete(*dropped.launches())
    assert sorted(dropped.states()) == [(f"{name}.csv", "moved") for name in ("a", "m1", "m2", "m3")]


@pytest.mark.parametrize("cursor", ["uploads/zzz/contact/merge/z.csv", "uploads/zzz0", "[]", '{"after": 7}'])
def test_a_cursor_of_an_earlier_version_begins_anew(dropped: Dropped, cursor: str) -> None:
    dropped.cursor = cursor
    dropped.drop("people.csv")
    assert len(dropped.settle()) == 1
    assert _after(dropped.cursor) == ""


def test_a_round_ends_where_no_file_is_listed(dropped: Dropped, store: Store) -> None:
    """Many organizations hold ended imports alone: a tick that is out of time stops between two of them."""
    for number in range(10):
        with store.open_write(f"uploads/org-{number:02}/contact/merge/done/imp_1/a.csv") as file:
            file.write(b"1")
    _slow(dropped)
    places = [_after(dropped.tick().cursor)]
    while places[-1] and len(places) < 200:
        places.append(_after(dropped.tick().cursor))
    assert places == [*sorted(places[:-1]), ""]
    assert len(places) == len(set(places)) > 3


def test_thousands_of_organizations(dropped: Dropped, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file is found behind all of them, and on S3 in as few requests as there are pages."""

    def put(number: int) -> None:
        key = f"uploads/org-{number:04}/contact/merge/done/imp_1/a.csv"
        if isinstance(store, S3Store):
            # An empty file is put in a third of the time.
            store._call("put_object", Key=store._key(key), Body=b"")
        else:
            path = Path(store.uri(key))
            path.parent.mkdir(parents=True)
            path.touch()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(put, range(ORGANIZATIONS)))
    key = dropped.drop("people.csv")
    assert key > "uploads/org-0"
    requests: list[str] = []
    call = Client.call

    def counted(client: Client, method: str, **parameters: Any) -> Any:
        requests.append(method)
        return call(client, method, **parameters)

    monkeypatch.setattr(Client, "call", counted)
    while not (launched := dropped.launches()):
        assert requests.count("list_objects_v2") < ORGANIZATIONS / 100
    assert [import_.organization_id for import_ in launched] == [dropped.imports.organization]


@pytest.mark.parametrize("kind", ["local"])
def test_through_the_daemon(dropped: Dropped, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster stores each tick's cursor and hands it to the next: the sensor's own loop over it."""
    keys = [dropped.drop(name) for name in ("m1.csv", "m2.csv", "m3.csv")]
    _slow(dropped)
    slow = partial(Watcher, step_seconds=1.5, settle_seconds=0, clock=dropped.watcher.clock)
    monkeypatch.setattr(dropped_files_sensor, "Watcher", slow)
    with _sensor(dropped, monkeypatch) as tick:
        assert any(_after(tick()) >= keys[0] for _ in range(20))
        early = dropped.drop("a.csv", OTHER)
        cursors = {tick() for _ in range(12)}
    assert "" not in map(str, cursors)
    assert {row["key"] for row in dropped.rows()} == {*keys, early}
    assert len(dropped.registered()) == len(keys) + 1


@contextmanager
def _sensor(dropped: Dropped, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Have the sensor in an instance of its own; each call lets the daemon tick once and returns what it stored."""
    workflow = dropped.imports.workflow
    resource = ImportsResource(
        database_url=workflow.database.url,
        home=str(workflow.settings.home),
        store_url=workflow.store.uri("uploads").removesuffix("/uploads"),
    )
    whole = build_definitions({"imports": resource})
    jobs = [job for job in whole.jobs or () if job.name.startswith("import_")]
    alone = dg.Definitions(
        assets=whole.assets,
        jobs=jobs,
        sensors=[dropped_files_sensor.build_upload_sensor(jobs, ())],
        resources=whole.resources,
        executor=dg.in_process_executor,
    )
    monkeypatch.setattr(sys.modules[__name__], "location", alone)
    origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name=__name__, attribute="location"))
    seconds = count(time.time(), 10)
    with (
        instance_for_test(overrides={"run_launcher": _LAUNCHER}) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as context,
    ):

        def tick() -> str:
            with freeze_time(next(seconds)):
                list(execute_sensor_iteration(context, logging.getLogger(__name__), None, None))
            (state,) = instance.all_instigator_state()
            return str(state.instigator_data.cursor)

        yield tick
