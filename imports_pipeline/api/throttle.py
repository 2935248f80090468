"""Rate limits: a token bucket of requests for each API key, growing delays for wrong keys, and work at the same time.

The counts are in the memory of one process; several processes of the API count separately.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# The largest number of callers that are counted. The one that was seen longest ago is dropped.
_MAX_CALLERS: Final = 10_000
# Wrong keys from one address that are refused without a delay.
_UNDELAYED_FAILURES: Final = 3
# Wrong keys from one address after which the address is blocked.
_MAX_FAILURES: Final = 20
# The failures of an address are forgotten after this many seconds without another one.
_FORGET_SECONDS: Final = 60.0
_MAX_DELAY_SECONDS: Final = 2.0


class RateLimit:
    """A token bucket for each caller: ``a_minute`` requests, refilled evenly; 0 means no limit."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Set the limit, and the clock that returns seconds."""
        self._a_minute = a_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> int:
        """Count a request and return 0, or the seconds until the caller may send the next one."""
        if self._a_minute == 0:
            return 0
        now = self._clock()
        left, at = self._left.pop(caller, (float(self._a_minute), now))
        left = min(float(self._a_minute), left + (now - at) * self._a_minute / 60)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        _forget(self._left)
        return 0 if allowed else math.ceil((1 - left) * 60 / self._a_minute)


class FailedAttempts:
    """Wrong keys by address: the first are refused at once, later ones with a delay, then the address is blocked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Set the clock that returns seconds."""
        self._clock = clock
        self._counted: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay(self, address: str) -> float:
        """Return the seconds to wait before the next wrong key of this address is refused."""
        count = self._count(address)
        return (
            min(_MAX_DELAY_SECONDS, 0.1 * 2 ** (count - _UNDELAYED_FAILURES))
            if count > _UNDELAYED_FAILURES
            else 0.0
        )

    def blocked(self, address: str) -> int:
        """Return for how many seconds this address is blocked; 0 if it is not."""
        if self._count(address) < _MAX_FAILURES:
            return 0
        return math.ceil(_FORGET_SECONDS - (self._clock() - self._counted[address][1]))

    def note(self, address: str) -> None:
        """Count a wrong key of this address."""
        count = self._count(address) + 1
        self._counted.pop(address, None)
        self._counted[address] = (count, self._clock())
        _forget(self._counted)

    def _count(self, address: str) -> int:
        count, at = self._counted.get(address, (0, 0.0))
        return count if self._clock() - at < _FORGET_SECONDS else 0


class AtOnce:
    """Bounds the work that is done at the same time: in all, and for each organization, so that one leaves room."""

    def __init__(self, in_all: int, each: int) -> None:
        """Set the largest numbers."""
        self._in_all, self._each = in_all, each
        self._working: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, organization: str) -> Iterator[bool]:
        """Yield True if the work of the block may be done, or False if too much is under way."""
        with self._lock:
            may = self._working.total() < self._in_all and self._working[organization] < self._each
            self._working[organization] += may
        try:
            yield may
        finally:
            with self._lock:
                self._working[organization] -= may
                self._working = +self._working


def _forget(remembered: OrderedDict[str, tuple[int, float]] | OrderedDict[str, tuple[float, float]]) -> None:
    while len(remembered) > _MAX_CALLERS:
        remembered.popitem(last=False)
