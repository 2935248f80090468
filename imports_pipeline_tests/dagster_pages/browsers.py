"""The browser of the tests: Debian's Chromium, and how it is started."""

from __future__ import annotations

import os
import shutil
from typing import Final

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
# Containers run as root and have neither a sandbox nor a GPU; the browser fetches nothing but what pages request.
FLAGS: Final = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def browser() -> str:
    """Find Chromium; without one the tests of pages fail, for a page that nobody looked at is no tested page."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise FileNotFoundError(
            "The tests of pages need Chromium and there is none: `apt-get install chromium`, or name one by"
            " CHROMIUM=/path/to/it, or leave these tests out by `make test PYTEST_ARGS='-m \"not browser\"'`."
        )
    return found
