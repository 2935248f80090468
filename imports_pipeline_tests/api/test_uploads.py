"""Imports without data: an upload URL takes one file, whole, and the sensor starts the import."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import httpx
import psutil
import pytest
from dagster import DagsterInstance

from imports_pipeline.api.responses.objects import import_object
from imports_pipeline.defs.build import build_definitions
from imports_pipeline.defs.resources import Imports as ImportsResource
from imports_pipeline.defs.runs.reconciler import reconcile
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.model.options import Options
from imports_pipeline.registry import import_records
from imports_pipeline.sources import upload_urls
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, code_of, data_of
from imports_pipeline_tests.journeys import Imports

CSV = b"name,email\nAda,ada@example.com\nGrace,grace@example.com\n"


def requested(caller: httpx.Client, **options: Any) -> Any:
    import_ = data_of(caller.post("/v1/imports", json={"resource": "contact", "data": None, **options}), 202)
    assert (import_["status"], import_["source"]) == ("requested", "upload_url")
    return import_


def started(
    workflow: ImportWorkflow, instance: DagsterInstance, name: str = "awaited_uploads"
) -> list[dg.RunRequest]:
    """Do a tick of the sensor as the daemon does, and give what it would launch."""
    imports = ImportsResource(database_url=workflow.database.url, home=str(workflow.settings.home))
    sensor = build_definitions().get_sensor_def(name)
    with dg.build_sensor_context(instance=instance, resources={"imports": imports}) as context:
        return list(sensor.evaluate_tick(context).run_requests or [])


def test_a_put_file_is_imported_once(
    caller: httpx.Client, imports: Imports, workflow: ImportWorkflow, instance: DagsterInstance
) -> None:
    import_ = requested(caller, mode="sync")
    assert not [one for one in started(workflow, instance) if one.run_key == import_["id"]]
    put = data_of(httpx.put(import_["_upload_url"], content=CSV, timeout=60), 200)
    assert (put["size"], put["import_id"]) == (len(CSV), import_["id"])
    (request,) = [one for one in started(workflow, instance) if one.run_key == import_["id"]]
    assert request.job_name == "import_contacts"
    assert not [one for one in started(workflow, instance) if one.run_key == import_["id"]], "once"
    done = imports.finish(workflow.get(import_["id"]))
    assert (done.status, done.stats["created"], done.checksum) == ("completed", 2, put["checksum"])
    assert code_of(httpx.put(import_["_upload_url"], content=CSV, timeout=60), 409) == "already_uploaded"


def test_both_runs_of_a_large_upload_are_tagged_so(
    caller: httpx.Client,
    imports: Imports,
    workflow: ImportWorkflow,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPORTS_LARGE_BYTES", str(len(CSV)))
    monkeypatch.setenv("IMPORTS_LARGE_RUN_TAGS", '{"dagster-celery/queue": "large"}')
    by_id = {}
    for content, size in ((CSV, ("small", None)), (CSV + b"Joan,joan@example.com\n", ("large", "large"))):
        import_ = requested(caller)
        data_of(httpx.put(import_["_upload_url"], content=content, timeout=60), 200)
        by_id[import_["id"]] = size
    asked = {one.tags[".dagster/imports_id"]: one for one in started(workflow, instance)}
    assert {key: _size_of(asked[key]) for key in by_id} == by_id
    for import_id in by_id:
        imports.check(workflow.get(import_id))
    writes = {one.tags[".dagster/imports_id"]: one for one in started(workflow, instance, "queued_batches")}
    assert {key: _size_of(writes[key]) for key in by_id} == by_id


def _size_of(request: dg.RunRequest) -> tuple[str, str | None]:
    return request.tags[".dagster/imports_size"], request.tags.get("dagster-celery/queue")


def test_of_two_uploads_at_once_one_is_the_imports(caller: httpx.Client, workflow: ImportWorkflow) -> None:
    import_ = requested(caller)

    def put(number: int) -> tuple[int, bytes]:
        content = f"name\nPerson {number}\n".encode() * 1000
        return httpx.put(import_["_upload_url"], content=content, timeout=60).status_code, content

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(put, range(4)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    (content,) = [content for status, content in answers if status == 200]
    with workflow.files(workflow.get(import_["id"])).open_read("upload") as file:
        assert file.read() == content
    assert not [one.key for one in workflow.store.list("incoming") if import_["id"] in one.key]


def test_an_upload_that_is_cut_off_leaves_nothing(caller: httpx.Client, workflow: ImportWorkflow) -> None:
    import_ = requested(caller)
    url = urlsplit(import_["_upload_url"])
    assert url.hostname is not None
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(
            f"PUT {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nname\nhalf of ".encode()
        )
        time.sleep(0.3)
    data_of(httpx.put(import_["_upload_url"], content=CSV, timeout=60), 200)
    with workflow.files(workflow.get(import_["id"])).open_read("upload") as file:
        assert file.read() == CSV


def test_what_is_too_large_is_refused_before_and_while_it_is_read(caller: httpx.Client) -> None:
    import_ = requested(caller)
    assert (
        code_of(httpx.put(import_["_upload_url"], content=b"x" * 5_000_001, timeout=60), 413)
        == "body_too_large"
    )

    def chunks() -> Iterator[bytes]:
        for _ in range(6):
            yield b"x" * 1_000_000

    assert code_of(httpx.put(import_["_upload_url"], content=chunks(), timeout=60), 413) == "body_too_large"
    assert code_of(httpx.put(import_["_upload_url"], content=b"", timeout=60), 400) == "invalid_data"
    data_of(httpx.put(import_["_upload_url"], content=CSV, timeout=60), 200)


def test_a_url_allows_what_it_was_given_out_for(caller: httpx.Client, workflow: ImportWorkflow) -> None:
    import_ = requested(caller)
    url = import_["_upload_url"]
    assert code_of(httpx.get(url), 403) == "invalid_upload_url"
    assert code_of(httpx.put(url[:-3] + "abc", content=CSV, timeout=60), 403) == "invalid_upload_url"
    other = requested(caller)["_upload_url"]
    mixed = url.rpartition(".")[0] + "." + other.rpartition(".")[2]
    assert code_of(httpx.put(mixed, content=CSV, timeout=60), 403) == "invalid_upload_url"
    assert code_of(httpx.post(url, content=CSV), 405) == "method_not_allowed"
    key = f"incoming/{import_['id']}"
    short = workflow.store.signed_upload(key, 1, limit=100)
    time.sleep(1.1)
    path = urlsplit(short).path
    assert code_of(caller.put(path, content=CSV), 410) == "upload_url_expired"


def test_a_page_of_another_origin_may_send_a_file(caller: httpx.Client) -> None:
    url = requested(caller)["_upload_url"]
    asking = {"Origin": "https://pages.example.com", "Access-Control-Request-Headers": "content-type"}
    asked = httpx.options(url, headers={**asking, "Access-Control-Request-Method": "PUT"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert asked.headers["access-control-allow-methods"] == "PUT"
    assert "access-control-allow-credentials" not in asked.headers
    other = httpx.options(url, headers={**asking, "Access-Control-Request-Method": "GET"})
    assert "access-control-allow-origin" not in other.headers
    put = httpx.put(url, content=CSV, headers=asking, timeout=60)
    assert (put.status_code, put.headers["access-control-allow-origin"]) == (200, "*")
    again = httpx.put(url, content=CSV, headers=asking, timeout=60)
    assert (again.status_code, again.headers["access-control-allow-origin"]) == (409, "*")
    elsewhere = caller.get("/v1/imports", headers=asking)
    assert "access-control-allow-origin" not in elsewhere.headers


def test_an_upload_that_never_comes_expires(
    caller: httpx.Client, workflow: ImportWorkflow, instance: DagsterInstance
) -> None:
    missed, late = requested(caller), requested(caller)
    data_of(httpx.put(late["_upload_url"], content=CSV, timeout=60), 200)
    with workflow.database.connect() as connection:
        connection.execute(
            "UPDATE imports SET upload_expires_at = now() - %s WHERE id = ANY(%s)",
            (timedelta(seconds=1), [missed["id"], late["id"]]),
        )
    reconcile(workflow, instance, [])
    ended = data_of(caller.get(f"/v1/imports/{missed['id']}"), 200)
    assert (ended["status"], ended["code"]) == ("expired", "upload_expired")
    assert "_upload_url" not in ended
    assert data_of(caller.get(f"/v1/imports/{late['id']}"), 200)["status"] == "requested", "its file is there"


def test_a_large_upload_takes_no_memory(caller: httpx.Client, api: Api, workflow: ImportWorkflow) -> None:
    """A file that is many times larger than what the server may keep of it."""
    (listener,) = [
        process
        for process in psutil.process_iter()
        if str(urlsplit(api.url).port) in " ".join(_arguments(process)) and "api" in _arguments(process)
    ]
    import_ = requested(caller)
    size = 400 * 1024 * 1024
    url = workflow.store.signed_upload(f"incoming/{import_['id']}", 600, limit=size)
    before, most = listener.memory_info().rss, 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.02):
            most = max(most, listener.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    block = b"x" * (1 << 20)
    try:
        # Over the limit that the import was promised: it is received whole, and then refused.
        answer = caller.put(urlsplit(url).path, content=(block for _ in range(400)))
    finally:
        ended.set()
        watcher.join()
    assert code_of(answer, 413) == "body_too_large"
    assert most - before < 40 * 1024 * 1024


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("over_limit", [False, True])
def test_a_file_put_to_s3_is_taken_once(
    bucket_url: str, workflow: ImportWorkflow, imports: Imports, over_limit: bool
) -> None:
    """On S3 nobody is there when the file comes: the sensor takes it, and a second PUT changes nothing."""
    on_s3 = replace(workflow, store=S3Store(bucket_url))
    with on_s3.database.connect() as connection:
        import_ = import_records.create_import(
            connection,
            organization_id=imports.organization,
            resource="contact",
            options=Options(),
            source="upload_url",
            upload_expires_at=datetime.now(UTC) + timedelta(minutes=5),
            upload_limit=5 if over_limit else len(CSV),
        )
        url = import_object(import_, on_s3.store)["_upload_url"]
        assert httpx.put(url, content=CSV, timeout=60).status_code == 200
        refused = upload_urls.take_arrived(connection, on_s3.store, 10)
        if over_limit:
            ((import_id, failure),) = refused
            assert (import_id, failure.code) == (import_.id, "file_too_large")
            return
        assert import_.id in upload_urls.offer(connection, 100, timedelta(seconds=60))
        assert httpx.put(url, content=b"name\nSomebody else\n", timeout=60).status_code == 200
        assert upload_urls.take_arrived(connection, on_s3.store, 10) == []
        assert upload_urls.sweep(connection, on_s3.store, time.time() + 60) == 1
    imports_on_s3 = Imports(on_s3, imports.organization, imports.folder)
    done = imports_on_s3.finish(on_s3.get(import_.id))
    assert (done.status, done.stats["created"]) == ("completed", 2)
    assert done.checksum is not None
