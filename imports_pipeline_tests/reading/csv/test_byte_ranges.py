"""Byte ranges: a file read in parts has the same rows as a whole, wherever it is cut, even with wrong quotes."""

from __future__ import annotations

import io
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.reading import NotATable, ReadOptions, SplitPoint, open_table
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.scan import Scan
from imports_pipeline.reading.detection.encodings import find_encoding
from imports_pipeline.reading.records import RowBatch
from imports_pipeline_tests.reading.csv.test_windows import DIALECTS, soup


def scan_of(data: bytes, dialect: Dialect, block: int, limit: int, encoding: str = "utf-8") -> Scan:
    scan = Scan(
        io.BytesIO(data), find_encoding(encoding, data), dialect, 1, ReadOptions(max_record_bytes=limit)
    )
    scan.block_bytes = block
    return scan


def told(batches: list[RowBatch]) -> tuple[list, list]:
    rows, malformed = [], []
    for batch in batches:
        columns = [column.to_pylist() for column in batch.cells.columns]
        rows += list(
            zip(
                batch.line.to_pylist(), batch.byte_offset.to_pylist(), zip(*columns, strict=True), strict=True
            )
        )
        malformed += batch.malformed
    return rows, malformed


def in_parts(scan: Scan, part_bytes: int) -> tuple[list[RowBatch], int]:
    """Read the file in parts; return the batches, and how many parts were read again (they began at no record)."""
    places: list[SplitPoint | None] = [*scan.split_points(part_bytes), None]
    batches: list[RowBatch] = []
    again = 0
    begin = places[0]
    for guess, following in pairwise(places):
        assert begin is not None
        end = following.byte_offset if following else None
        again += begin != guess
        if end is None or begin.byte_offset < end:
            part = scan.byte_range(begin, end)
            batches += part.batches()
            begin = part.stop
    return batches, again


@settings(max_examples=300, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(DIALECTS),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from([1, 5, 64, 100_000]),
    st.sampled_from([1, 3, 10, 30]),
    st.sampled_from([10, 40, 1000]),
)
def test_any_file_in_any_parts(
    rng: random.Random, dialect: Dialect, width: int, block: int, part: int, limit: int
) -> None:
    scan = scan_of(soup(rng, dialect, width), dialect, block, limit)
    try:
        whole = told(list(scan.batches()))
    except NotATable:
        return
    batches, _ = in_parts(scan, part)
    assert told(batches) == whole


#: Cells that need quotes, with line ends and delimiters inside; all characters are in Windows-1252.
CELLS = st.text(st.sampled_from('ab,;"\n\r é€ü'), max_size=6)
ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32-be",
    "windows-1252",
    "mac-roman",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30),
    st.sampled_from(ENCODINGS),
    st.sampled_from(["lf", "crlf", "cr"]),
    st.integers(1, 60),
    st.sampled_from([7, 100_000]),
)
def test_guesses_are_right_where_the_quotes_are(
    rows: list[tuple[str, str]], encoding: str, line_end: str, part: int, block: int
) -> None:
    end = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[line_end]
    lines = ["one,two", *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)]
    data = "".join(line + end for line in lines).encode(encoding)
    scan = scan_of(data, Dialect(line_end=line_end), block, 1000, encoding)
    batches, again = in_parts(scan, part)
    assert told(batches) == told(list(scan.batches()))
    assert again == 0, "no part was read twice"
    places = list(scan.split_points(part))
    assert len(places) == len(set(places)) > 0
    assert [list(row) for _, _, row in told(batches)[0]] == [list(row) for row in rows]


def test_blank_lines_and_wide_parts() -> None:
    text = "a,b\n\n\n1,2\n\n\n\n3,4\n\n5,6"
    scan = scan_of(text.encode(), Dialect(), 3, 1000)
    for part in range(1, 30):
        batches, again = in_parts(scan, part)
        assert told(batches) == told(list(scan.batches()))
        assert again == 0


@pytest.mark.parametrize("encoding", ["cp037", "shift_jis"])
def test_what_is_not_plainly_cut_is_one_piece(encoding: str) -> None:
    data = ("a,b\n" + "1,2\n" * 50).encode(encoding)
    assert len(list(scan_of(data, Dialect(), 100, 1000, encoding).split_points(10))) == 1


def test_a_table_of_text_has_places_and_a_packed_one_none() -> None:
    import gzip

    text = b"name,email\n" + b"Ann,ann@example.com\n" * 100
    table = open_table(io.BytesIO(text))
    first, *others = table.split_points(500)
    assert (first, len(others)) == (SplitPoint(11, 2), 3)
    assert all(text[place.byte_offset - 1 :].startswith(b"\nAnn") for place in others)
    assert [place.line for place in others] == [
        text[: place.byte_offset].count(b"\n") + 1 for place in others
    ]
    assert open_table(io.BytesIO(gzip.compress(text))).split_points(500) == []
