"""Memory that the C library keeps for itself, given back while a large file goes through.

What numpy frees stays in glibc's arenas, in pieces that the next batch does not fit: some hundred megabytes after ten
million rows.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Final, TypeVar

T = TypeVar("T")

#: malloc_trim(3) of glibc; other C libraries have none, and keep less.
_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
#: Batches of tens of thousands of rows between two times: often enough, and no noticeable work.
_BATCHES: Final = 32


def releasing_memory(batches: Iterator[T]) -> Iterator[T]:
    """Yield the same batches; after every few of them, and after the last of many, what is free goes to the system."""
    number = 0
    for number, batch in enumerate(batches, 1):
        yield batch
        if number % _BATCHES == 0:
            release_memory()
    if number > _BATCHES:
        release_memory()


def release_memory() -> None:
    """Return what the C library keeps free to the system."""
    if _TRIM is not None:
        _TRIM(ctypes.c_size_t(0))
