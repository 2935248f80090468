"""Waits for a file store that does not answer: servers restart, and networks have gaps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from imports_pipeline.storage.files import StoreUnreachable

T = TypeVar("T")

#: For so long, and with such pauses, beside what a request itself waits and repeats.
_SECONDS: Final = 60.0
_PAUSE: Final = 2.0
_log = logging.getLogger(__name__)


def patiently(work: Callable[[], T]) -> T:
    """Do work that may be repeated; while the store does not answer, wait, and do it again for up to a minute.

    For runs only: who asks for a page would rather hear that the store is away.
    """
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return work()
        except StoreUnreachable as error:
            if time.monotonic() + _PAUSE > end:
                raise
            _log.warning("%s Waiting for it.", error)
        time.sleep(_PAUSE)
