"""Large files: from the browser to the store directly, and through the pages where the store refuses the browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imports_pipeline_tests.object_store import ObjectStore
from imports_pipeline_tests.pages.conftest import Keys, Site, allow_uploads
from imports_pipeline_tests.pages.serving import Person
from imports_pipeline_tests.pages.test_send import imports_of

pytestmark = pytest.mark.browser

LARGE = b"name,email\n" + b"Ann,ann@example.com\n" * 40_000

#: What Send says is kept beyond the page, which is left when the file has arrived.
_REMEMBER_WHAT_IS_SAID = """() => {
    const it = document.getElementById('doing');
    const keep = () => { sessionStorage.said = (sessionStorage.said ?? '') + it.textContent; };
    new MutationObserver(keep).observe(it, {childList: true});
}"""


def puts_of(person: Person) -> list[str]:
    """Return a list to which the address of each PUT that the browser sends is added."""
    sent: list[str] = []
    person.page.on("request", lambda one: sent.append(one.url) if one.method == "PUT" else None)
    return sent


def test_a_large_file_goes_to_the_store(somebody: Callable[..., Person], key: Keys, site: Site) -> None:
    dan, text = somebody(), key()
    dan.url = site.url
    dan.sign_in(text)
    puts = puts_of(dan)
    dan.send("large.csv", LARGE)
    # Dagster's daemon would begin now.
    dan.sees("Reading and checking the file …", "The import waits for its file.")
    dan.can_be_used_by_all()
    assert [one.startswith(f"{site.uploads}/") for one in puts] == [True]
    dan.page.reload()
    dan.sees("Reading and checking the file …", "The import waits for its file.")
    dan.click("Cancel the import")
    dan.sees("canceled, nothing was changed")
    assert len(imports_of(site.api, text)) == 1
    assert not dan.complaints


def test_a_store_that_refuses_the_browser(
    somebody: Callable[..., Person], key: Keys, site_on_s3: Site, object_server: ObjectStore
) -> None:
    eve, text = somebody(), key()
    eve.url = site_on_s3.url
    eve.sign_in(text)
    puts = puts_of(eve)
    eve.page.evaluate(_REMEMBER_WHAT_IS_SAID)
    allow_uploads(object_server, "https://elsewhere.example")
    try:
        eve.page.locator("#file").set_input_files(
            [{"name": "large.csv", "mimeType": "text/csv", "buffer": LARGE}]
        )
        eve.click("Check the file")
        eve.page.wait_for_url("**/imports/imp_*")
    finally:
        allow_uploads(object_server, site_on_s3.url)
    said = eve.page.evaluate("sessionStorage.said")
    assert "The file store did not take the file from this page directly" in said
    direct, through = puts
    assert direct.startswith(f"{object_server.endpoint}/")
    assert through == f"{site_on_s3.url}/send/large/{eve.import_id()}?refused=0"
    stored = object_server.client().find("imports/pages/incoming", detail=True).values()
    assert [one["size"] for one in stored if one["name"].endswith(eve.import_id())] == [len(LARGE)]
    assert len(imports_of(site_on_s3.api, text)) == 1
