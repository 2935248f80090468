"""Every planted fault is reported once, at its line and offset, and every other row is delivered."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline.model.errors import ROW_CODES
from imports_pipeline.reading import MalformedRecord, ReadOptions, open_table
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline_tests.reading.csv.both_parsers import by_scan

LIMIT = 500
FAULTS = {
    "too_many_cells": b"p,q,r,s",
    "too_few_cells": b"p,q",
    "unclosed_quote": b'"p,q,r',
    "text_after_quote": b'"p"x,q,r',
    "stray_quote": b'p,q",r',
    "undecodable_bytes": b"p,\xff\xfe,r",
    "nul_byte": b"p,\x00,r",
    "record_too_long": b"p," + b"q" * 600 + b",r",
}
GOOD = [
    b"a,b,c",
    b'"a","b","c"',
    b",,",
    b'a,"b\nb",c',
    b'a,"b ""b"" b",c',
    'é,"ü, ö",ß'.encode(),
    b'"""a""",b,c',
]


def rejects(data: bytes, **options) -> list[MalformedRecord]:
    return [
        record
        for batch in open_table(io.BytesIO(data), ReadOptions(**options)).batches()
        for record in batch.malformed
    ]


@pytest.mark.parametrize("code", sorted(FAULTS))
@pytest.mark.parametrize("block", [1, 16, 100_000])
def test_each_fault_alone(code: str, block: int) -> None:
    data = b"x,y,z\n1,2,3\n" + FAULTS[code] + b"\n4,5,6\n" + b'"7","8","9"\n'
    rows, malformed, _ = by_scan(data, Dialect(), block, LIMIT)
    assert [cells for _, _, cells in rows] == [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]]
    (record,) = malformed
    assert (record.line, record.byte_offset, record.code) == (3, 12, code)
    assert record.code in ROW_CODES
    assert record.message


@settings(max_examples=400, deadline=None)
@given(
    st.randoms(use_true_random=False), st.sampled_from([b"\n", b"\r\n"]), st.sampled_from([3, 64, 100_000])
)
def test_many_faults(rng: random.Random, end: bytes, block: int) -> None:
    # A quote planted inside an unquoted cell, right after a record left open, can be that record's end.
    plantable = sorted(set(FAULTS) - {"stray_quote"})
    data, line, planted, good = b"x,y,z" + end, 2, [], []
    for _ in range(rng.randrange(1, 30)):
        if rng.random() < 0.4:
            code = rng.choice(plantable)
            planted.append((line, len(data), code))
            text = FAULTS[code]
        else:
            text = rng.choice(GOOD)
            good.append((line, len(data)))
        data += text + end
        line += 1 + text.count(b"\n")
    rows, malformed, _ = by_scan(data, Dialect(), block, LIMIT)
    assert [(m.line, m.byte_offset, m.code) for m in malformed] == planted
    assert [(at, offset) for at, offset, _ in rows] == good


def test_what_is_said_of_a_record_of_the_wrong_size() -> None:
    few, many = rejects(b'a,b,c\n1,2\n1,"2,2",3,4\n')
    assert (few.raw, few.cells, few.column) == ("1,2", ("1", "2"), None)
    assert (many.raw, many.cells) == ('1,"2,2",3,4', ("1", "2,2", "3", "4"))
    assert "2 cells" in few.message
    assert "4 cells" in many.message


@pytest.mark.parametrize(
    ("record", "code", "column", "value"),
    [
        (b'1,"2"x,3', "text_after_quote", 2, "2x,3"),
        (b'1,2,"3', "unclosed_quote", 3, '"3'),
        (b"1,2,\xff\xfe", "undecodable_bytes", 3, "\\xff\\xfe"),
        (b"1,2\x00,3", "nul_byte", 2, "2\x00"),
    ],
)
def test_the_cell_to_blame(record: bytes, code: str, column: int, value: str) -> None:
    (told,) = rejects(b"a,b,c\nx,y,z\n" + record + b"\n", encoding="utf-8")
    assert (told.code, told.column, told.value) == (code, column, value)


def test_undecodable_bytes_show_as_escapes() -> None:
    (record,) = rejects(b"a,b\n1,x\xffy\n", encoding="utf-8")
    assert record.raw == "1,x\\xffy"
    (record,) = rejects(b"a,b\n1,\xe9x\x81y\n", encoding="cp1252")
    assert record.raw == "1,éx\\x81y"
    text = "a,b\n1,x".encode("utf-16-le") + b"\x00\xd8" + "y\n2,3\n".encode("utf-16-le")
    (record,) = rejects(text, encoding="utf-16-le")
    assert (record.code, record.raw, record.byte_offset) == ("undecodable_bytes", "1,x\ufffdy", 8)


@pytest.mark.parametrize(
    ("record", "cells"),
    [
        (b'5" pipe,6,7', ['5" pipe', "6", "7"]),
        (b'Bob "the" Builder,x,"y"', ['Bob "the" Builder', "x", "y"]),
        ('37°36\'37.8"N 121°2\'17.9"W,"a,b",c'.encode(), ["37°36'37.8\"N 121°2'17.9\"W", "a,b", "c"]),
    ],
)
def test_quotes_between_other_characters_are_text(record: bytes, cells: list[str]) -> None:
    rows, malformed, _ = by_scan(b"a,b,c\n" + record + b"\n1,2,3\n", Dialect(), 100_000, LIMIT)
    assert ([row for _, _, row in rows], malformed) == ([cells, ["1", "2", "3"]], [])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("record", "cells"),
    [
        (b'="00017",b,c', ['="00017"', "b", "c"]),
        (b'a,="+14155550101",c', ["a", '="+14155550101"', "c"]),
        (b'a,b,="00017"', ["a", "b", '="00017"']),
        (b'="1",="","x, y"', ['="1"', '=""', "x, y"]),
        (b'a, ="a""b" ,c', ["a", ' ="a""b" ', "c"]),
        (b'"=""00017""",="00018",c', ['="00017"', '="00018"', "c"]),
    ],
)
def test_the_formula_of_a_text_needs_no_quotes_around_it(record: bytes, cells: list[str], end: bytes) -> None:
    data = end.join([b"a,b,c", record, b"1,2,3", record])
    dialect = Dialect(line_end="crlf" if end == b"\r\n" else "lf")
    rows, malformed, _ = by_scan(data, dialect, 100_000, LIMIT)
    assert ([row for _, _, row in rows], malformed) == ([cells, ["1", "2", "3"], cells], [])


@pytest.mark.parametrize(
    "record",
    [
        b'a",b,c',  # the opening quote was lost
        b'a, "b" x,c',
        b'a,b "x, y" z,c',  # two readings: four cells, or three
        b'a""b,c,d',  # an enclosing pair was lost
        b'a"b,c,"d\nd"',  # of several lines
        b'a" ,b,c',
        b'="Lee, Ann",c',  # two readings: three cells, or two
        b'="00017",b,c,d',
        b'="00017"",b,c',
        b'="00017",b,"d\n1,2,3\nd"',
    ],
)
def test_quotes_that_leave_two_readings_are_faults(record: bytes) -> None:
    rows, malformed, _ = by_scan(b"x,y,z\n" + record + b"\n1,2,3\n", Dialect(), 100_000, LIMIT)
    assert {tuple(row) for _, _, row in rows} == {("1", "2", "3")}
    assert (malformed[0].line, malformed[0].code) == (2, "stray_quote")


def test_a_spoiled_record_of_several_lines_is_one_record() -> None:
    data = b'a,b,c\n1,2,3\nx,"line one\nline two"oops,y\n4,5,6\n'
    (record,) = rejects(data)
    assert (record.line, record.code, record.raw) == (3, "text_after_quote", 'x,"line one\nline two"oops,y')


def test_two_lost_quotes_do_not_swallow_the_rows_between() -> None:
    data = b'a,b,c\n"x,2,3\n' + b"4,5,6\n" * 5 + b'7",8,9\n1,2,3\n'
    rows, malformed, _ = by_scan(data, Dialect(), 100_000, LIMIT)
    assert [cells for _, _, cells in rows] == [["4", "5", "6"]] * 5 + [["1", "2", "3"]]
    assert [(m.line, m.code) for m in malformed] == [(2, "unclosed_quote"), (8, "stray_quote")]


def test_a_quote_left_open_to_the_end_costs_its_line_only() -> None:
    data = b'a,b,c\n1,"2,3\n' + b"4,5,6\n" * 1000
    rows, malformed, _ = by_scan(data, Dialect(), 4096, 1_048_576)
    assert len(rows) == 1000
    assert [(m.line, m.code) for m in malformed] == [(2, "unclosed_quote")]


def test_lone_carriage_returns_are_read_only_where_there_is_one_way_to() -> None:
    rows, malformed, _ = by_scan(b"a,b\n1,2\r3,4\n5,6\rx\n7,8\n", Dialect(), 100_000, LIMIT)
    assert [cells for _, _, cells in rows] == [["1", "2"], ["3", "4"], ["7", "8"]]
    assert [line for line, _, _ in rows] == [2, 3, 6]
    assert [(m.line, m.code) for m in malformed] == [(4, "stray_line_end")]
    rows, malformed, _ = by_scan(b"a\n1\r2\n3\n", Dialect(), 100_000, LIMIT)
    assert [cells for _, _, cells in rows] == [["3"]]
    assert [m.code for m in malformed] == ["stray_line_end"]


def test_a_line_without_end_keeps_memory_and_finds_the_next() -> None:
    data = b"a,b\n" + b"x" * 3_000_000 + b"\r\n1,2\n"
    rows, (record,), _ = by_scan(data, Dialect(), 65_536, 1000)
    assert rows == [(3, len(data) - 4, ["1", "2"])]
    assert (record.line, record.byte_offset, record.code, len(record.raw)) == (2, 4, "record_too_long", 1000)


@pytest.mark.parametrize("record", [b"1,2,3", b'"1', b'"1"x,2', b"1\x00,2"])
def test_all_bad_reports_all(record: bytes) -> None:
    told = rejects(b"a,b\n8,9\n" + (record + b"\n") * 5000, delimiter=",", header_line=1)
    assert [m.line for m in told] == list(range(3, 5003))
    assert [m.byte_offset for m in told] == [8 + n * (len(record) + 1) for n in range(5000)]


@pytest.mark.parametrize(
    ("record", "code", "column", "cells"),
    [
        ('é,"x\udcc3",z', "undecodable_bytes", 2, ("é", "x\\xc3", "z")),
        ('é,x,"a ""b"" \0",w', "nul_byte", 3, ("é", "x", 'a "b" \0', "w")),
        ("\0", "nul_byte", 1, ("\0",)),
        (",,\udcff", "undecodable_bytes", 3, ("", "", "\\xff")),
        ("a\0,\udcff,", "undecodable_bytes", 2, ("a\0", "\\xff", "")),
    ],
)
def test_the_cell_to_blame_is_the_one_that_holds_the_byte(
    record: str, code: str, column: int, cells: tuple[str, ...]
) -> None:
    data = f"a,b,c\n1,2,3\n{record}\n4,5,6\n".encode("utf-8", "surrogateescape")
    (bad,) = rejects(data, encoding="utf-8", delimiter=",", quote='"', escape="", header_line=1)
    assert (bad.line, bad.code, bad.column, bad.cells) == (3, code, column, cells)
    assert bad.value == cells[column - 1]
