"""Exceptions that end an import without a result, and what may be retried.

There are three classes of failure:

* ``PermanentFailure``: an error in the data or the request. A retry would fail in the same way, so nothing retries it.
* ``TimedOut``: the import took longer than its ``timeout``.
* Everything else (a lost connection, a full disk) is a fault of the machine and may be retried.
"""

from __future__ import annotations


class PermanentFailure(Exception):
    """The import cannot succeed as it is. ``reason`` is one sentence that says what to do; ``code`` is stable."""

    def __init__(self, code: str, reason: str) -> None:
        """Keep the stable ``code`` and the sentence for the user."""
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TimedOut(Exception):
    """The import took longer than its ``timeout``. Its write was rolled back."""

    def __init__(self, reason: str) -> None:
        """Keep the sentence for the user."""
        super().__init__(reason)
        self.reason = reason


class ImportHasEnded(Exception):
    """A phase was started for an import that already has a final status."""
