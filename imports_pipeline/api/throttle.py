"""How often a caller may ask: a bucket of requests for each key, and ever slower answers to wrong keys.

Kept in this process's memory: several processes of the API each count for themselves.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: The most callers that are remembered; the one that was seen longest ago is forgotten.
_REMEMBERED: Final = 10_000
_FREE_FAILURES: Final = 3
_MOST_FAILURES: Final = 20
_FORGIVEN_SECONDS: Final = 60.0
_LONGEST_DELAY: Final = 2.0


class Rate:
    """At most ``a_minute`` requests of each caller, evenly refilled; 0 is without a limit."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Count by this clock, in seconds."""
        self._a_minute = a_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> int:
        """Count a request; give 0, or after how many seconds the caller may ask again."""
        if self._a_minute == 0:
            return 0
        now = self._clock()
        left, at = self._left.pop(caller, (float(self._a_minute), now))
        left = min(float(self._a_minute), left + (now - at) * self._a_minute / 60)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        _forget(self._left)
        return 0 if allowed else math.ceil((1 - left) * 60 / self._a_minute)


class Failures:
    """Wrong keys by address: the first are refused at once, then ever later, then with a pause of a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count by this clock, in seconds."""
        self._clock = clock
        self._counted: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay(self, address: str) -> float:
        """Return the seconds to wait before this address's next wrong key is refused."""
        count = self._count(address)
        return min(_LONGEST_DELAY, 0.1 * 2 ** (count - _FREE_FAILURES)) if count > _FREE_FAILURES else 0.0

    def blocked(self, address: str) -> int:
        """Return for how many seconds this address is to pause; 0 is not at all."""
        if self._count(address) < _MOST_FAILURES:
            return 0
        return math.ceil(_FORGIVEN_SECONDS - (self._clock() - self._counted[address][1]))

    def note(self, address: str) -> None:
        """Count a wrong key."""
        count = self._count(address) + 1
        self._counted.pop(address, None)
        self._counted[address] = (count, self._clock())
        _forget(self._counted)

    def _count(self, address: str) -> int:
        count, at = self._counted.get(address, (0, 0.0))
        return count if self._clock() - at < _FORGIVEN_SECONDS else 0


def _forget(remembered: OrderedDict[str, tuple[int, float]] | OrderedDict[str, tuple[float, float]]) -> None:
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
