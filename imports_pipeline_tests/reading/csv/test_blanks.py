"""Blanks between a quote and a delimiter are no part of a cell, where the record then has the header's width."""

from __future__ import annotations

import io

import pytest

from imports_pipeline.reading import ReadOptions, describe

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
        ('x, "two\nlines",y', "stray_quote", "remove the space before the quote", 'x,"two\nlines",y'),
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
