"""Progress of an import on a terminal: the phase, the rows that are done of all rows, the rate, and the step."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from imports_pipeline.model import progress as reported
from imports_pipeline.model.progress import Activity

_EVERY_SECONDS: Final = 0.2
# A rate over a shorter time says nothing.
_SHORTEST_SECONDS: Final = 1.0


@contextmanager
def progress(label: str = "") -> Iterator[None]:
    """Show on standard error what this process is doing during the block, if that is a terminal.

    Args:
        label: Which of several imports it is, in words.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    reported.begin(step="starting Dagster")
    ended = threading.Event()
    # Dagster sends the standard error of a step to a file. A descriptor of our own stays the terminal's.
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal,
        (console := Console(file=terminal)).status(Text(label)) as status,
    ):

        def follow() -> None:
            while True:
                parts = (label, described(reported.current(), time.monotonic()))
                line = Text("  ".join(part for part in parts if part))
                # One line, with room for the spinner.
                line.truncate(console.width - 3, overflow="ellipsis")
                status.update(line)
                if ended.wait(_EVERY_SECONDS):
                    return

        follower = threading.Thread(target=follow, name="progress", daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()


def described(activity: Activity, now: float) -> str:
    """Return an activity as one line.

    Args:
        activity: The activity.
        now: The time by ``time.monotonic``.

    Example:
        >>> described(Activity("transforming", 4_000, 1_000, began=0.0), 2.0)
        'transforming  1,000 of 4,000 rows (25 %)  500 rows/s  2 s'
    """
    seconds = now - activity.began
    parts = [activity.phase]
    if activity.rows is not None and activity.total:
        share = activity.rows / activity.total
        parts.append(f"{activity.rows:,} of {activity.total:,} rows ({share:.0%})".replace("%", " %"))
    elif activity.rows is not None:
        parts.append(f"{activity.rows:,} rows")
    elif activity.total is not None:
        parts.append(f"{activity.total:,} rows")
    if activity.rows and seconds >= _SHORTEST_SECONDS:
        parts.append(f"{activity.rows / seconds:,.0f} rows/s")
    if activity.step:
        parts.append(activity.step)
    if activity.phase:
        parts.append(f"{seconds:,.0f} s")
    return "  ".join(part for part in parts if part)
