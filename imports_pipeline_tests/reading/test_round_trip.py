"""What a writer of any dialect and encoding wrote comes back cell for cell, at its line and byte offset."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.reading import ReadOptions, open_table
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.csv.scan import Scan
from imports_pipeline.reading.detection.encodings import find_encoding
from imports_pipeline_tests.reading.writing import COMMON, Style, styles, tables


def read(data: bytes, style: Style, encoding: str | None = None, block: int | None = None):
    if style.escape or block or style.end == "cr":
        dialect = Dialect(style.delimiter, style.quote, style.escape, style.end)
        scan = Scan(io.BytesIO(data), find_encoding(encoding or "utf-8", data), dialect, 1, ReadOptions())
        scan.block_bytes = block or scan.block_bytes
        header, batches = scan.header().cells, scan.batches()
    else:
        options = ReadOptions(encoding, style.delimiter, style.quote, header_line=1)
        table = open_table(io.BytesIO(data), options)
        header, batches = table.header, table.batches()
    rows, places = [], []
    for batch in batches:
        assert not batch.malformed
        rows += [list(row) for row in zip(*(c.to_pylist() for c in batch.cells.columns), strict=True)]
        places += zip(batch.line.to_pylist(), batch.byte_offset.to_pylist(), strict=True)
    return [list(header), *rows], places


def swallow_free(rows: list[list[str]]) -> bool:
    """Leave out cells that hold three or more records of the table's own width (see docs/reference/reading.md)."""
    return len(rows[0]) < 3 or all(cell.count("\n") + cell.count("\r") < 4 for row in rows for cell in row)


@settings(max_examples=300, deadline=None)
@given(tables(), styles(), st.sampled_from([None, 1, 7, 64]))
def test_utf8_comes_back(rows: list[list[str]], style: Style, block: int | None) -> None:
    data = style.table(rows).encode()
    back, places = read(data, style, "utf-8", block)
    assert back == rows
    assert places == style.places(rows, "utf-8")[1:]


@settings(max_examples=300, deadline=None)
@given(
    tables(COMMON),
    styles(escapes=False),
    st.sampled_from(["utf-16-le", "utf-16-be", "cp1252", "mac_roman", "utf-32-le", "iso8859-15", "utf-8"]),
    st.sampled_from([None, 1, 7, 64]),
)
def test_other_encodings_come_back(
    rows: list[list[str]], style: Style, encoding: str, block: int | None
) -> None:
    data = style.table(rows).encode(encoding)
    back, places = read(data, style, encoding, block)
    assert back == rows
    assert places == style.places(rows, encoding)[1:]


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "big5", "euc_jp", "euc_kr"])
def test_east_asian_encodings_keep_their_offsets(encoding: str) -> None:
    rows = [["a", "b"], ["日本", "x"], ["中", "本\n日"], ["q,r", '"日"']]
    style = Style(end="crlf")
    back, places = read(style.table(rows).encode(encoding), style, encoding)
    assert back == rows
    assert places == style.places(rows, encoding)[1:]


@pytest.mark.parametrize(
    ("encoding", "signature", "name"),
    [
        ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-32-le", b"\xff\xfe\0\0", "utf-32-le"),
    ],
)
def test_signatures_are_no_part_of_the_header(encoding: str, signature: bytes, name: str) -> None:
    rows = [["name", "city"], ["Zoë 😀", "Köln"], ["x", "y"]]
    data = signature + Style().table(rows).encode(encoding)
    table = open_table(io.BytesIO(data))
    (batch,) = table.batches()
    assert (table.detected.encoding, table.header) == (name, ("name", "city"))
    assert batch.cells.column(0).to_pylist() == ["Zoë 😀", "x"]
    expected = Style().places(rows, encoding, len(signature))[1:]
    assert list(zip(batch.line.to_pylist(), batch.byte_offset.to_pylist(), strict=True)) == expected


def test_a_cell_that_begins_with_a_byte_order_mark_keeps_it() -> None:
    (batch,) = open_table(io.BytesIO("a,b\n\ufeffx,y\n".encode())).batches()
    assert batch.cells.column(0).to_pylist() == ["\ufeffx"]


def test_batches_can_be_read_again() -> None:
    table = open_table(io.BytesIO(b"a,b\n1,2\n3,4\n"))
    first = [batch.cells.to_pylist() for batch in table.batches()]
    assert (
        first
        == [batch.cells.to_pylist() for batch in table.batches()]
        == [[{"c0": "1", "c1": "2"}, {"c0": "3", "c1": "4"}]]
    )


def test_header_only_gives_no_batch() -> None:
    assert list(open_table(io.BytesIO(b"name,email\n")).batches()) == []


def test_blank_lines_are_no_records_and_rows_of_delimiters_are() -> None:
    table = open_table(io.BytesIO(b"a,b\n\n1,2\n\n\r\n,\n\n3,4\n,\n"))
    (batch,) = table.batches()
    assert batch.cells.to_pylist() == [{"c0": "1", "c1": "2"}, {"c0": "", "c1": ""}, {"c0": "3", "c1": "4"}]
    assert batch.line.to_pylist() == [3, 6, 8]
    assert not batch.malformed


def test_batches_have_about_the_size_asked_for() -> None:
    data = b"a,b\n" + b"1,2\n" * 1000
    sizes = [
        batch.cells.num_rows for batch in open_table(io.BytesIO(data), ReadOptions(batch_rows=100)).batches()
    ]
    assert sum(sizes) == 1000
    assert max(sizes) <= 150
