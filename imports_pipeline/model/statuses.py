"""The statuses of imports and batches, and the allowed transitions between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """The status of an import or a batch."""

    REQUESTED = "requested"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"


FINAL: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.TIMED_OUT, Status.EXPIRED})
OPEN: Final = frozenset(Status) - FINAL

#: Status → the statuses from which it may be reached. A final status is in no set, so it never changes.
REACHED_FROM: Final[dict[Status, frozenset[Status]]] = {
    Status.QUEUED: frozenset({Status.REQUESTED}),
    Status.PROCESSING: frozenset({Status.QUEUED}),
    Status.COMPLETED: frozenset({Status.REQUESTED, Status.QUEUED, Status.PROCESSING}),
    Status.FAILED: frozenset({Status.REQUESTED, Status.QUEUED, Status.PROCESSING}),
    Status.TIMED_OUT: frozenset({Status.REQUESTED, Status.QUEUED, Status.PROCESSING}),
    Status.EXPIRED: frozenset({Status.REQUESTED}),
}
