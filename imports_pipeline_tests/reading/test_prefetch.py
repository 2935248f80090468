"""Prefetch: the same rows and malformed records, in the same order, in fewer batches."""

from __future__ import annotations

import io

import pytest

from imports_pipeline.reading import NotATable, ReadOptions, RowBatch, open_table
from imports_pipeline.reading.prefetch import prefetch

ROWS = 40_000


def batches(batch_rows: int) -> list[RowBatch]:
    rows = (f"{number},x{',too,much' if number % 3 == 0 else ''}\n" for number in range(ROWS))
    table = open_table(io.BytesIO(("a,b\n" + "".join(rows)).encode()), ReadOptions(batch_rows=batch_rows))
    return list(table.batches())


def told(some: list[RowBatch]) -> tuple[list, list, list]:
    rows = [cell for batch in some for cell in batch.cells.column(0).to_pylist()]
    lines = [line for batch in some for line in batch.line.to_pylist()]
    return rows, lines, [(bad.line, bad.raw, bad.cells) for batch in some for bad in batch.malformed]


def test_the_same_in_fewer_batches() -> None:
    small = batches(1000)
    large = list(prefetch(iter(small)))
    assert 1 < len(large) < len(small)
    assert told(large) == told(small)
    assert sum(len(part) for part in told(large)[::2]) == ROWS


def test_a_fault_comes_through() -> None:
    def broken():
        yield from batches(1000)
        raise NotATable("not_a_table", "It ends here.")

    with pytest.raises(NotATable):
        list(prefetch(broken()))


def test_nothing_is_nothing() -> None:
    assert list(prefetch(iter(()))) == []
