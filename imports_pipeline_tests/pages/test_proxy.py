"""The pages below a path of a proxy, with the files of imports on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline_tests.api.serving import Api
from imports_pipeline_tests.object_store import BUCKET, ObjectStore
from imports_pipeline_tests.pages.conftest import SETTINGS, Keys
from imports_pipeline_tests.pages.relay import PrefixProxy
from imports_pipeline_tests.pages.serving import Person, serving_pages
from imports_pipeline_tests.pages.test_send import PEOPLE, imports_of

LARGE = b"name,email\n" + b"Ann,ann@example.com\n" * 40_000

pytestmark = pytest.mark.browser


@pytest.fixture
def proxied(api_on_s3: Api, workflow: ImportWorkflow) -> Iterator[str]:
    """Yield the address of the pages, below the path of a proxy."""
    with (
        serving_pages(api_on_s3.url, workflow.settings.home, SETTINGS) as url,
        PrefixProxy(url).running() as proxy,
    ):
        yield proxy.url + proxy.PREFIX


def test_a_file_is_imported_below_a_path(
    somebody: Callable[..., Person],
    key: Keys,
    api_on_s3: Api,
    proxied: str,
    object_server: ObjectStore,
) -> None:
    ann, text = somebody(), key()
    ann.url = proxied
    asked: list[str] = []
    ann.page.on("request", lambda one: asked.append(one.url))
    ann.sign_in(text)
    ann.follow("Imports")
    ann.send("people.csv", PEOPLE)
    ann.sees("2 will be created, 1 left out.")
    ann.follow("Mend 1 row")
    ann.sees("nonsense")
    ann.page.go_back()
    ann.click("Import now")
    ann.sees("2 created, 1 left out.")
    # The browser may not connect to the object store, so the file passes through the pages.
    ann.send("large.csv", LARGE)
    # Dagster's daemon would find it now.
    ann.sees("The import waits for its file.")
    stored = object_server.client().find(f"{BUCKET}/pages", detail=True).values()
    assert [one["name"] for one in stored if one["size"] == len(LARGE)]
    ann.click("Cancel the import")
    ann.sees("canceled, nothing was changed")
    assert [url for url in asked if not url.startswith((f"{proxied}/", "data:", "blob:"))] == []
    ann.open(f"/imports/{imports_of(api_on_s3, text)[1]['id']}")
    with ann.page.expect_download() as download:
        ann.follow("Rows left out, as CSV")
    assert "nonsense" in download.value.path().read_text()
    ann.page.get_by_role("button", name="Sign out").click()
    ann.page.wait_for_url(f"{proxied}/sign-in?why=out")
    assert not ann.complaints
