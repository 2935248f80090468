"""Files that are no table: the reason names what they are; and tables that begin like them are read."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import Any

import pytest

from imports_pipeline.reading import NotATable, ReadOptions, TableReader, open_table
from imports_pipeline_tests.reading.xlsx.workbooks import workbook

TEXT = b"name,city\nAnna,Paris\n"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def opened(data: bytes, **options: Any) -> TableReader:
    return open_table(io.BytesIO(data), ReadOptions(**options))


def reason(data: bytes | str, code: str = "not_a_table", **options: Any) -> str:
    with pytest.raises(NotATable) as caught:
        opened(data.encode() if isinstance(data, str) else data, **options)
    assert caught.value.code == code
    return caught.value.reason


def zipped(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page"),
        ("\ufeff\r\n <html lang='de'><head><title>Login</title></head></html>", "an HTML page"),
        ("<!-- saved -->\n<HTML><body></body></HTML>", "an HTML page"),
        (
            f"{XML}<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' 'x'><html xmlns='y'></html>",
            "an HTML page",
        ),
        ("<table border=1>\n<tr><td>name</td><td>email</td></tr></table>", "an HTML page"),
        ('<meta http-equiv="Content-Type" content="text/html"><table></table>', "an HTML page"),
        (f"{XML}<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", "(AccessDenied)"),
        ("<Error>\n<Code>ExpiredToken</Code></Error>", "(ExpiredToken)"),
        (
            f'{XML}<?mso-application progid="Excel.Sheet"?>\n<Workbook'
            ' xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>',
            "an XML workbook of Excel 2003",
        ),
        (f"{XML}<rss version='2.0'></rss>", "an RSS or Atom feed"),
        (f"{XML}<contacts><contact name='Ada'/></contacts>", "an XML document"),
        ('[{"name": "Ada", "email": "ada@example.com"}]', "JSON"),
        ('{"name": "Ada"}\n{"name": "Bob"}\n', "JSON"),
        ('{"error": "unauthorized"}', "JSON"),
        ('[\n  [\n "name", "email"], ["Ada", "a@example.com"]]', "JSON"),
        ("[]", "JSON"),
        ("{}", "JSON"),
        ("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nEND:VCARD\r\n", "a vCard"),
        ("BEGIN:VCALENDAR\nVERSION:2.0\n", "an iCalendar file"),
        ('ID;PWXL;N;E\nP;PGeneral\nC;Y1;X1;K"name"\nE\n', "a SYLK file"),
        ('ID;P\nC;Y1;X1;K"name"\nE\n', "a SYLK file"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 12\n", "a Git LFS pointer"),
        ("/annex/objects/SHA256E-s12--0a.csv\n", "a git-annex pointer"),
        ("version: 1\n\ndn: cn=Ada,dc=example,dc=com\ncn: Ada\n", "an LDIF file"),
        ("{\\rtf1\\ansi name}", "an RTF document"),
        ("-- MySQL dump 10.13\n--\n/*!40101 SET x */;\nDROP TABLE IF EXISTS `p`;\n", "an SQL script"),
        ("INSERT INTO people (name) VALUES ('Ada');\n", "an SQL script"),
        ("From: ada@example.com\nTo: bob@example.com\nSubject: list\n\nname,email\n", "an email message"),
    ],
)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_text_of_another_format_is_named(text: str, named: str, coding: str) -> None:
    said = reason(text.removeprefix("\ufeff").encode(coding))
    assert said.startswith(f"The file is {named}") or named in said
    assert "not a table" in said


def test_a_page_in_place_of_a_download_asks_for_the_login() -> None:
    assert "is the link or the login expired?" in reason("<!DOCTYPE html>\n<html></html>")
    assert "are its credentials missing?" in reason("<Error><Code>AccessDenied</Code></Error>")
    assert "`git lfs pull`" in reason("version https://git-lfs.github.com/spec/v1\n")


@pytest.mark.parametrize(
    "text",
    [
        "<b>name</b>,email\nAda,a@example.com\n",
        "version,name\n1,Ada\n",
        "ID;Phone;Name\nC;1;Ada\nP;2;Bob\nF;3;Cid\n",
        "ID;P;Name\n1;2;Ada\n",
        "ID;Place;Name\nC;Y;Ada\n",
        "[name],[email]\nAda,a@example.com\n",
        "{name},{email}\nAda,a@example.com\n",
        "From,To\nada@example.com,bob@example.com\n",
        "From;Subject\nada@example.com;x\n",
        "begin:vcard count,name\n1,Ada\n",
        "dn,name\nx,Ada\n",
        "SET,name\n1,Ada\n",
        "-- export of May\nname,email\nAda,a@example.com\n",
        'id,payload\n1,"{""a"": 1}"\n',
    ],
)
def test_a_table_that_begins_alike_is_read(text: str) -> None:
    table = opened(text.encode())
    assert len(table.header) >= 2
    assert sum(batch.cells.num_rows for batch in table.batches()) >= 1


def test_what_the_options_say_is_not_doubted() -> None:
    assert opened(b"<html>\nname,email\nAda,a@example.com\n", header_line=2).header == ("name", "email")


ADDED = [
    "__MACOSX/._a.csv",
    ".DS_Store",
    "x/.DS_Store",
    "Thumbs.db",
    "sub/THUMBS.DB",
    "desktop.ini",
    "._a.csv",
]


@pytest.mark.parametrize("added", [*([name] for name in ADDED), ADDED])
def test_what_systems_add_to_a_zip_is_passed_over_and_named(added: list[str]) -> None:
    data = zipped(*((name, b"\0\1junk") for name in added), ("a.csv", TEXT))
    table = opened(data)
    assert table.header == ("name", "city")
    assert table.detected.passed_over_files == tuple(added)
    assert opened(zipped(("a.csv", TEXT))).detected.passed_over_files == ()
    assert opened(TEXT).detected.passed_over_files == ()


def test_several_files_in_a_zip_are_named() -> None:
    said = reason(zipped(("a.csv", TEXT), (".DS_Store", b"x"), ("b.csv", TEXT)), "unsafe_archive")
    assert said == "The zip holds 2 files ('a.csv', 'b.csv'): put exactly one file in it."
    many = reason(zipped(*((f"{n}.csv", TEXT) for n in range(9))), "unsafe_archive")
    assert (
        many
        == "The zip holds 9 files ('0.csv', '1.csv', '2.csv', '3.csv', '4.csv', …): put exactly one file in it."
    )
    assert reason(zipped((".DS_Store", b"x")), "unsafe_archive").startswith("The zip holds no file")
    hidden = opened(zipped((".people.csv", TEXT)))
    assert hidden.header == ("name", "city"), "a name with a dot before it is a file all the same"


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["[Content_Types].xml", "word/document.xml"], "a Word document"),
        (["mimetype", "content.xml", "META-INF/manifest.xml"], "an OpenDocument file"),
        (["Index/Document.iwa", "preview.jpg"], "a document of Numbers, Pages or Keynote"),
    ],
)
def test_documents_that_are_zips_are_named(names: list[str], named: str) -> None:
    assert named in reason(zipped(*((name, b"x") for name in names)))


@pytest.mark.parametrize("outer", [gzip.compress, lambda data: zipped(("a", data))])
@pytest.mark.parametrize(
    ("inner", "named"),
    [
        (gzip.compress(TEXT), "a gzip file"),
        (zipped(("a.csv", TEXT)), "a zip or XLSX file"),
        (workbook([["name"], ["Ada"]]), "a zip or XLSX file"),
    ],
)
def test_what_is_packed_twice_is_told_so(outer: Any, inner: bytes, named: str) -> None:
    said = reason(outer(inner))
    assert f"holds {named}: unpack it once, and send the file inside" in said
    assert opened(inner).header[0] == "name", "what the reason says helps"


@pytest.mark.parametrize(
    ("line", "body", "says"),
    [
        ("sep=,", "name;email\nAda;a@example.com\n", "`;`"),
        ("SEP=,", 'name;email\n"Ada, B";a@example.com\n', "`;`"),
        ('"sep=;"', "name,email\r\nAda,a@example.com\r\n", "`,`"),
        ("sep=;", "name\temail\nAda\ta@example.com\n", "the tab"),
        ("sep=|", "name;email\n", "`;`"),
    ],
)
def test_a_separator_line_that_is_wrong_is_blamed(line: str, body: str, says: str) -> None:
    text = f"{line}\n{body}"
    said = reason(text, "wrong_separator_line")
    assert said.startswith("Line 1 says that the delimiter is ")
    assert says in said
    right = {"`;`": ";", "`,`": ",", "the tab": "\t"}[says]
    for remedied in (
        opened(body.encode()),
        opened(text.encode(), delimiter=right),
        opened(f"sep={right}\n{body}".encode()),
    ):
        assert remedied.header == ("name", "email")


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nname;email\nAda;a@b.example\n",
        "sep=,\nname\nAda\nBob; Cid\n",
        "sep=,\nname,a;b\nx,y;z\n",
        "sep=;\nname\nLee, Ada\nRay\n",
    ],
)
def test_a_separator_line_that_is_right_counts(text: str) -> None:
    assert opened(text.encode()).header[0] == "name"


def test_json_may_come_as_data_as_the_reason_says() -> None:
    from imports_pipeline.api.requests.inline_data import csv_of

    people = [{"name": "Ada"}, {"name": "Bob"}]
    assert "`data`" in reason(json.dumps(people))
    assert opened(csv_of(people, same_fields=False)).header == ("name",)
