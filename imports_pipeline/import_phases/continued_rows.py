"""Rows that only continue the one above: a product writes further tags of a record on lines of their own.

Such a row fills in nothing but columns of lists. Its items are added to the cells of the row above, and the row itself
is passed over and listed, as any line that is no row. Only the files of known products that say so are read like this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.reading import RowBatch
from imports_pipeline.reading.records import PassedOver
from imports_pipeline.schemas.column_mapping.plan import ColumnMap, Lists

_WHY: Final = "it continues the row above, to which its items were added"
_OWN_SEPARATOR: Final = ","


def list_columns(plan: ColumnMap) -> dict[int, str]:
    """Return the columns of lists, each with the text that separates its items."""
    return {
        cell.position: (*cell.separators, _OWN_SEPARATOR)[0]
        for column in plan.columns
        if isinstance(column.source, Lists)
        for cell in column.source.cells
    }


def join_continued(batches: Iterable[RowBatch], lists: Mapping[int, str]) -> Iterator[RowBatch]:
    """Yield the batches with continued rows as one.

    The last row of each batch is held back, since the next batch may continue it. A row below a malformed record stays
    by itself: it may continue that record.

    Args:
        batches: the rows of a whole file, in its order.
        lists: the columns of lists, each with the text that separates its items.
    """
    held: RowBatch | None = None
    for batch in batches:
        joined = _joined(batch if held is None else _below(held, batch), lists)
        count = joined.cells.num_rows - int(_may_be_continued(joined))
        held = None
        if count < joined.cells.num_rows:
            held = replace(_rows(joined, count, 1), malformed=batch.malformed[:0], passed_over=())
        yield _rows(joined, 0, count)
    if held is not None:
        yield held


def _may_be_continued(batch: RowBatch) -> bool:
    """Return whether the last record of a batch is a row."""
    last = pc.max(batch.line).as_py()
    broken = pc.max(batch.malformed.table["line"]).as_py()
    return last is not None and (broken is None or broken < last)


def _joined(batch: RowBatch, lists: Mapping[int, str]) -> RowBatch:
    """Return a batch in which rows that continue another one are added to it."""
    continuing = _fill_in_lists_only(batch.cells, lists)
    lines = batch.line.to_numpy()
    broken_above = np.searchsorted(batch.malformed.table["line"].to_numpy(), lines)
    # The first row has none above it, and neither has one below a malformed record.
    continuing &= np.diff(broken_above, prepend=-1) == 0
    rows = np.flatnonzero(continuing)
    if not len(rows):
        return batch
    above = np.maximum.accumulate(np.where(continuing, 0, np.arange(len(continuing))))
    targets = dict(zip(rows.tolist(), above[rows].tolist(), strict=True))
    columns = list(batch.cells.columns)
    for at, separator in lists.items():
        columns[at] = _with_items(columns[at], targets, separator)
    stays = np.ones(batch.cells.num_rows, np.bool_)
    stays[list(targets)] = False
    passed = [
        PassedOver(int(lines[row]), int(lines[row]), _shown(batch.cells, row, lists), _WHY) for row in targets
    ]
    mask = pa.array(stays)
    return replace(
        batch,
        cells=pa.record_batch(columns, schema=batch.cells.schema).filter(mask),
        line=batch.line.filter(mask),
        byte_offset=batch.byte_offset.filter(mask),
        passed_over=tuple(sorted((*batch.passed_over, *passed), key=lambda one: one.line)),
    )


def _fill_in_lists_only(cells: pa.RecordBatch, lists: Mapping[int, str]) -> np.ndarray:
    """Return which rows have text in columns of lists, and in no other column."""
    only, some = np.ones(cells.num_rows, np.bool_), np.zeros(cells.num_rows, np.bool_)
    for at, column in enumerate(cells.columns):
        filled = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(column), ""))
        if at in lists:
            some |= filled
        else:
            only &= ~filled
    return only & some


def _with_items(cells: pa.Array, targets: Mapping[int, int], separator: str) -> pa.Array:
    """Return the cells of a column, those of the rows that are continued with the items of the rows below them."""
    texts: dict[int, list[str]] = {}
    for row, above in targets.items():
        texts.setdefault(above, [cells[above].as_py()]).append(cells[row].as_py())
    changed = np.zeros(len(cells), np.bool_)
    changed[list(texts)] = True
    written = [separator.join(text for text in texts[row] if text.strip()) for row in sorted(texts)]
    return pc.replace_with_mask(cells, pa.array(changed), pa.array(written, pa.string()))


def _shown(cells: pa.RecordBatch, row: int, lists: Mapping[int, str]) -> str:
    return ", ".join(text for at in lists if (text := cells.column(at)[row].as_py().strip()))


def _below(held: RowBatch, batch: RowBatch) -> RowBatch:
    """Return a batch with the row that was held back above its own."""
    return replace(
        batch,
        cells=pa.Table.from_batches([held.cells, batch.cells]).combine_chunks().to_batches()[0],
        line=pa.concat_arrays([held.line, batch.line]),
        byte_offset=pa.concat_arrays([held.byte_offset, batch.byte_offset]),
    )


def _rows(batch: RowBatch, begin: int, count: int) -> RowBatch:
    return replace(
        batch,
        cells=batch.cells.slice(begin, count),
        line=batch.line.slice(begin, count),
        byte_offset=batch.byte_offset.slice(begin, count),
    )
