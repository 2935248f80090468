"""Retries work while the file store does not answer, and limits the time of its requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from imports_pipeline.filestore.stores import StoreUnreachable

T = TypeVar("T")

# Seconds of retries and of the pause between two, in addition to the retries of a single request.
_SECONDS: Final = 60.0
_PAUSE: Final = 2.0
# A function that returns the seconds that a request may take; ``None`` without a deadline.
_left: ContextVar[Callable[[], float] | None] = ContextVar("left", default=None)
_log = logging.getLogger(__name__)


def retry_unreachable(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, and repeat it for up to a minute while the store does not answer.

    This is for runs only: a person who requests a page should get the error at once.

    Raises:
        StoreUnreachable: the store does not answer within that minute, or within the time of ``store_deadline``.
    """
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return work()
        except StoreUnreachable as error:
            left = seconds_left()
            if time.monotonic() + _PAUSE > end or (left is not None and left <= 0):
                raise
            _log.warning("%s Retrying.", error)
        time.sleep(_PAUSE if left is None else max(0.0, min(_PAUSE, left)))


@contextmanager
def store_deadline(left: Callable[[], float]) -> Iterator[None]:
    """Limit the time of requests to the store in the block; ``left`` returns the seconds that remain.

    The limit applies to a thread that the block starts only if the thread runs in the block's context
    (``contextvars.copy_context``).
    """
    token = _left.set(left)
    try:
        yield
    finally:
        _left.reset(token)


def store_timeout(seconds: float) -> AbstractContextManager[None]:
    """Limit the time of all requests to the store in the block together, in seconds."""
    end = time.monotonic() + seconds
    return store_deadline(lambda: end - time.monotonic())


def seconds_left() -> float | None:
    """Return the seconds that a request to the store may take now, or ``None`` if there is no limit."""
    left = _left.get()
    return None if left is None else left()
