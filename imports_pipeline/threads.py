"""Threads that work ahead of a loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def mapped(function: Callable[[T], R], items: Iterable[T], threads: int, name: str) -> Generator[R]:
    """Yield the result of a function for each item, in order, and call it for the next items meanwhile.

    It pays for functions that leave most of their work to Arrow, which lets other threads run. When it is closed, no
    call is under way any more, and ``items`` is closed too if it is a generator.

    Args:
        function: called in threads, so it must not change what it shares.
        items: read in the caller's thread.
        threads: the number of calls at the same time.
        name: the beginning of the threads' names.
    """
    coming: deque[Future[R]] = deque()
    try:
        with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
            for item in items:
                # The deadline of requests to the file store is in the caller's context, and must hold in the thread.
                coming.append(pool.submit(copy_context().run, function, item))
                if len(coming) > threads:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
    finally:
        if isinstance(items, Generator):
            items.close()
