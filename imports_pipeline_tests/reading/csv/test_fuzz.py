"""Random files that nobody would write: no crash, no hang, and every byte is a row's, a reject's or the header's.

FUZZ_FILES is how many files are read, FUZZ_SEED the first seed: `make soak` reads more files from another seed.
"""

from __future__ import annotations

import contextlib
import io
import os
import random

from imports_pipeline.reading import NotATable, ReadOptions, open_table
from imports_pipeline_tests.reading.csv.both_parsers import by_scan
from imports_pipeline_tests.reading.csv.test_windows import DIALECTS, accounted, soup

FILES = int(os.environ.get("FUZZ_FILES", "600"))
SEED = int(os.environ.get("FUZZ_SEED", "20261129"))


def test_random_files() -> None:
    print(f"FUZZ_SEED={SEED} FUZZ_FILES={FILES}")
    rng = random.Random(SEED)
    for number in range(FILES):
        dialect, width = rng.choice(DIALECTS), rng.randrange(1, 6)
        data = soup(rng, dialect, width)
        block, limit = rng.choice([1, 5, 64, 100_000]), rng.choice([10, 40, 1000])
        try:
            rows, malformed, _ = by_scan(data, dialect, block, limit)
            accounted(data, dialect, width, limit, rows, malformed)
        except NotATable:
            pass
        except AssertionError as error:
            raise AssertionError(
                f"FUZZ_SEED={SEED}, file {number}: {dialect} {width} {block} {limit} {data!r}"
            ) from error
        _open_anything(rng, data)


def _open_anything(rng: random.Random, data: bytes) -> None:
    """Read the same bytes, damaged and without any option; a refusal is an answer too."""
    at = rng.randrange(len(data) + 1)
    damaged = data[:at] + rng.randbytes(rng.randrange(4)) + data[at:]
    with contextlib.suppress(NotATable):
        for batch in open_table(io.BytesIO(damaged), ReadOptions()).batches():
            assert batch.cells.num_rows == len(batch.line) == len(batch.byte_offset)
