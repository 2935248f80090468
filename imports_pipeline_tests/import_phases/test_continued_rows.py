"""Rows that only continue the one above are added to it, wherever a batch ends."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from imports_pipeline.import_phases.continued_rows import join_continued
from imports_pipeline.reading import MalformedRecords, RowBatch
from imports_pipeline.reading.records import MalformedRecord
from imports_pipeline_tests.journeys import Imports

ROWS = [
    (2, "", "Lost"),
    (3, "Ann", "Board"),
    (4, " ", "Gala"),
    (5, "", "Fair, Staff"),
    (6, "Bob", ""),
    (7, "", "Board"),
    (8, "", ""),
    (9, "Cid", "x"),
]
ODOO = """"External ID","Name","Email","Phone","Street","Street2","Zip","Tags"
"r_1","Ann Lee","ann@example.org","","5 Orchard Row","","12207","Board"
"","","","","","","","Fair 2026"
"","","","","","","","Staff"
"r_2","Bob Ray","bob@example.org","","","","",""
"","","","","","","","Board"
"""


def batch_of(rows: Sequence[tuple[int, str, str]], broken: Sequence[int] = ()) -> RowBatch:
    columns = [pa.array([row[at] for row in rows], pa.string()) for at in (1, 2)]
    lines = pa.array([row[0] for row in rows], pa.int64())
    malformed = [MalformedRecord(line, line, "too_few_cells", "x", "x", ["x"]) for line in broken]
    return RowBatch(
        pa.record_batch(columns, names=["c0", "c1"]), lines, lines, MalformedRecords.of(malformed)
    )


def joined(batches: Sequence[RowBatch]) -> tuple[list[tuple[int, str, str]], list[int]]:
    rows, passed = [], []
    for batch in join_continued(batches, {1: ","}):
        rows += list(zip(batch.line.to_pylist(), *(c.to_pylist() for c in batch.cells.columns), strict=True))
        passed += [one.line for one in batch.passed_over]
    return rows, passed


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_items_are_added_to_the_row_above(size: int) -> None:
    rows, passed = joined([batch_of(ROWS[at : at + size]) for at in range(0, len(ROWS), size)])
    assert rows == [
        # The first row of a file continues none.
        (2, "", "Lost"),
        (3, "Ann", "Board,Gala,Fair, Staff"),
        (6, "Bob", "Board"),
        # A blank row is a row, and is rejected as one.
        (8, "", ""),
        (9, "Cid", "x"),
    ]
    assert passed == [4, 5, 7]


def test_a_row_below_a_malformed_record_stays_by_itself() -> None:
    rows, passed = joined([batch_of([(2, "Ann", "a"), (4, "", "b"), (5, "", "c")], broken=[3]), batch_of([])])
    assert (rows, passed) == ([(2, "Ann", "a"), (4, "", "b,c")], [5])
    # The malformed record is the last one of its batch.
    rows, passed = joined([batch_of([(2, "Ann", "a")], broken=[3]), batch_of([(4, "", "b"), (5, "", "c")])])
    assert (rows, passed) == ([(2, "Ann", "a"), (4, "", "b,c")], [5])


def test_an_export_of_odoo(imports: Imports) -> None:
    done = imports.completed(ODOO)
    assert (done.stats["created"], done.detected["known_file"]) == (2, "odoo")
    assert {record["name"]: record["groups"] for record in imports.records()} == {
        "Ann Lee": ["Board", "Fair 2026", "Staff"],
        "Bob Ray": ["Board"],
    }
    assert [(one["line"], one["what"]) for one in done.detected["passed_over"]] == [
        (3, "Fair 2026"),
        (4, "Staff"),
        (6, "Board"),
    ]
