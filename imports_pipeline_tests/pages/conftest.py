"""One API, one process of the pages and one browser for all tests of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from imports_pipeline.registry import api_keys
from imports_pipeline.registry.api_keys import SCOPES
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api, serving
from imports_pipeline_tests.dagster_pages.browsers import FLAGS, browser
from imports_pipeline_tests.pages.relay import Relay
from imports_pipeline_tests.pages.serving import Person, serving_pages

#: Milliseconds until something that does not appear is missing; on a quiet machine it takes a second.
_LONGEST_WAIT = 60_000

#: A file over half of this is a large one. One import at a time needs one worker.
SETTINGS = {"IMPORTS_API_BYTES": "1000000", "IMPORTS_API_WORKERS": "1"}

Keys = Callable[..., str]


@pytest.fixture(scope="session")
def api(workflow: ImportWorkflow) -> Iterator[Api]:
    """Yield a running API on the files and the database of ``workflow``."""
    with serving(workflow.database.url, workflow.settings.home, SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def relay(api: Api) -> Iterator[Relay]:
    """Yield what stands between the pages and the API."""
    with Relay(api.url).running() as running:
        yield running


@pytest.fixture(scope="session")
def pages_url(api: Api, relay: Relay, workflow: ImportWorkflow) -> Iterator[str]:
    """Yield the address of the running pages."""
    settings = {**SETTINGS, "IMPORTS_PAGES_UPLOAD_ORIGINS": api.url}
    with serving_pages(relay.url, workflow.settings.home, settings) as url:
        yield url


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
