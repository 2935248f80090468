"""Loads Dagster and pandas without Python's collector, which would walk all of their modules again and again.

Loading makes a million objects that stay, and the collector looks at them each time their number has grown by a
quarter: a fourth of the time from a command's start to its first import.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Hold the collector for the block; what was loaded in it is never looked at."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
