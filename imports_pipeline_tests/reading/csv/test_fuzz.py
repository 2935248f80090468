"""A minute of files nobody would write: no crash, no hang, and every byte is a row's, a reject's or the header's."""

from __future__ import annotations

import contextlib
import io
import random
import time

from imports_pipeline.reading import NotATable, ReadOptions, open_table
from imports_pipeline_tests.reading.csv.both_parsers import quick
from imports_pipeline_tests.reading.csv.test_windows import DIALECTS, accounted, soup

SECONDS = 60


def test_a_minute_of_soup() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    end = time.monotonic() + SECONDS
    files = 0
    while time.monotonic() < end or files == 0:
        dialect, width = rng.choice(DIALECTS), rng.randrange(1, 6)
        data = soup(rng, dialect, width)
        block, limit = rng.choice([1, 5, 64, 100_000]), rng.choice([10, 40, 1000])
        try:
            rows, malformed, _ = quick(data, dialect, block, limit)
            accounted(data, dialect, width, limit, rows, malformed)
        except NotATable:
            pass
        except AssertionError as error:
            raise AssertionError(
                f"seed {seed}, file {files}: {dialect} {width} {block} {limit} {data!r}"
            ) from error
        _open_anything(rng, data)
        files += 1
    print(f"{files:,} files")


def _open_anything(rng: random.Random, data: bytes) -> None:
    """The same bytes, damaged and with nothing said of them, are read or refused."""
    at = rng.randrange(len(data) + 1)
    damaged = data[:at] + rng.randbytes(rng.randrange(4)) + data[at:]
    with contextlib.suppress(NotATable):
        for batch in open_table(io.BytesIO(damaged), ReadOptions()).batches():
            assert batch.cells.num_rows == len(batch.line) == len(batch.byte_offset)
