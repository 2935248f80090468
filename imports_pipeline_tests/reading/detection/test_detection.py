"""What is found out about a file by itself, and what is taken as given."""

from __future__ import annotations

import contextlib
import io

import pytest

from imports_pipeline.reading import NotATable, ReadOptions, TableReader, open_table

TEXT = "Name;City;Note\r\nRenée Müller;Besançon;“ok” – déjà vu\r\nJosé;São Paulo;naïve, 5 €\r\n"


def opened(data: bytes, **options) -> TableReader:
    return open_table(io.BytesIO(data), ReadOptions(**options))


def cells(table: TableReader) -> list[list[str]]:
    return [list(row.values()) for batch in table.batches() for row in batch.cells.to_pylist()]


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "windows-1252"),
        ("mac_roman", "mac-roman"),
    ],
)
def test_encodings(codec: str, name: str) -> None:
    table = opened(TEXT.encode(codec))
    assert table.detected.encoding == name
    assert cells(table)[0] == ["Renée Müller", "Besançon", "“ok” – déjà vu"]


def test_a_first_letter_beyond_ascii_far_down_the_file_counts() -> None:
    data = b"name,city\n" + b"Anna,Paris\n" * 60_000 + "José,Orléans\n".encode("cp1252")
    table = opened(data)
    assert table.detected.encoding == "windows-1252"
    assert cells(table)[-1] == ["José", "Orléans"]


def test_damage_in_a_utf8_file_does_not_make_it_another_encoding() -> None:
    table = opened("name,city\nJosé,Orléans\nZoë,Köln\nx,\xff\n".encode("utf-8", "replace")[:-3] + b"\xff\n")
    assert table.detected.encoding == "utf-8"


def test_a_sample_that_ends_inside_a_character_is_utf8() -> None:
    data = b"a,b\n" + ("€" * 100 + ",x\n").encode() * 3000
    for shift in range(4):
        assert opened(b"x" * shift + data).detected.encoding == "utf-8"


def test_an_encoding_that_is_not_tried_is_refused_rather_than_misread() -> None:
    data = "Имя;Город\nИван;Москва\nПётр;Казань\n".encode("cp1251")
    with pytest.raises(NotATable) as refusal:
        opened(data)
    assert refusal.value.code == "undecodable_file"
    assert cells(opened(data, encoding="cp1251"))[0] == ["Иван", "Москва"]


@pytest.mark.parametrize("mark", list(",;\t|^"))
@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize(("kind", "end"), [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")])
def test_dialects(mark: str, quote: str, kind: str, end: str) -> None:
    rows = [
        ["name", "note", "points"],
        ["Anna", f"x{mark}y", "1"],
        ["Bob", "two\nlines", "2"],
        ["Eve", "", "3"],
    ]
    data = end.join(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows) + end
    table = opened(data.encode())
    found = table.detected
    assert (found.delimiter, found.quote, found.line_end) == (mark, quote, kind)
    assert [list(table.header), *cells(table)] == rows


def test_backslash_escapes() -> None:
    table = opened(b'a,b\n"say \\"hi\\"",1\n"C:\\\\temp\\n",2\n')
    assert table.detected.escape == "\\"
    assert cells(table) == [['say "hi"', "1"], ["C:\\temp\\n", "2"]]


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("", 1),
        ("\n\n", 3),
        ("Contacts of the north\n\n", 3),
        ("sep=;\r\n", 2),
        ("Export;;;\nMade 2024;;;\n;;;\n", 4),
        ("# one\n# two\n", 3),
    ],
)
def test_lines_above_the_header(above: str, line: int) -> None:
    table = opened((above + "Name;Email;City;Points\nAnna;a@x.org;Paris;1\nBob;b@x.org;Rome;2\n").encode())
    assert (table.header_line, table.header[0], table.detected.delimiter) == (line, "Name", ";")
    (batch,) = table.batches()
    assert batch.line.to_pylist() == [line + 1, line + 2]


def test_a_header_of_another_width_is_still_the_header() -> None:
    with pytest.raises(NotATable) as refusal:
        opened(b"name,email\nAnna,a@x.org,Paris\nBob,b@x.org,Rome\n")
    assert (refusal.value.code, refusal.value.line) == ("header_mismatch", 1)
    table = opened(b"name,email\nAnna,a@x.org,Paris\nBob,b@x.org,Rome\nEve,e@x.org\n")
    (batch,) = table.batches()
    assert table.header == ("name", "email")
    assert [record.code for record in batch.malformed] == ["too_many_cells"] * 2


@pytest.mark.parametrize("data", [b"email\na@x.org\nb@x.org\n", b"name\nDoe, John\nRoe, Jane\n", b"x\n1\n"])
def test_one_column(data: bytes) -> None:
    table = opened(data)
    assert [list(table.header), *cells(table)] == [[line] for line in data.decode().splitlines()]


def test_decimal_commas() -> None:
    table = opened(b"Preis;Menge\n1,50;2,0\n3,75;4,5\n")
    assert table.detected.delimiter == ";"
    assert cells(table) == [["1,50", "2,0"], ["3,75", "4,5"]]


def test_what_is_given_is_not_guessed() -> None:
    data = b"junk;x\n'a;1',b;2\n'c',d\n"
    table = opened(data, delimiter=",", quote="'", header_line=2, encoding="latin-1")
    assert (table.header, table.header_line, table.detected.encoding) == (("a;1", "b;2"), 2, "latin-1")
    assert cells(table) == [["c", "d"]]
    assert cells(opened(b'a,b\n5" pipe,"x"\n', quote="")) == [['5" pipe', '"x"']]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"\r\n \n\n", "empty_file"),
        (bytes(range(256)) * 40, "not_a_table"),
        (b"%PDF-1.7\n...", "not_a_table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "not_a_table"),
    ],
)
def test_what_is_no_table(data: bytes, code: str) -> None:
    with pytest.raises(NotATable) as refusal:
        opened(data)
    assert refusal.value.code == code
    assert refusal.value.reason.endswith(".")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"encoding": "no-such"}, "undecodable_file"),
        ({"encoding": "utf-7"}, "undecodable_file"),
        ({"header_line": 99}, "no_header"),
        ({"delimiter": "§"}, "not_a_table"),
        ({"delimiter": "'", "quote": "'"}, "not_a_table"),
    ],
)
def test_options_that_cannot_be(options: dict, code: str) -> None:
    with pytest.raises(NotATable) as refusal:
        opened(b"a,b\n1,2\n", **options)
    assert refusal.value.code == code


def test_a_header_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(NotATable) as refusal:
        opened(b'a,"b\n1,2\n', delimiter=",", header_line=1)
    assert (refusal.value.code, refusal.value.line) == ("no_header", 1)


@pytest.mark.parametrize(
    "piece",
    [
        *""" " ' , \\ \\" @ a@ @. 1, ," "| ,;|^ {},[]: "" '' -+.( http:// 00000000000000000000 a;b,c|d^e| """.split(),  # noqa: SIM905
        *['"\n', ",;\t|^", "\r", "\n\r", "0 0 ", '"a\n', "a;b,c\td|e^f\n", "\xe9", "\xc3", "x\0", " ", "(1 "],
    ],
)
def test_no_file_takes_long_to_decide(piece: str) -> None:
    """Bounded work, not a clock: patterns that look at a file more than once would take minutes here."""
    data = (piece * (300_000 // len(piece))).encode("latin-1")
    for text in (data, b"a,b\n" + data, b'a;"b"\n1;"2"\n' + data):
        with contextlib.suppress(NotATable):
            opened(text)
