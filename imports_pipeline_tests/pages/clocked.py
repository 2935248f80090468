"""The pages with a clock that a test can put forward: ``python -m imports_pipeline_tests.pages.clocked pages``.

The file that ``IMPORTS_TEST_CLOCK`` names holds the seconds by which the clock of sessions is ahead.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

from imports_pipeline import cli
from imports_pipeline.pages import app, sessions

_CLOCK = Path(os.environ["IMPORTS_TEST_CLOCK"])


def ahead() -> float:
    """Return the time of a clock that is ahead as the test has said."""
    # The file is empty for a moment while the test writes it.
    return time.monotonic() + float((_CLOCK.read_text() if _CLOCK.exists() else "") or 0)


if __name__ == "__main__":
    sessions.Sessions.__init__.__defaults__ = (ahead,)
    with patch.object(app, "_SWEEP_SECONDS", 0.5):
        cli.main()
