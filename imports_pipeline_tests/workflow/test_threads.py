"""Calls that work ahead of a loop: in order, at the same time, and over when the loop is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from contextvars import ContextVar
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from imports_pipeline.threads import mapped

SECONDS = 30


def test_calls_run_at_the_same_time_and_their_results_are_in_order() -> None:
    second = Event()

    def work(item: int) -> int:
        if item == 1:
            assert second.wait(SECONDS), "the second call has not begun"
        second.set()
        return item * 10

    assert list(mapped(work, [1, 2, 3], 2, "test")) == [10, 20, 30]


def test_an_error_is_raised_in_its_place_and_the_items_are_closed() -> None:
    closed, found = [], []

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    results = mapped(lambda item: 6 // (2 - item), items(), 2, "test")
    with pytest.raises(ZeroDivisionError), closing(results):
        found += results
    assert (found, closed) == ([3, 6], [True])


def test_a_loop_that_ends_early_leaves_no_thread() -> None:
    with closing(mapped(str, iter(range(100)), 2, "early")) as results:
        assert next(results) == "0"
        assert any(one.name.startswith("early") for one in enumerate_threads())
    assert not any(one.name.startswith("early") for one in enumerate_threads())


def test_calls_see_the_context_of_the_loop() -> None:
    deadline = ContextVar("deadline", default=0)
    deadline.set(7)
    assert list(mapped(lambda _: deadline.get(), [1, 2], 1, "test")) == [7, 7]
