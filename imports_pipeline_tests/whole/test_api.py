"""The HTTP API of the running system: what the daemon has to do with it, on both stores, and under load.

``SOAK_REQUESTS`` is how many imports are submitted at once (200).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from imports_pipeline_tests.api.serving import data_of, free_port
from imports_pipeline_tests.object_store import ObjectStore
from imports_pipeline_tests.system import running

_PATIENCE = 240
IMPORTS = int(os.environ.get("SOAK_REQUESTS", "200"))


@contextmanager
def development(home: Path, settings: dict[str, str], pages_port: int = 0) -> Iterator[httpx.Client]:
    """Run ``dev`` with its API, and give a client with the key that it prints."""
    port = free_port()
    with running(home, settings, api_port=port, pages_port=pages_port), client_of(home, port) as client:
        yield client


@contextmanager
def client_of(home: Path, port: int) -> Iterator[httpx.Client]:
    """Wait for the API of a system, and yield a client with the key that ``dev`` prints."""
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            assert time.monotonic() < end, "the API starts"
        time.sleep(0.2)
    log = "".join(path.read_text() for path in home.glob("dev-*.log"))
    key = log.partition("The development API key is ")[2].split()[0]
    with httpx.Client(base_url=url, headers={"X-API-KEY": key}, timeout=300) as client:
        yield client


def ended(client: httpx.Client, import_id: str) -> Any:
    end = time.monotonic() + _PATIENCE
    while True:
        import_ = data_of(client.get(f"/v1/imports/{import_id}", params={"include_errors_json": True}), 200)
        if import_["status"] not in ("requested", "queued", "processing"):
            return import_
        assert time.monotonic() < end, import_
        time.sleep(0.5)


@pytest.mark.soak
def test_what_the_api_leaves_to_the_daemon_is_done_on_s3(
    tmp_path: Path, object_server: ObjectStore, bucket_url: str
) -> None:
    pages_port = free_port()
    settings = {**object_server.environment, "STORE_URL": bucket_url}
    with development(tmp_path, settings, pages_port) as client:
        leave_to_the_daemon(client, pages_port)


def leave_to_the_daemon(client: httpx.Client, pages_port: int) -> None:
    """Request imports for which the API does not wait, one of them through the pages, and check that they are done."""
    people = [{"name": "Ada", "email": "ada@example.com"}, {"name": "Bad", "email": "nowhere"}]
    queued = data_of(client.post("/v1/imports", json={"resource": "contact", "data": people}), 202)
    awaited = data_of(client.post("/v1/imports", json={"resource": "contact"}), 202)
    put = httpx.put(awaited["_upload_url"], content=b"name,email\nGrace,grace@example.com\n", timeout=60)
    assert put.status_code == 200, put.text
    large = put_by_the_pages(f"http://127.0.0.1:{pages_port}", client.headers["X-API-KEY"])
    assert ended(client, large)["plan"]["created"] == 1
    for import_id in (queued["id"], awaited["id"]):
        import_ = ended(client, import_id)
        assert (import_["status"], import_["stats"]["created"]) == ("completed", 1), import_
    errors = httpx.get(ended(client, queued["id"])["_errors_json_url"]).json()
    assert [one["line"] for one in errors] == [3]
    assert len(data_of(client.get("/v1/contacts"), 200)) == 2


def put_by_the_pages(url: str, key: str) -> str:
    """Send a file as the pages do with a large one: request an upload URL, and put the file to it through them."""
    with httpx.Client(base_url=url, timeout=300) as pages:
        assert pages.post("/sign-in", data={"key": key}).status_code == 303
        form = {"resource": (None, "contact"), "action": (None, "merge")}
        requested = pages.post("/send/large", files=form).json()  # type: ignore[arg-type]
        put = pages.put(requested["put"], content=b"name,email\nAlan,alan@example.com\n")
        assert put.status_code == 200, put.text
        return str(put.json()["page"].removeprefix("/imports/"))


@pytest.mark.soak
def test_many_mixed_imports_of_many_clients_are_all_completed(tmp_path: Path) -> None:
    with development(tmp_path, {"IMPORTS_API_RATE": "0"}) as client:

        def send(number: int) -> str:
            people = [
                {"name": f"Person {number}", "external_id": str(number)},
                {"name": "All", "external_id": "all"},
            ]
            body = {"resource": "contact", "data": people}
            return str(data_of(client.post("/v1/imports", json=body), 202)["id"])

        begun = time.monotonic()
        with ThreadPoolExecutor(20) as clients:
            import_ids = list(clients.map(send, range(IMPORTS)))
        print(f"\n{IMPORTS} imports submitted by 20 clients in {time.monotonic() - begun:.1f} s")
        end = time.monotonic() + 10 * IMPORTS
        while (open_ := _total(client, status="queued") + _total(client, status="processing")) > 0:
            assert time.monotonic() < end, open_
            time.sleep(1)
        print(f"all completed after {time.monotonic() - begun:.1f} s")
        assert _total(client, status="completed") == IMPORTS == len(set(import_ids))
        assert data_of(client.get("/v1/contacts"), 200)
        answer = client.get("/v1/contacts").json()
        assert answer["pagination"]["total"] == IMPORTS + 1


def _total(client: httpx.Client, **filters: str) -> int:
    answer = client.get("/v1/imports", params=filters)
    data_of(answer, 200)
    return int(answer.json()["pagination"]["total"])
