"""How long a person waits at the pages: from the click on Send to the plan, and in the grid of Mend.

The benchmark serves the API and the pages on the embedded PostgreSQL in a temporary folder, and measures in Chromium
with everything warm. Environment variables: `BENCH_PAGES_ROWS` (rows of the files, `1000,100000`), `BENCH_BAD_ROWS`
(rows of Mend, 20,000).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from imports_pipeline.database.migrations import migrate
from imports_pipeline.database.server_url import database
from imports_pipeline.registry import api_keys
from imports_pipeline_tests.api.serving import serving
from imports_pipeline_tests.dagster_pages.browsers import FLAGS, browser
from imports_pipeline_tests.pages.serving import Person, serving_pages

ROWS = [int(count) for count in os.environ.get("BENCH_PAGES_ROWS", "1000,100000").split(",")]
BAD_ROWS = int(os.environ.get("BENCH_BAD_ROWS", "20000"))
_LONGEST_MS = 300_000
# The longest time between two frames while the grid is scrolled to its end in steps, in milliseconds.
_SCROLL = """async () => {
    const view = document.querySelector('.ag-body-viewport');
    let longest = 0, last = performance.now();
    for (let step = 1; step <= 60; step++) {
        view.scrollTop = (view.scrollHeight - view.clientHeight) * step / 60;
        await new Promise(requestAnimationFrame);
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
    }
    return longest;
}"""


def people(count: int, bad: int = 0) -> bytes:
    """Return a CSV file with this many rows, of which the last ones have no valid email."""
    rows = [f"{n},Person {n},{'nowhere' if n >= count - bad else f'p{n}@example.com'}" for n in range(count)]
    return "\n".join(["external_id,name,email", *rows, ""]).encode()


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), {}) as url:
        migrate(url)
        with serving(url, Path(folder), {"IMPORTS_API_RATE": "0"}) as api:
            with api.database.connect() as connection:
                _, key = api_keys.create(connection, "bench", api_keys.SCOPES)
            with serving_pages(api.url, Path(folder)) as address, sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser(), args=list(FLAGS))
                page = chromium.new_page()
                page.set_default_timeout(_LONGEST_MS)
                expect.set_options(timeout=_LONGEST_MS)
                _measure(page, address, key)
                chromium.close()


def _measure(page: Page, address: str, key: str) -> None:
    person = Person(page, address)
    person.sign_in(key)
    for _ in range(2):  # by both workers of the API
        person.send("warm.csv", people(1000))
        person.sees("will be created")
    for count in ROWS:
        content = people(count)
        person.open("/send")
        page.wait_for_function("window.did_handshake")
        print_seconds(
            f"Send of {count:,} rows until the plan", lambda content=content: _send(person, content)
        )
    person.send("bad.csv", people(BAD_ROWS + 1, BAD_ROWS))
    person.sees("left out")
    address = f"/imports/{person.import_id()}/mend"
    print_seconds(f"Mend with {BAD_ROWS:,} rows until the first one", lambda: _open_grid(person, address))
    print(f"{'  longest frame while scrolling to the end':<50}{page.evaluate(_SCROLL) / 1000:>8.2f} s")
    print_seconds("  a corrected cell until it is saved", lambda: _correct(person))


def print_seconds(what: str, call: Callable[[], None]) -> None:
    """Print how long a call takes."""
    begun = time.perf_counter()
    call()
    print(f"{what:<50}{time.perf_counter() - begun:>8.2f} s")


def _send(person: Person, content: bytes) -> None:
    person.send_here("people.csv", content)
    person.sees("will be created")


def _open_grid(person: Person, path: str) -> None:
    person.open(path)
    expect(person.page.locator('.ag-row [col-id="c2"]').first).to_be_visible()


def _correct(person: Person) -> None:
    person.page.locator('.ag-row [col-id="c2"]').last.dblclick()
    expect(person.page.locator(".ag-cell-inline-editing input")).to_be_visible()
    person.page.keyboard.press("Control+A")
    person.page.keyboard.type("a@example.com")
    person.page.keyboard.press("Enter")
    person.sees("1 corrected row so far.")


if __name__ == "__main__":
    main()
