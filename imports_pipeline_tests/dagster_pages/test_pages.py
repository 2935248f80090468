"""A person launches an import in the Launchpad and finds what came of it, in a real browser.

With ``SCREENSHOTS=folder`` (``make screenshots``) it also makes the pictures of the documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import psycopg
import pytest
from playwright.sync_api import Locator, expect, sync_playwright

from imports_pipeline.database.server_url import database
from imports_pipeline_tests.dagster_pages.browsers import FLAGS, browser
from imports_pipeline_tests.dagster_pages.views import Pages
from imports_pipeline_tests.system import System, running
from imports_pipeline_tests.year import history as year_history
from imports_pipeline_tests.year.work import TEMPLATE

pytestmark = pytest.mark.browser

#: Milliseconds until something that does not appear is missing; on a quiet machine it takes seconds.
_PATIENCE = 180_000
#: Pixels of the Runs page above the first run.
_ABOVE_RUNS = 140
#: Of six rows three are good: one has a bad email, two the same id.
PEOPLE = (
    "Full Name,E-mail,External ID,Shoe size\nAnn Lee,ann@example.com,1,38\nBob Ray,bob@example.com,2,40\n"
    "Cid Fox,nonsense,3,41\nDan Poe,dan@example.com,4,42\nEve Orr,eve@example.com,4,43\n"
    "Fay Sun,fay@example.com,5,44\n"
)


SYNCS = """
syncs:
  - {name: nightly, resource: contact, source: /srv/people.csv, cron: "0 2 * * *", action: merge, expected_every: 26h}
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    browser()  # before anything is started for it
    home = tmp_path_factory.mktemp("pages")
    syncs = home / "syncs.yaml"
    syncs.write_text(SYNCS)
    with running(home, {"IMPORTS_SYNCS": str(syncs)}) as system:
        yield system


@pytest.fixture
def pages(system: System) -> Iterator[Pages]:
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=list(FLAGS))
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_PATIENCE)
        yield Pages(page, system.url)
        chromium.close()


def test_an_import_from_the_launchpad(system: System, pages: Pages) -> None:
    source = system.home / "people.csv"
    source.write_text(PEOPLE)
    pages.type_config(f"source: {source}\naction: merge\nmode: sync\nname: From the Launchpad\n")
    pages.picture("launchpad", 700)
    run_id = pages.launch()

    for path in (
        "/assets/contacts",
        "/assets/contact_batches",
        "/locations/imports_pipeline/jobs/process_contacts",
    ):
        pages.open_launchpad(path)
        expect(pages.page.get_by_text("Missing required config entry").first).to_be_visible()

    # Why was a row rejected? From the run by two clicks: a step, and its event.
    pages.run(run_id, "contact_batches.validation")
    expect(pages.page.get_by_text("it has no @").first).to_be_visible()
    pages.picture("run", 1000)

    pages.last_event("contacts")
    for name, value in (("rejected", "3 of 6 rows"), ("status", "completed with 3 rejected")):
        expect(pages.entry(name)).to_have_text(value)
    assert_inside(pages.page.get_by_text("it has no @").first)
    expect(pages.entry("errors_csv")).to_contain_text(str(system.home))
    expect(pages.page.get_by_text("duplicate_row").first).to_be_visible()
    pages.page.get_by_text("[Show Markdown]").first.click()
    funnel = pages.page.locator("img[src^='data:image/svg']")
    expect(funnel).to_be_visible()
    assert funnel.evaluate("picture => picture.complete && picture.naturalWidth > 0"), "it is drawn"
    pages.picture("funnel", 700)

    pages.checks("contact_batches")
    expect(pages.page.get_by_text("2 of 6 rows are duplicates")).to_be_visible()
    pages.execute_checks()
    pages.checks("syncs/nightly")
    expect(pages.page.get_by_text("An import has arrived in the last 26 h.")).to_be_visible()

    pages.runs()
    expect(pages.page.get_by_text(run_id[:8])).to_be_visible()
    for tag in ("file: people.csv", "org: default", "rejected: 3", "status: completed"):
        expect(pages.page.get_by_text(tag)).to_be_visible()
    assert pages.page.get_by_text("imports_").count() == 0, "other tags are hidden"
    if pages.pictures:
        more_pictures(system, pages)


def assert_inside(text: Locator) -> None:
    """Check that no part of a text is cut off by the pane that it is in."""
    expect(text).to_be_visible()
    hidden = """element => {
        const box = element.getBoundingClientRect();
        for (let pane = element.parentElement; pane; pane = pane.parentElement) {
            const outer = pane.getBoundingClientRect();
            if (getComputedStyle(pane).overflowX !== 'visible' && box.right > outer.right + 1) return true;
        }
        return box.right > innerWidth;
    }"""
    assert text.evaluate(hidden) is False


def test_pages_after_the_retention(system: System, pages: Pages) -> None:
    """Plots, checks and the list of runs still have the old imports. A run's own page has its tags."""
    for _ in range(2):
        assert "completed" in system.run(PEOPLE, "--action", "merge", "--mode", "sync")
    # The runs of commands are where those of the daemon are.
    pages.page.goto(f"{system.url}/locations/imports_pipeline/jobs/import_contacts/runs")
    expect(pages.page.get_by_text("status: completed").nth(1)).to_be_visible()
    rejected = pages.page.get_by_text(re.compile(r"^rejected: \d+$")).all()
    tops = [box["y"] for box in (one.bounding_box() for one in rejected) if box]
    assert max(after - before for before, after in pairwise(tops)) < (900 - _ABOVE_RUNS) / 6, (
        "room for six runs"
    )
    pages.page.goto(f"{system.url}/overview/activity/timeline")
    expect(pages.page.get_by_text("import_contacts").first).to_be_visible()
    # The number of its runs: these two, and those of the other test if it has run.
    expect(pages.page.get_by_text(re.compile("^[238]$")).first).to_be_visible()
    with database(system.home, {}) as url, psycopg.connect(url, autocommit=True) as connection:
        aged = connection.execute(
            "UPDATE dagster.runs SET create_timestamp = create_timestamp - interval '100 days',"
            " update_timestamp = update_timestamp - interval '100 days' RETURNING run_id, id"
        ).fetchall()
        old_run, _ = sorted(aged, key=lambda one: one[1])[-2]
        assert "events" in system.command("housekeeping")
        left = connection.execute(
            "SELECT count(*) FROM dagster.event_logs WHERE run_id = %s", (old_run,)
        ).fetchone()
    assert left == (2,), "its materializations"

    pages.plots("contacts")
    pages.last_event("contacts")
    # The newest event is selected. The one behind it in the list is that of the old run.
    pages.page.get_by_text(re.compile(r"\d:\d\d [AP]M$")).nth(1).click()
    expect(pages.page.get_by_role("link", name=old_run[:8])).to_be_visible()
    expect(pages.entry("rejected")).to_have_text("3 of 6 rows")
    pages.checks("contact_batches")
    expect(pages.page.get_by_text("2 of 6 rows are duplicates").first).to_be_visible()
    pages.page.get_by_text("Execution history", exact=True).click()
    expect(pages.page.locator(f"a[href*='{old_run}']").first).to_be_visible()
    pages.runs()
    expect(pages.page.get_by_text(old_run[:8]).first).to_be_visible()
    pages.page.goto(f"{system.url}/runs/{old_run}")
    expect(pages.page.get_by_text("ASSET_MATERIALIZATION", exact=True).first).to_be_visible()
    if pages.pictures:
        pictures_after_a_year(system, pages)


def pictures_after_a_year(system: System, pages: Pages) -> None:
    """Build a year of imports from a few real ones, let the housekeeping remove what is old, and look at the pages."""
    history(system, "--organization", TEMPLATE)
    with database(system.home, {}) as url, psycopg.connect(url, autocommit=True) as connection:
        templates = connection.execute(
            "SELECT id FROM imports WHERE organization_id = %s ORDER BY created_at", (TEMPLATE,)
        ).fetchall()
        year_history.build(
            connection, [import_id for (import_id,) in templates], imports=1000, organizations=200, days=365
        )
        year_history.add_ticks(connection, 95_000)
    assert "events" in system.command("housekeeping")
    pages.runs()
    pages.picture("year-runs", 700)
    pages.plots("contacts")
    pages.picture("year-contacts", 900)
    pages.checks("contact_batches")
    pages.page.get_by_text("Execution history", exact=True).click()
    pages.picture("year-checks", 900)
    pages.sensor("uploads")
    pages.picture("year-ticks", 700)


def more_pictures(system: System, pages: Pages) -> None:
    """Look at what pages show once there have been several imports."""
    history(system)
    pages.last_event("contacts")
    pages.picture("asset", 1250)
    pages.checks("contact_batches")
    pages.picture("checks", 950)
    pages.runs()
    pages.picture("runs", 850)


def history(system: System, *options: str) -> None:
    """Import the list of an organization that grows, for plots that have something to tell."""
    for number, (count, off, bad, same) in enumerate(
        ((300, 0, 6, 2), (340, 20, 3, 2), (380, 40, 25, 4), (420, 60, 2, 0), (450, 90, 9, 6))
    ):
        rows = [
            f"Person {k},{'nonsense' if k < off + bad else f'p{k}@example.com'},E-{max(k, off + bad + same)}"
            for k in range(off, off + count)
        ]
        content = "\n".join(["Full Name,E-mail,External ID", *rows, ""])
        printed = system.run(
            content, "--action", "overwrite", "--mode", "sync", "--max-deletions", "60", *options
        )
        assert "created" in printed, (number, printed)
