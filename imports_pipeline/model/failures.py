"""Why an import ends without its result: faults of the data, time-outs, and what may be tried again.

Three classes, and each has one answer. A ``PermanentFailure`` is a fault of the data or of the request:
trying again gives the same, so nothing ever retries it. ``TimedOut`` is the import's own ``timeout``.
Everything else (a lost connection, a full disk) is a fault of the machine and may be retried.
"""

from __future__ import annotations


class PermanentFailure(Exception):
    """The import cannot succeed as it is; ``reason`` says in one sentence what to do, ``code`` is stable."""

    def __init__(self, code: str, reason: str) -> None:
        """Keep the stable ``code`` and the sentence for the user."""
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TimedOut(Exception):
    """The import took longer than its ``timeout``; nothing of its write remains."""

    def __init__(self, reason: str) -> None:
        """Keep the sentence for the user."""
        super().__init__(reason)
        self.reason = reason


class ImportHasEnded(Exception):
    """A phase was asked for of an import whose final status is written already."""
