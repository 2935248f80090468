"""Contact files for the benchmarks: reproducible, of any size, clean or faulty, and changed in a known way.

Ten columns, some 166 bytes a row. The same arguments give the same bytes on every machine.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

HEADER: Final = (
    "name,email,phone,address,external_id,notes,is_primary,id_number,metadata.unit,alternate_emails.work"
)
# The kinds of a file.
KINDS: Final = ("clean", "bad", "duplicates", "multiline")
_SEED: Final = 20_261_127
_BLOCK: Final = 20_000


def write(
    path: Path,
    rows: range,
    *,
    kind: str = "clean",
    changed: Callable[[int], bool] = lambda _: False,
) -> None:
    """Write the contacts with the numbers ``rows``; the contacts that ``changed`` selects have other notes.

    ``kind``: ``bad`` has 1 % of bad e-mail addresses, ``duplicates`` 5 % of rows that repeat the external id of
    the row before, ``multiline`` a cell of two lines in every tenth row.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of file; take one of {', '.join(KINDS)}")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER + "\n")
        made = _rows(rows, kind, changed)
        while block := list(islice(made, _BLOCK)):
            file.write("".join(block))


def write_small(folder: Path, files: int, rows: int = 100) -> list[Path]:
    """Write ``files`` files of ``rows`` different contacts each, and return their paths in order."""
    paths = [folder / f"contacts-{number:05}.csv" for number in range(files)]
    for number, path in enumerate(paths):
        write(path, range(number * rows, (number + 1) * rows))
    return paths


def _rows(rows: range, kind: str, changed: Callable[[int], bool]) -> Iterator[str]:
    chance = random.Random(_SEED)
    for i in rows:
        email = f"user{i}@mail{i % 37}.example-{i % 11}.com"
        number = i
        notes = f"{'other' if changed(i) else 'some'} notes about person {i}"
        if kind == "bad" and chance.random() < 0.01:
            email = email.replace("@", " at ")
        elif kind == "duplicates" and i % 20 == 19:
            number = i - 1
        elif kind == "multiline" and i % 10 == 0:
            notes = f'"{notes},\nand a second line"'
        yield (
            f"First{i} Last{i % 9973},{email},+1202{2_000_000 + i % 7_999_999},"
            f'"{i} Main Street, Springfield",E-{number:08d},{notes},{"false" if i % 3 else "true"},ID{i:09d},'
            f"unit {i % 50},work{i}@corp{i % 23}.com\n"
        )


def count_of(text: str) -> int:
    """Parse a number of rows: ``10000``, ``10_000``, ``10k`` or ``1M``."""
    number = text.lower().replace("_", "")
    factor = {"k": 1_000, "m": 1_000_000}.get(number[-1:], 1)
    digits = number.rstrip("km")
    if not digits.isdecimal() or int(digits) == 0:
        sys.exit(f"BENCH_ROWS takes sizes such as 10k,100k,1M, not {text!r}.")
    return int(digits) * factor
