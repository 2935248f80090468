"""Release freed memory to the operating system while a large file is read.

Memory that NumPy frees stays in the arenas of glibc, in pieces too small for the next batch. Without a release they add
up to some hundred megabytes after ten million rows.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Final, TypeVar

T = TypeVar("T")

# malloc_trim(3) of glibc. Other C libraries lack it, and keep less freed memory.
_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
#: The number of batches, of tens of thousands of rows each, between two releases. One release takes no noticeable time.
RELEASED_AFTER: Final = 32


def releasing_memory(batches: Iterator[T]) -> Iterator[T]:
    """Yield the same batches; release freed memory after every 32 of them, and after the last of several."""
    number = 0
    for number, batch in enumerate(batches, 1):
        yield batch
        if number % RELEASED_AFTER == 0:
            release_memory()
    if number > 1:
        release_memory()


def release_memory() -> None:
    """Release the memory that the C library keeps free to the operating system."""
    if _TRIM is not None:
        _TRIM(ctypes.c_size_t(0))
