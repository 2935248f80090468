"""Corrected rows in a file: everything else stays, byte by byte and cell by cell."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
import zipfile
from typing import Any

import openpyxl
import pytest

from imports_pipeline.reading import ReadOptions, open_table
from imports_pipeline.reading.corrections import InvalidCorrection, write_corrected

Rows = dict[int, dict[str, str]]


def corrected(content: bytes, rows: Rows, **how: Any) -> bytes:
    out = io.BytesIO()
    write_corrected(io.BytesIO(content), ReadOptions(**how), rows, out)
    return out.getvalue()


def refusal(content: bytes, rows: Rows, **how: Any) -> InvalidCorrection:
    with pytest.raises(InvalidCorrection) as refusal:
        corrected(content, rows, **how)
    return refusal.value


# before, corrections, after: the encoding, line ends, delimiters and quotes of the file.
FILES: dict[str, tuple[bytes, Rows, bytes]] = {
    "other quotes, blank lines and title lines stay": (
        b'Report\n\nname,"email"\n"A" ,a@x.org\n\nB,b\n "C", c@x.org\n\n',
        {6: {"email": "b@x.org"}},
        b'Report\n\nname,"email"\n"A" ,a@x.org\n\nB,b@x.org\n "C", c@x.org\n\n',
    ),
    "a row of several lines, before others": (
        b'name,notes\r\nA,"one\r\ntwo, ""three"""\r\nB,x\r\nC,y',
        {2: {"notes": 'only, "one"'}, 4: {"name": "B2"}, 5: {"notes": "z\nz"}},
        b'name,notes\r\nA,"only, ""one"""\r\nB2,x\r\nC,"z\nz"',
    ),
    "semicolons and the encoding of a spreadsheet": (
        "name;email;notes\r\nJosé;jose@x;\r\nZoë Müller;zoe@x.org;für Grüße\r\n".encode("cp1252"),
        {2: {"name": "José Ñ", "email": "j@x.org", "notes": "a;b"}},
        'name;email;notes\r\nJosé Ñ;j@x.org;"a;b"\r\nZoë Müller;zoe@x.org;für Grüße\r\n'.encode("cp1252"),
    ),
    "UTF-16 with its mark": (
        "\ufeffname\temail\r\nŁucja\tl@x\r\nB\tb@x.org\r\n".encode("utf-16-le"),
        {2: {"email": "l@x.org"}},
        "\ufeffname\temail\r\nŁucja\tl@x.org\r\nB\tb@x.org\r\n".encode("utf-16-le"),
    ),
    "lines that end with CR": (
        b"name,email\rA,a\rB,b@x.org\r",
        {2: {"email": "a@x.org"}},
        b"name,email\rA,a@x.org\rB,b@x.org\r",
    ),
    "a quote that was never closed": (
        b'name,email,notes\nA,"a@x.org,\nB,b@x.org,\nC,c@x.org,\n',
        {2: {"name": "A", "email": "a@x.org", "notes": ""}},
        b"name,email,notes\nA,a@x.org,\nB,b@x.org,\nC,c@x.org,\n",
    ),
    "a cell too few and a cell too many": (
        b"name,email,notes\nA,a@x.org\nB,b@x.org,1,2\nC,c@x.org,3\n",
        {2: {"notes": "0"}, 3: {"name": "B", "email": "b@x.org", "notes": "1,2"}},
        b'name,email,notes\nA,a@x.org,0\nB,b@x.org,"1,2"\nC,c@x.org,3\n',
    ),
    "a delimiter at the end of each row, and a column without a name": (
        b"name,email,\nA,a,1\nB,b@x.org,\n",
        {2: {"email": "a@x.org", "column 3": "2"}},
        b"name,email,\nA,a@x.org,2\nB,b@x.org,\n",
    ),
    "line ends of another kind between rows": (
        b"name,email\nA,a\rB,b\nC,c@x.org\n",
        {2: {"email": "a@x.org"}, 3: {"email": "b@x.org"}},
        b"name,email\nA,a@x.org\rB,b@x.org\nC,c@x.org\n",
    ),
    "bytes that are not text": (
        b"name,email\nJos\xff,j@x.org\nZo\xc3\xab,zoe@x.org\nA,a@x.org\n",
        {2: {"name": "José", "email": "j@x.org"}},
        "name,email\nJosé,j@x.org\nZoë,zoe@x.org\nA,a@x.org\n".encode(),
    ),
    "cells that begin or end with a blank": (
        b"name,email\nA,a@x.org\nB,b@x.org\n",
        {3: {"name": " B "}},
        b'name,email\nA,a@x.org\n" B ",b@x.org\n',
    ),
    "the same cells": (
        b'name,email\n"A",a@x.org\nB,b\n',
        {2: {"name": "A"}},
        b'name,email\n"A",a@x.org\nB,b\n',
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_only_the_corrected_rows_change(what: str) -> None:
    before, rows, after = FILES[what]
    assert corrected(before, rows) == after


def test_a_packed_file_stays_packed() -> None:
    text, rows = b"name,email\nA,a\nB,b@x.org\n", {2: {"email": "a@x.org"}}
    wanted = b"name,email\nA,a@x.org\nB,b@x.org\n"
    assert gzip.decompress(corrected(gzip.compress(text), rows)) == wanted
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("people.csv", text)
    assert gzip.decompress(corrected(packed.getvalue(), rows)) == wanted


def test_any_rows_of_a_large_file() -> None:
    """Several blocks of the reader, with cells of several lines; every row is found at its line."""
    chance = random.Random(4)
    lines, rows, wanted, line = [b"name,notes\n"], {}, [b"name,notes\n"], 2
    for number in range(60_000):
        text = f'n{number},"{"x" * chance.randrange(60)}{chr(10) * (number % 97 == 0)}é"\n'.encode()
        lines.append(text)
        if number % 1_500 == 0:
            rows[line] = {"notes": "new"}
            text = f"n{number},new\n".encode()
        wanted.append(text)
        line += lines[-1].count(b"\n")
    assert corrected(b"".join(lines), rows) == b"".join(wanted)


def test_what_cannot_be_corrected_says_why() -> None:
    people = b"name,email\nA,a@x.org\n\nB,b@x.org,1\nC,c@x.org\nD,d@x.org\n"
    assert "No row of the file begins in line 3" in str(refusal(people, {3: {"name": "x"}}))
    assert "line 9" in str(refusal(people, {2: {"name": "x"}, 9: {"name": "x"}}))
    unknown = refusal(people, {2: {"E-Mail": "x"}})
    assert (str(unknown), unknown.column) == ("The file has no column of the name 'E-Mail'.", "E-Mail")
    assert "give the cells of all its columns" in str(refusal(people, {4: {"name": "x"}}))
    assert "NUL" in str(refusal(people, {2: {"name": "\0"}}))
    latin = "name,email\nJosé,a@x.org\nB,b@x.org\n".encode("cp1252")
    assert "'Ł' cannot be written in the file's encoding, windows-1252" in str(
        refusal(latin, {3: {"name": "Łucja"}})
    )
    assert "the file has no quotes" in str(refusal(people, {2: {"name": "A, B"}}, quote=""))
    bytes_ = b"name,email\nJos\xff,j\nB,b@x.org\nZo\xc3\xab,z@x.org\n"
    assert "still holds bytes that are not text" in str(
        refusal(bytes_, {2: {"name": r"Jos\xff", "email": "j@x.org"}})
    )
    assert "2 columns of the name 'name'" in str(
        refusal(b"name,name,email\nA,B,a\nC,D,c\n", {2: {"name": "x"}})
    )


def test_a_workbook_keeps_the_meaning_of_its_other_cells() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    day = dt.datetime(2026, 11, 30)
    for row in (["Our people"], [], ["name", "email", "since"], ["Ada", "ada", day], ["Bob", "bob@x.org", day],
                ["Cid", "=1/0", 12345678901234567890], [], ["Dan", "dan@x.org", day, "surplus"]):  # fmt: skip
        sheet.append(row)
    sheet["B6"] = "#DIV/0!"
    sheet["B6"].data_type = "e"
    book.create_sheet("Other").append(["kept"])
    content = io.BytesIO()
    book.save(content)
    before = content.getvalue()
    text = "ada&<b>@x.org _x000D_ \n 'ü' "
    rows = {4: {"email": text, "since": ""}, 8: {"name": "Dan", "email": "dan@x.org", "since": "2026-12-01"}}
    after = corrected(before, rows)
    read = openpyxl.load_workbook(io.BytesIO(after))
    cells = [[cell.value for cell in row] for row in read.worksheets[0].iter_rows(min_row=1, max_col=4)]
    assert cells[0] == ["Our people", None, None, None]
    assert cells[4] == ["Bob", "bob@x.org", day, None]
    assert cells[7] == ["Dan", "dan@x.org", "2026-12-01", None]
    assert read["Other"]["A1"].value == "kept"
    table = open_table(io.BytesIO(after))
    assert table.header_line == 3
    (batch,) = table.batches()
    read_rows = zip(
        batch.line.to_pylist(), *(column.to_pylist() for column in batch.cells.columns), strict=True
    )
    assert list(read_rows) == [
        (4, "Ada", text, ""),
        (5, "Bob", "bob@x.org", "2026-11-30"),
        (8, "Dan", "dan@x.org", "2026-12-01"),
    ]
    assert [(one.line, one.code) for one in batch.malformed] == [(6, "shortened_number")], "it is no text now"
    assert corrected(before, {5: {"email": "bob@x.org"}, 6: {"email": "#DIV/0!"}}) != b""
    assert "No row of the sheet is in line 7" in str(refusal(before, {7: {"name": "x"}}))
    assert "cells of all columns to remove them" in str(refusal(before, {8: {"name": "x"}}))
    assert "32,767" in str(refusal(before, {4: {"name": "x" * 32_768}}))
