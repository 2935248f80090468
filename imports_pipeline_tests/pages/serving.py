"""A running process of the pages, and a person at a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from imports_pipeline_tests.api.serving import free_port

_COMMAND: Final = (sys.executable, "-m", "imports_pipeline_tests.pages.clocked")
_ROOT: Final = Path(__file__).parents[2]
_START_SECONDS: Final = 120
_SENT: Final = """() => location.pathname.includes('/imports/imp_')
    || (document.getElementById('doing')?.textContent ?? '').startsWith('Problem')"""


@contextmanager
def serving_pages(api_url: str, home: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve the pages for the block and yield their address; check that no exception was logged."""
    port = free_port()
    log = home / f"pages-{port}.log"
    environment = {**os.environ, "IMPORTS_API_URL": api_url, "PYTHONPATH": str(_ROOT), **(settings or {})}
    environment.setdefault("IMPORTS_TEST_CLOCK", str(home / f"clock-{port}"))
    # NiceGUI would take a process of pytest for one of its own tests.
    environment.pop("PYTEST_CURRENT_TEST", None)
    with log.open("w") as output:
        process = subprocess.Popen(
            [*_COMMAND, "pages", "--port", str(port)], env=environment, cwd=home, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + _START_SECONDS
        while not _answers(url):
            assert process.poll() is None, log.read_text()[-5000:]
            assert time.monotonic() < end, log.read_text()[-5000:]
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(60)
    text = log.read_text()
    assert "Traceback" not in text, text


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Person:
    """Somebody at a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, key: str) -> None:
        """Sign in with a key and wait for the first screen."""
        self.open("/sign-in")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def open(self, path: str) -> None:
        """Open a page of the pages."""
        self.page.goto(self.url + path)

    def field(self, label: str) -> Locator:
        """Return a field of a page that is connected to its process: until then the page may still replace it."""
        self.page.wait_for_function("window.did_handshake")
        return self.page.get_by_label(label)

    def click(self, name: str) -> None:
        """Click a button of a page that is connected to its process."""
        self.page.wait_for_function("window.did_handshake")
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow a link."""
        self.page.get_by_role("link", name=name, exact=True).click()

    def send(self, name: str, content: bytes, action: str = "Add and update") -> None:
        """Send a file and wait for the page of its import."""
        self.open("/send")
        self.page.wait_for_function("window.did_handshake")
        self.page.get_by_role("radio", name=re.compile(f"^{action}")).check()
        self.send_here(name, content)

    def send_here(self, name: str, content: bytes) -> None:
        """Send a file from the open page Send, and wait for the page of its import."""
        self.page.wait_for_function("window.did_handshake")
        self.page.locator("#file").set_input_files(
            [{"name": name, "mimeType": "application/octet-stream", "buffer": content}]
        )
        self.page.get_by_role("button", name="Check the file").click()
        self.page.wait_for_function(_SENT)
        assert "/imports/" in self.page.url, self.page.locator("#doing").text_content()

    def sees(self, *texts: str) -> Locator:
        """Wait until one of the texts is on the page."""
        found = self.page.get_by_text(re.compile("|".join(map(re.escape, texts)))).first
        expect(found).to_be_visible()
        return found

    def can_be_used_by_all(self) -> None:
        """Check that axe finds nothing serious on the page, and that it is no wider than a narrow screen."""
        found = Axe().run(self.page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]
        size = self.page.viewport_size
        assert size is not None
        self.page.set_viewport_size({"width": 390, "height": 900})
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 390, self.page.url
        self.page.set_viewport_size(size)

    def picture(self, name: str, height: int = 700) -> None:
        """Leave a picture of the page in the folder ``SCREENSHOTS``, if there is one."""
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            self.page.set_viewport_size({"width": 1000, "height": height})
            self.page.screenshot(path=Path(folder) / f"pages-{name}.png", animations="disabled")

    def import_id(self) -> str:
        """Return the id in the address of the page."""
        return self.page.url.split("/imports/")[1].split("/")[0].split("?")[0]
