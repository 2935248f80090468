"""Blanks between a quote and a delimiter are no part of a cell, where the record then has the header's width."""

from __future__ import annotations

import io

import pytest

from imports_pipeline.reading import ReadOptions, describe
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline_tests.reading.csv.both_parsers import by_scan

RECORDS = [
    ["name", "email", "groups"],
    ["Ray, Bob", "bob@example.org", "Sales"],
    ["Ann", "ann@example.org", ""],
]


def seen(text: str, **options) -> list[dict]:
    return list(describe("x.csv", io.BytesIO(text.encode()), ReadOptions(**options)))


def cells(text: str, **options) -> list[list[str]]:
    told = seen(text, **options)
    assert {one["kind"] for one in told} <= {"header", "row"}, told
    return [one["cells"] for one in told]


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", list(",;\t|^"))
@pytest.mark.parametrize("around", [("", " "), (" ", ""), (" ", "  "), ("", "\t"), ("\t ", " ")])
def test_every_delimiter(mark: str, around: tuple[str, str], end: str, given: bool) -> None:
    before, after = (blanks.replace(mark, " ") for blanks in around)
    text = end.join(f"{before}{mark}{after}".join(f'"{cell}"' for cell in row) for row in RECORDS) + end
    assert cells(text, **({"delimiter": mark} if given else {})) == RECORDS


@pytest.mark.parametrize(
    "text",
    [
        'name, "email", groups\nAnn,a@example.org,x\nBob,b@example.org,y\n',
        'name,email,groups\nAnn, "a@example.org", x\nBob,b@example.org,y\n',
        '"name" ,"email" ,"groups"\n"Ann" ,"a@example.org" ,"x"\n"Bob" ,"b@example.org" ,"y"\n',
        '"name", "email", "groups"\nAnn,a@example.org,x\n  "Bob",b@example.org,"y"  \n',
    ],
)
@pytest.mark.parametrize("delimiter", [None, ","])
def test_in_the_header_only_or_in_rows_only(text: str, delimiter: str | None) -> None:
    expected = [["name", "email", "groups"], ["Ann", "a@example.org", "x"], ["Bob", "b@example.org", "y"]]
    assert cells(text, delimiter=delimiter) == expected


#: Cells of several lines: in them stand line ends of every kind, doubled quotes, delimiters, and blanks at the edges.
LINES = [
    "two\nlines",
    "\n",
    "a\r\nb\rc\n",
    ' "quoted"\n" ',
    "Sales, Ops; a\tb|c^\nnot one, but",
    "x\n\n\ny",
    "é\n😀",
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", list(",;\t|^"))
@pytest.mark.parametrize("around", [(" ", ""), ("", " "), ("  ", " "), ("\t", "\t ")])
def test_cells_of_several_lines(mark: str, around: tuple[str, str], end: str) -> None:
    """Each text stands in the first, the middle and the last cell, and in two cells of a record; by any block size."""
    before, after = (blanks.replace(mark, " ") for blanks in around)
    rows = [[*"abc"]]
    for text in LINES:
        rows += [[text, "x", "y"], ["x", text, "y"], ["x", "y", text], [text, text, "y"], ["1", "2", "3"]]
    written = [
        [f'{before}"{cell.replace(chr(34), chr(34) * 2)}"{after}' if cell in LINES else cell for cell in row]
        for row in rows
    ]
    text = end.join(mark.join(row) for row in written) + end
    dialect = Dialect(mark, '"', "", {"\n": "lf", "\r\n": "crlf", "\r": "cr"}[end])
    for block in (1, 3, 17, 64, 100_000):
        read, malformed, header = by_scan(text.encode(), dialect, block, 1000)
        assert [list(header), *(cells for _, _, cells in read)] == rows
        assert not malformed
        for (line, offset, _), row in zip(read, written[1:], strict=True):
            assert text.encode()[offset:].startswith(mark.join(row).encode())
            above = text.encode()[:offset].decode().replace("\r\n", "\n").replace("\r", "\n")
            assert line == above.count("\n") + 1
    if mark != "\t" and end != "\r":
        assert cells(text) == rows, "found without options"


@pytest.mark.parametrize(
    "record",
    [
        '="00017","two\nlines",x',
        '"two\nlines",="00017",x',
        'x, ="00017" , "two\nlines"',
        '"two\nlines" , ="00017",="x ""y"""',
    ],
)
@pytest.mark.parametrize("block", [1, 7, 100_000])
def test_beside_a_formula_of_a_spreadsheet(record: str, block: int) -> None:
    """Found on the way: a record with ``="00017"`` and a cell of several lines was rejected."""
    rows, malformed, _ = by_scan(f"a,b,c\n1,2,3\n{record}\n4,5,6\n".encode(), Dialect(), block, 1000)
    assert not malformed
    assert [line for line, _, _ in rows] == [2, 3, 5]
    texts = {'="00017"', '="x ""y"""', "two\nlines", "x"}
    assert len(rows[1][2]) == 3
    assert set(rows[1][2]) <= texts


def test_a_header_of_several_lines() -> None:
    assert cells('name, "E-mail\n(work)" ,phone\nAnn,a@example.org,1\n') == [
        ["name", "E-mail\n(work)", "phone"],
        ["Ann", "a@example.org", "1"],
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        # The quote is never closed, or only in a cell of a later row: no row disappears into a cell.
        ('x, "4,5\n1,2,3\n4,5,6\n', [3, 4]),
        ('x, "4,5\n1,2,3\n4,5",6\n7,8,9\n', [3, 5]),
        ('x, "4,5\n1, "2",3\n4,5,6\n', [3, 4]),
        ('x, "4\n1,2,3\n5",6\n7,8,9\n', [3, 5]),
    ],
)
def test_a_stray_quote_behind_a_blank_takes_no_rows(text: str, lines: list[int]) -> None:
    told = seen(f"a,b,c\n{text}")
    assert told[1]["kind"] == "reject"
    assert [one["line"] for one in told if one["kind"] == "row"] == lines


def test_a_cell_longer_than_a_record_may_be() -> None:
    body = "line\n" * 60
    told = seen(f'a,b,c\n1, "{body}",3\n4,5,6\n', max_record_bytes=200)
    assert told[1]["kind"] == "reject"
    assert told[-1]["cells"] == ["4", "5", "6"]
    assert seen(f'a,b,c\n1, "{body}",3\n4,5,6\n', max_record_bytes=400)[1]["cells"] == ["1", body, "3"]


def test_in_a_list_far_down_the_file() -> None:
    many = "".join(f"P{n}, p{n}@example.org, Sales\n" for n in range(5000))
    told = cells("name, email, groups\n" + many + 'x, x@example.org, "Sales, Ops"\n')
    assert told[-1] == ["x", "x@example.org", "Sales, Ops"]
    assert told[1] == ["P0", " p0@example.org", " Sales"], "an unquoted cell is shown as it is written"


def test_blanks_and_doubled_quotes_inside_quotes_stay() -> None:
    assert cells('a, b\n"  x ", " y ""z"" "\n')[1] == ["  x ", ' y "z" ']


@pytest.mark.parametrize(
    ("record", "code", "advice", "corrected"),
    [
        ('x, "Sales, Ops", y, z', "stray_quote", "remove the space before the quote", 'x,"Sales, Ops",y'),
        (
            'x, "4,5,6\n7,8,9\n", y',
            "stray_quote",
            "remove the space before the quote",
            'x,"4,5,6\n7,8,9\n",y',
        ),
        ('"x" ,y', "text_after_quote", "remove the space after the quote", '"x",y,z'),
    ],
)
def test_where_it_cannot_be_read_the_blank_is_named(
    record: str, code: str, advice: str, corrected: str
) -> None:
    _, row, bad, *_ = seen(f"a,b,c\n1,2,3\n{record}\n")
    assert (row["cells"], bad["code"]) == (["1", "2", "3"], code)
    assert advice in bad["message"]
    assert len(cells(f"a,b,c\n1,2,3\n{corrected}\n")) == 3


@pytest.mark.parametrize("record", ['a, "b" x,c', 'a, "b""c', 'a", "b",c', 'a, "b","c" d', 'a "b", c", d'])
def test_nothing_else_beside_a_quote_is_read(record: str) -> None:
    assert [one["kind"] for one in seen(f"a,b,c\n1,2,3\n{record}\n4,5,6\n")] == [
        "header",
        "row",
        "reject",
        "row",
    ]
