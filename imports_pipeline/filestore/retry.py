"""Waits for a file store that does not answer: servers restart, and networks have gaps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from imports_pipeline.filestore.stores import StoreUnreachable

T = TypeVar("T")

#: For so long, and with such pauses, beside what a request itself waits and repeats.
_SECONDS: Final = 60.0
_PAUSE: Final = 2.0
#: Returns the seconds that a request to the store may take, where the work that makes it has a deadline.
_left: ContextVar[Callable[[], float] | None] = ContextVar("left", default=None)
_log = logging.getLogger(__name__)


def patiently(work: Callable[[], T]) -> T:
    """Do work that may be repeated; while the store does not answer, wait, and do it again for up to a minute.

    For runs only: who asks for a page would rather hear that the store is away. Raises ``StoreUnreachable`` after
    that minute, or when what ``bounded`` allows is used up.
    """
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return work()
        except StoreUnreachable as error:
            left = seconds_left()
            if time.monotonic() + _PAUSE > end or (left is not None and left <= 0):
                raise
            _log.warning("%s Waiting for it.", error)
        time.sleep(_PAUSE if left is None else max(0.0, min(_PAUSE, left)))


@contextmanager
def bounded(left: Callable[[], float]) -> Iterator[None]:
    """Bound what requests to the store may take in the block; ``left`` returns the seconds that remain.

    Threads that the block starts are bound only if they are given its context (``contextvars.copy_context``).
    """
    token = _left.set(left)
    try:
        yield
    finally:
        _left.reset(token)


def bounded_by(seconds: float) -> AbstractContextManager[None]:
    """Bound what requests to the store may take in the block, by so many seconds for all of them together."""
    end = time.monotonic() + seconds
    return bounded(lambda: end - time.monotonic())


def seconds_left() -> float | None:
    """Return the seconds that a request to the store may take now; ``None`` where nothing bounds it."""
    left = _left.get()
    return None if left is None else left()
