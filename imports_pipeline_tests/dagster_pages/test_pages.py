"""A person launches an import in the Launchpad and finds what came of it, in a real browser.

With ``SCREENSHOTS=folder`` (``make screenshots``) it also makes the pictures of the documents.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect, sync_playwright

from imports_pipeline_tests.dagster_pages.browsers import FLAGS, browser
from imports_pipeline_tests.dagster_pages.views import Pages
from imports_pipeline_tests.system import System, running

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages")]

#: Milliseconds until something that does not appear is missing; on a quiet machine it takes seconds.
_PATIENCE = 180_000
#: Of six rows three are good: one has a bad email, two the same id.
PEOPLE = (
    "Full Name,E-mail,External ID,Shoe size\nAnn Lee,ann@example.com,1,38\nBob Ray,bob@example.com,2,40\n"
    "Cid Fox,nonsense,3,41\nDan Poe,dan@example.com,4,42\nEve Orr,eve@example.com,4,43\n"
    "Fay Sun,fay@example.com,5,44\n"
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    browser()  # before anything is started for it
    with running(tmp_path_factory.mktemp("pages")) as system:
        yield system


@pytest.fixture
def pages(system: System) -> Iterator[Pages]:
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=list(FLAGS))
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(_PATIENCE)
        yield Pages(page, system.url)
        chromium.close()


def test_an_import_from_the_launchpad(system: System, pages: Pages) -> None:
    source = system.home / "people.csv"
    source.write_text(PEOPLE)
    pages.type_config(f"source: {source}\naction: merge\nmode: sync\nname: From the Launchpad\n")
    pages.picture("launchpad", 700)
    run_id = pages.launch()

    pages.last_event("contacts")
    for name, value in (
        ("dagster/row_count", "3"),
        ("imports/rows_total", "6"),
        ("imports/rows_rejected", "3"),
        ("imports/created", "3"),
        ("imports/overwritten", "0"),
    ):
        expect(pages.entry(name)).to_have_text(value)
    expect(pages.entry("errors_csv")).to_contain_text(str(system.home))
    expect(pages.page.get_by_text("duplicate_row").first).to_be_visible()
    pages.page.get_by_text("[Show Markdown]").first.click()
    funnel = pages.page.locator("img[src^='data:image/svg']")
    expect(funnel).to_be_visible()
    assert funnel.evaluate("picture => picture.complete && picture.naturalWidth > 0"), "it is drawn"
    pages.picture("funnel", 700)

    pages.checks("contact_batches")
    expect(pages.page.get_by_text("2 of 6 rows are duplicates")).to_be_visible()

    pages.runs()
    expect(pages.page.get_by_text("imports/source: ui")).to_be_visible()
    expect(pages.page.get_by_text(run_id[:8]).first).to_be_visible()
    if pages.pictures:
        more_pictures(system, pages, run_id)


def more_pictures(system: System, pages: Pages, run_id: str) -> None:
    """Look at what pages show once there have been several imports."""
    history(system)
    pages.run(run_id, "contact_batches.prevalidation")
    pages.picture("run", 1000)
    pages.last_event("contacts")
    pages.picture("asset", 1250)
    pages.plots("contacts")
    pages.picture("plots", 1400)
    pages.checks("contact_batches")
    pages.picture("checks", 950)
    pages.runs()
    pages.picture("runs", 850)


def history(system: System) -> None:
    """Import the list of an organization that grows, for plots that have something to tell."""
    for number, (count, off, bad, same) in enumerate(
        ((300, 0, 6, 2), (340, 20, 3, 2), (380, 40, 25, 4), (420, 60, 2, 0), (450, 90, 9, 6))
    ):
        rows = [
            f"Person {k},{'nonsense' if k < off + bad else f'p{k}@example.com'},E-{max(k, off + bad + same)}"
            for k in range(off, off + count)
        ]
        content = "\n".join(["Full Name,E-mail,External ID", *rows, ""])
        printed = system.run(content, "--action", "overwrite", "--mode", "sync", "--max-deletions", "60")
        assert "created" in printed, (number, printed)
