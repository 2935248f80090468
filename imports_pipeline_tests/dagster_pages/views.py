"""Dagster's pages that imports are seen on: how to come to each, and when it is all there."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect


class Pages:
    """A browser on one system; takes pictures if ``SCREENSHOTS`` names a folder for them."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        folder = os.environ.get("SCREENSHOTS")
        self.pictures = Path(folder) if folder else None

    def open_launchpad(self, path: str) -> None:
        """Press *Materialize* on a page of a job or an asset, and wait for the Launchpad that it opens."""
        self.page.goto(self.url + path)
        self.page.get_by_role("button").filter(has_text=re.compile("^Materialize")).first.click()
        # An asset whose upstream asset is not materialized yet asks for a confirmation first.
        confirm = self.page.get_by_role("button", name="Confirm")
        launchpad = self.page.get_by_text("Launchpad (configure assets)")
        expect(confirm.or_(launchpad)).to_be_visible()
        if confirm.is_visible():
            confirm.click()
        expect(launchpad).to_be_visible()

    def type_config(self, config: str) -> None:
        """Open the Launchpad of ``import_contacts`` and put this config there."""
        self.open_launchpad("/locations/imports_pipeline/jobs/import_contacts")
        expect(self.page.get_by_text('Missing required config entry "source"')).to_be_visible()
        self.page.locator(".bp5-portal .CodeMirror").last.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(config)
        expect(self.page.get_by_text("No errors", exact=True)).to_be_visible()

    def launch(self) -> str:
        """Launch what is in the Launchpad and wait for its success; give the run's id."""
        self.page.get_by_role("button", name="Materialize").last.click()
        self.page.wait_for_url("**/runs/*")
        expect(self.page.get_by_text("RUN_SUCCESS", exact=True)).to_be_visible()
        return self.page.url.rpartition("/")[2]

    def run(self, run_id: str, step: str) -> None:
        """Open a run at what one step wrote."""
        self.page.goto(f"{self.url}/runs/{run_id}?focusedTime=&logs=step:{step}&hideNonMatches=true")
        self.page.get_by_text("View full message").first.click()
        expect(self.page.get_by_text("rejections", exact=True).first).to_be_visible()

    def plots(self, name: str) -> None:
        """Open the plots of an asset's numbers."""
        self.page.goto(f"{self.url}/assets/{name}")
        for button in ("Columns", "Plots"):  # the one closes, the other opens
            self.page.get_by_role("button").filter(has_text=re.compile(f"^{button}$")).click()
        expect(self.page.locator("canvas").first).to_be_visible()

    def last_event(self, name: str) -> None:
        """Open an asset's newest materialization."""
        self.page.goto(f"{self.url}/assets/{name}?view=events")
        expect(self.page.get_by_text("dagster/row_count", exact=True).first).to_be_visible()

    def entry(self, name: str) -> Locator:
        """Return the value beside a metadata key of the page."""
        row = self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=name, exact=True))
        return row.get_by_role("cell").nth(1)

    def checks(self, name: str) -> None:
        """Open an asset's checks."""
        self.page.goto(f"{self.url}/assets/{name}?view=checks")
        expect(self.page.get_by_text("Latest execution")).to_be_visible()

    def sensor(self, name: str) -> None:
        """Open the ticks of a sensor."""
        self.page.goto(f"{self.url}/locations/imports_pipeline/sensors/{name}")
        expect(self.page.get_by_text("Skipped").first).to_be_visible()

    def execute_checks(self) -> None:
        """Execute all checks of the asset whose checks are open, and wait for the success of the run."""
        self.page.get_by_role("button").filter(has_text="Execute all").click()
        launched = self.page.get_by_text(re.compile(r"Launched run \w+")).first
        short_id = (launched.text_content() or "").split()[2][:8]
        self.page.goto(f"{self.url}/runs")
        self.page.get_by_role("link", name=short_id).click()
        expect(self.page.get_by_text("RUN_SUCCESS", exact=True)).to_be_visible()

    def runs(self) -> None:
        """Open the list of runs."""
        self.page.goto(f"{self.url}/runs")
        expect(self.page.get_by_text("status: completed").first).to_be_visible()

    def picture(self, name: str, height: int = 900) -> None:
        """Leave a picture of what is seen now."""
        if self.pictures is None:
            return
        self.page.set_viewport_size({"width": 1440, "height": height})
        # Charts and tables are drawn with a movement.
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")
