"""One browser for all tests of the pages, and for each kind of file store one API and one process of the pages."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from imports_pipeline.registry import api_keys
from imports_pipeline.registry.api_keys import SCOPES
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, serving
from imports_pipeline_tests.dagster_pages.browsers import FLAGS, browser
from imports_pipeline_tests.object_store import BUCKET, ObjectStore
from imports_pipeline_tests.pages.relay import Relay
from imports_pipeline_tests.pages.serving import Person, serving_pages

#: Milliseconds until something that does not appear is missing; on a quiet machine it takes a second.
_LONGEST_WAIT = 60_000

#: A file over half of this is a large one. One import at a time needs one worker.
SETTINGS = {"IMPORTS_API_BYTES": "1000000", "IMPORTS_API_WORKERS": "1", "IMPORTS_FOUR_EYES": "true"}

_ALLOWED = "Access-Control-Allow-Origin"
_HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "pages.md"

Keys = Callable[..., str]


#: The kind of store of all tests, `local` or `s3`. Without it the journey runs on S3, uploads on both, and all others
#: on a folder; ``make soak`` runs the rest.
STORE = os.environ.get("PAGES_STORE")


@pytest.fixture(scope="session")
def api(workflow: ImportWorkflow, request: pytest.FixtureRequest) -> Iterator[Api]:
    """Yield a running API on the files and the database of ``workflow``."""
    if STORE == "s3":
        yield request.getfixturevalue("api_on_s3")
        return
    with serving(workflow.database.url, workflow.settings.home, SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def relay(api: Api) -> Iterator[Relay]:
    """Yield what stands between the pages and the API."""
    with Relay(api.url).running() as running:
        yield running


@pytest.fixture(scope="session")
def clock(workflow: ImportWorkflow) -> Path:
    """Return the file with the seconds by which the clock of the sessions is ahead."""
    return workflow.settings.home / "clock"


@pytest.fixture(scope="session")
def pages_url(api: Api, relay: Relay, workflow: ImportWorkflow, clock: Path) -> Iterator[str]:
    """Yield the address of the running pages."""
    settings = {**SETTINGS, "IMPORTS_PAGES_UPLOAD_ORIGINS": api.url, "IMPORTS_TEST_CLOCK": str(clock)}
    with serving_pages(relay.url, workflow.settings.home, settings) as url:
        yield url


@dataclass(frozen=True)
class Site:
    """Pages, the API that they use, and the origin to which browsers send large files."""

    url: str
    api: Api
    uploads: str


@pytest.fixture(scope="session")
def api_on_s3(workflow: ImportWorkflow, object_server: ObjectStore) -> Iterator[Api]:
    """Yield a running API whose files are on S3."""
    settings = {**SETTINGS, **object_server.environment, "STORE_URL": f"s3://{BUCKET}/pages"}
    with serving(workflow.database.url, workflow.settings.home, settings) as running:
        yield running


@pytest.fixture(scope="session")
def site_on_s3(api_on_s3: Api, object_server: ObjectStore, workflow: ImportWorkflow) -> Iterator[Site]:
    """Yield pages whose large files go from the browser to the bucket."""
    settings = {**SETTINGS, "IMPORTS_PAGES_UPLOAD_ORIGINS": object_server.endpoint}
    with serving_pages(api_on_s3.url, workflow.settings.home, settings) as url:
        allow_uploads(object_server, url)
        yield Site(url, api_on_s3, object_server.endpoint)


@pytest.fixture(params=[STORE] if STORE else ["local", "s3"])
def site(request: pytest.FixtureRequest) -> Site:
    """Return the pages with the files of imports in each kind of store."""
    if request.param == "s3":
        on_s3: Site = request.getfixturevalue("site_on_s3")
        return on_s3
    api = request.getfixturevalue("api")
    return Site(request.getfixturevalue("pages_url"), api, api.url)


def allow_uploads(store: ObjectStore, origin: str) -> None:
    """Put the CORS rule of the documentation into the bucket, for pages of this origin."""
    found = re.search(r"^cat > cors.json <<'END'\n(.*?)^END$", _HOW_TO.read_text(), re.S | re.M)
    assert found, "the page has the rule as an operator is to write it"
    rule: dict[str, Any] = json.loads(found[1].replace("https://pages.example.com", origin))
    store.client().call_s3("put_bucket_cors", Bucket=BUCKET, CORSConfiguration=rule)
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    end = time.monotonic() + _LONGEST_WAIT / 1000
    # Another process of the server may still have the rule before.
    while httpx.options(f"{store.endpoint}/{BUCKET}/any", headers=asked).headers.get(_ALLOWED) != origin:
        assert time.monotonic() < end, "the rule does not apply"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Yield a running browser. Its event loop would be in the way of other modules' tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser(), args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def key(api: Api, organization: str) -> Keys:
    """Return a function that makes a key of the test's organization; for everything unless scopes are named."""

    def make(*scopes: str, name: str = "Ann") -> str:
        with api.database.connect() as connection:
            _, text = api_keys.create(connection, organization, scopes or SCOPES, name=name)
        return text

    return make


@pytest.fixture
def somebody(chromium: Browser, pages_url: str) -> Iterator[Callable[..., Person]]:
    """Yield a function that returns a person at a browser of their own, who has not signed in."""
    expect.set_options(timeout=_LONGEST_WAIT)
    contexts = []

    def come(**options: object) -> Person:
        context = chromium.new_context(**{"timezone_id": "Asia/Kolkata", **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_LONGEST_WAIT)
        return Person(page, pages_url)

    yield come
    for context in contexts:
        context.close()
