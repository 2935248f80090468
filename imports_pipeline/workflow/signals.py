"""SIGINT and SIGTERM while a command runs imports in its own process: the import ends as ``canceled``.

Dagster replaces the handlers of both signals while it executes a run. Its handlers raise an exception that psycopg
does not know, so a connection that waits for a statement would be left in the middle of it. While a phase runs,
``interruptible`` therefore installs the handlers of this module again. They raise ``KeyboardInterrupt``, for which
psycopg cancels the statement. Between phases a signal is only recorded, through the interpreter's wakeup file
descriptor, and ``signal_received`` returns it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOPPED_BY: Final = (signal.SIGINT, signal.SIGTERM)


class _State:
    """The first signal that asked this process to stop; ``reader`` is None while no command handles signals."""

    def __init__(self) -> None:
        self.reader: int | None = None
        self.first: int | None = None


_state = _State()


@contextmanager
def stoppable() -> Iterator[None]:
    """Handle the signals during the block: the first raises ``KeyboardInterrupt``, and later ones do nothing.

    Python delivers signals only to the main thread. In any other thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread() or _state.reader is not None:
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    _state.reader, _state.first = reader, None
    before = {number: signal.signal(number, _stop) for number in STOPPED_BY}
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        _state.reader = None
        os.close(reader)
        os.close(writer)


def signal_received() -> int | None:
    """Return the number of the signal that asked this process to stop, or None if there was none."""
    if _state.reader is None:
        return None
    try:
        came = os.read(_state.reader, 64)
    except BlockingIOError:
        came = b""
    for number in came:
        if _state.first is None and number in STOPPED_BY:
            _state.first = number
    return _state.first


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the signals raise ``KeyboardInterrupt`` in the block, in place of Dagster's own handlers."""
    if _state.reader is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in STOPPED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Raise ``KeyboardInterrupt`` for the first signal only: a second one must not interrupt the clean-up."""
    if _state.first is None:
        _state.first = number
        raise KeyboardInterrupt
