# ruff: noqa: E501 - one line a case, as in a table
"""What a file alone decides: which rows are read with which values, which are rejected, or why all of it is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from imports_pipeline_tests.field_cases.checked import checked

E = "name,email\n"
TWO = [{"name": "Uma", "email": "uma@example.net"}, {"name": "Vic", "email": "vic@example.net"}]
ROWS = "Uma,uma@example.net\nVic,vic@example.net\n"
PHONES = [{"name": "Uma", "phone": "+442079460101"}, {"name": "Vic", "phone": "+442079460102"}]


def workbook(*rows: list[object], formats: dict[str, str] | None = None) -> bytes:
    """Return a workbook of one sheet; ``formats`` has the number formats of cells."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def names(*names: str, encoding: str) -> bytes:
    return (E + "".join(f"{name},p{n}@example.net\n" for n, name in enumerate(names))).encode(encoding)


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "email": f"p{n}@example.net"} for n, name in enumerate(names)]


#: Files of which every row is read: content, options, values.
READ: dict[str, tuple[str | bytes, dict[str, Any], list[dict[str, str]]]] = {
    # what spreadsheets write
    "a formula of a text": ('name,external_id\nUma,="00042"\nVic,"=""00043"""\n', {}, [{"name": "Uma", "external_id": "00042"}, {"name": "Vic", "external_id": "00043"}]),
    "apostrophes": ("name,email,external_id\n'Uma,'uma@example.net,'00042\n", {}, [{"name": "Uma", "email": "uma@example.net", "external_id": "00042"}]),
    "zeros of a number format": (workbook(["name", "external_id"], ["Uma", 42], formats={"B2": "00000"}), {}, [{"name": "Uma", "external_id": "00042"}]),
    "a plus of a number format": (workbook(["name", "phone"], ["Uma", 442079460101], formats={"B2": '"+"0'}), {}, PHONES[:1]),
    "zeros in a CSV": ("name,external_id\nUma,00042\n", {}, [{"name": "Uma", "external_id": "00042"}]),
    # encodings
    "windows-1250, Czech": (names("Ondřej Kříž", "Božena Němcová", "Jiří Šťastný", encoding="cp1250"), {}, named("Ondřej Kříž", "Božena Němcová", "Jiří Šťastný")),
    "windows-1250, Croatian": (names("Ivana Brlić", "Željko Šarić", "Domagoj Vučković", encoding="cp1250"), {}, named("Ivana Brlić", "Željko Šarić", "Domagoj Vučković")),
    "cp850, German": (names("Grönemeyer", "Weiß", "Schäuble", encoding="cp850"), {}, named("Grönemeyer", "Weiß", "Schäuble")),
    "cp437, German": (names("Grönemeyer", "Weiß", "Schäuble", encoding="cp437"), {}, named("Grönemeyer", "Weiß", "Schäuble")),
    "cp852, Polish": (names("Władysław Gołąb", "Bożena Kępa", encoding="cp852"), {}, named("Władysław Gołąb", "Bożena Kępa")),
    "windows-1254, Turkish": (names("Ayşe Yılmaz", "Gökçe Doğan", "İbrahim Şen", encoding="cp1254"), {}, named("Ayşe Yılmaz", "Gökçe Doğan", "İbrahim Şen")),
    "windows-1257, Latvian": (names("Jānis Kļaviņš", "Ģirts Šķēle", "Līga Bērziņa", encoding="cp1257"), {}, named("Jānis Kļaviņš", "Ģirts Šķēle", "Līga Bērziņa")),
    # headers
    "marks of required columns": ("Name*,Email*\n" + ROWS, {}, TWO),
    "colons": ("Name:,Email:\n" + ROWS, {}, TWO),
    "words in brackets": ("Name [Required],Email Address [Required]\n" + ROWS, {}, TWO),
    "units in parentheses": ("Contact Name,Email (Work)\n" + ROWS, {}, TWO),
    "a number sign and a unit": ("name,Phone # (mobile)\nUma,+442079460101\nVic,+442079460102\n", {}, PHONES),
    "a question mark": ("Full name,E-mail?\n" + ROWS, {}, TWO),
    "a misspelling": ("name,e-mail adress\n" + ROWS, {}, TWO),
    "a numbered column": ("first_name;last_name;email1\nUma;Oak;uma@example.net\nVic;Elm;\n", {}, [{"name": "Uma Oak", "email": "uma@example.net"}, {"name": "Vic Elm"}]),
    "German": ("Vorname;Nachname;Telefon\nUma;Oak;+442079460101\n", {}, [{"name": "Uma Oak", "phone": "+442079460101"}]),
    "blanks behind commas in a header": ("First Name, Last Name, Email\nUma, Oak, uma@example.net\n", {}, [{"name": "Uma Oak", "email": "uma@example.net"}]),
    # ids of other systems
    "hexadecimal ids": ("id,name\n64b7f0c2a9d1e3f405b6c7d8,Uma\n64b7f0c2a9d1e3f405b6c7d9,Vic\n", {}, [{"external_id": f"64b7f0c2a9d1e3f405b6c7d{end}", "name": name} for end, name in ((8, "Uma"), (9, "Vic"))]),
    "Contact ID": ("Contact ID,Name\n0038d00000QwErT,Uma\n", {}, [{"external_id": "0038d00000QwErT", "name": "Uma"}]),
    # blanks beside quotes
    "a blank before one quoted cell": ('name, "email"\nUma, "uma@example.net"\nVic, "vic@example.net"\n', {}, TWO),
    "blanks before all": ('"name", "email"\n"Uma", "uma@example.net"\n"Vic", "vic@example.net"\n', {}, TWO),
    "blanks behind all": ('"name" ,"email"\n"Uma" ,"uma@example.net"\n"Vic" ,"vic@example.net"\n', {}, TWO),
    "a blank behind tabs": ('name\t "email"\nUma\t "uma@example.net"\nVic\t "vic@example.net"\n', {}, TWO),
    "a quoted list among other cells": ('name, groups\nUma, "Red, Blue"\nVic, Red\n', {}, [{"name": "Uma", "groups.set": "Red, Blue"}, {"name": "Vic", "groups.set": "Red"}]),
    "the delimiter given": ('name, "email"\nUma, "uma@example.net"\n', {"delimiter": ","}, TWO[:1]),
    # surplus delimiters
    "one more in each row": (E + "Uma,uma@example.net,\nVic,vic@example.net,\n", {}, TWO),
    "one more in the header": ("name\temail\t\nUma\tuma@example.net\nVic\tvic@example.net\n", {}, TWO),
    "one more everywhere": ("name;email;\nUma;uma@example.net;\nVic;vic@example.net;\n", {}, TWO),
    # oddities that are read
    "a signature twice": ("\ufeff\ufeff" + E + ROWS, {}, TWO),
    "a signature in the middle": (E + "Uma,uma@example.net\n\ufeffVic,vic@example.net\n", {}, TWO),
    "CR CR LF": ((E + ROWS).replace("\n", "\r\r\n"), {}, TWO),
    "a separator line": ("sep=;\nname;email\nUma;uma@example.net\n", {}, TWO[:1]),
    "no line end": (E + ROWS.rstrip(), {}, TWO),
    "phones of a region": ("name,phone\nUma,442079460101\nVic,020 7946 0102\n", {"default_region": "GB"}, PHONES),
    "an address with decoration": (E + "Uma,mailto:uma@example.net\nVic,Vic Elm <vic@example.net>\n", {}, TWO),
    "an address with a semicolon": (E + "Uma,uma@example.net;\nVic,<vic@example.net>\n", {}, TWO),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_all_of_it_is_read(case: str, tmp_path: Path) -> None:
    content, options, values = READ[case]
    found = checked(content, tmp_path, **options)
    assert (found.code, found.errors, found.passed_over) == (None, {}, [])
    assert found.values == values


#: Files of which some lines are no rows: content, the lines that are passed over. Both people are read.
PASSED_OVER = {
    "a count": (E + ROWS + "2 contacts exported,\n", [4]),
    "a total of fewer cells": (E + ROWS + "Total: 2\n", [4]),
    "a count of psql": (E + ROWS + "(2 rows)\n", [4]),
    "the end, said": (E + ROWS + "# EOF\n", [4]),
    "Ctrl-Z": (E + ROWS + "\x1a", [4]),
    "rows of commas": (E + ROWS + ",\n,\n,\n", [4, 5, 6]),
    "the header again": (E + "Uma,uma@example.net\nname,email\nVic,vic@example.net\n", [3]),
    "a report's footer": (E + ROWS + "\nReport of May\nCopyright (c) 2026 Example Ltd.\nGenerated By: Uma\n", [5, 6, 7]),
}  # fmt: skip


@pytest.mark.parametrize("case", PASSED_OVER)
def test_what_is_no_row_is_passed_over(case: str, tmp_path: Path) -> None:
    content, lines = PASSED_OVER[case]
    found = checked(content, tmp_path, max_errors=0)
    assert (found.values, found.errors, found.passed_over) == (TWO, {}, lines)


#: Files with rejected rows: content, line → what its errors say, how many rows are read.
REJECTED: dict[str, tuple[str | bytes, dict[int, str], int]] = {
    "an id in scientific notation": ("name,external_id\nUma,4.42079E+11\nVic,\"4,42079E+11\"\n", {2: "shortened_number: ", 3: "format the column as text"}, 0),
    "a phone in scientific notation": ("name,phone\nUma,4.42079E+11\n", {2: "was shortened by a spreadsheet"}, 0),
    "a number of 17 digits in a workbook": (workbook(["name", "external_id"], ["Uma", 12345678901234567]), {2: "shortened_number"}, 0),
    "a phone that is a number": (workbook(["name", "phone"], ["Uma", 442079460101]), {2: "it has no country code"}, 0),
    "errors of formulas": (E + "#REF!,a@example.net\n#NAME?,b@example.net\n#N/A,c@example.net\nUma,\n", {2: "spreadsheet_error", 3: "spreadsheet_error", 4: "correct its formula"}, 1),
    "texts for no value": ("name,email,phone\nUma,N/A,\nVic,,-\nWes,None,\nXia,,\\N\n", dict.fromkeys((2, 3, 4, 5), "stands for no value: leave the cell blank"), 0),
    "a word beside a phone": ("name,phone\nUma,+44 20 7946 0101 (work)\n", {2: "it has the word work beside the number"}, 0),
    "two phones and an extension": ("name,phone\nUma,+442079460101 / +442079460102\nVic,+442079460102 ext. 7\n", {2: "invalid_phone", 3: "has the extension 7"}, 0),
    "a word behind an address": (E + "Uma,uma@example.net (home)\n", {2: "there is text behind the address"}, 0),
    "invisible characters in an address": (E + "Uma,uma\u00a0@example.net\nVic,vic\u200b@example.net\n", {2: "NO-BREAK SPACE", 3: "ZERO WIDTH SPACE"}, 0),
    "one row in UTF-8": (names("Grönemeyer", "Weiß", "Schäuble", "Öztürk", encoding="cp1252") + "Zoë,z@example.net\n".encode(), {6: "no text in windows-1252"}, 4),
    "one row in windows-1252": (names("Grönemeyer", "Weiß", "Schäuble", "Öztürk", encoding="utf-8") + "Zoë,z@example.net\n".encode("cp1252"), {6: "no text in utf-8"}, 4),
    "NULs behind the last row": (E.encode() + ROWS.encode() + b"\0" * 6, {4: "nul_byte"}, 2),
    "a lone surrogate": ((E + "Uma,uma@example.net\n\ud83d,x@example.net\n").encode("utf-16", "surrogatepass"), {3: "undecodable_bytes"}, 1),
    "a row of 4,000 cells": (E + "Uma,uma@example.net\nx" + ",y" * 3999 + "\n", {3: "has 4000 cells"}, 1),
    "a row without its last cell": ("name,email,notes\nUma,uma@example.net,\nVic,vic@example.net\nWes,,x\n", {3: "too_few_cells: "}, 2),
    "a total among the rows, dashes": (E + "---,---\nUma,uma@example.net\nTotal,soon\nVic,vic@example.net\n", {2: "invalid_email", 4: "invalid_email"}, 2),
    "text only in an ignored column": ("name,email,shoe\nUma,,\n,,XL\n,,\nVic,,\n", {3: "only_unused_columns: the row has text only in columns that are not used (`shoe`)", 4: "blank_row"}, 2),
    "a name of 256 characters": ("name\n" + "x" * 256 + "\n", {2: "it has 256 characters, and `name` takes at most 255"}, 0),
    "a person twice": (E.strip() + ",status\nUma,uma@example.net,active\nUma,uma@example.net,deleted\n", {2: "same email as line 3", 3: "same email as line 2"}, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED)
def test_rows_are_rejected_with_what_to_do(case: str, tmp_path: Path) -> None:
    content, errors, read = REJECTED[case]
    found = checked(content, tmp_path)
    assert list(found.errors) == list(errors), found.errors
    for line, part in errors.items():
        assert part in found.errors[line]
    if "duplicate_row" not in str(found.errors):
        assert len(found.values) == read


#: Files that are refused as a whole: content, code, what the reason must say.
REFUSED: dict[str, tuple[str | bytes, str, str]] = {
    "many NULs": (E.encode() + b"Um" + b"\0" * 80 + b"a,u@example.net\n" + ROWS.encode(), "not_a_table", "holds 80 NUL bytes, the first in line 2"),
    "Cyrillic": (names("Ольга Смирнова", "Пётр Волков", encoding="cp1251"), "undecodable_file", "‘Ольга Смирнова’ in windows-1251"),
    "Greek": (names("Ελένη Δημητρίου", "Γιάννης Παππάς", "Σοφία Νικολάου", encoding="cp1253"), "undecodable_file", "‘Ελένη Δημητρίου’ in windows-1253"),
    "Japanese": (names("高橋健太", "伊藤さくら", "渡辺大輔", encoding="shift_jis"), "undecodable_file", "‘伊藤さくら’ in cp932"),
    "a header of one's own": ("Dog name,Dog email\n" + ROWS, "missing_column", "did you mean `Dog name`?"),
    "no header": ("uma@example.net\nvic@example.net\nwes@example.net\n", "missing_column", "looks like data: put a header above it"),
    "a page": ("<!DOCTYPE html>\n<html><body>Log in</body></html>\n", "not_a_table", "is the link or the login expired?"),
    "a table in a page": ("<table><tr><th>name</th></tr></table>", "not_a_table", "an HTML page"),
    "JSON": ('[{"name": "Uma"}]', "not_a_table", "JSON"),
    "JSON lines": ('{"name": "Uma"}\n{"name": "Vic"}\n', "not_a_table", "JSON"),
    "S3's refusal": ("<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "not_a_table", "AccessDenied"),
    "a vCard": ("BEGIN:VCARD\nVERSION:4.0\nFN:Uma\nEND:VCARD\n", "not_a_table", "a vCard"),
    "SYLK": ('ID;PWXL\nC;Y1;X1;K"name"\nE\n', "not_a_table", "a SYLK file"),
    "a separator line that is wrong": ("sep=,\nname;email\nUma;uma@example.net\n", "wrong_separator_line", "are divided by `;`"),
    "lines quoted as a whole": ('"name,""email"""\n"Uma,""uma@example.net"""\n', "no_header", "remove the quotes around each line"),
    "another delimiter": ("name~email\nUma~uma@example.net\nVic~vic@example.net\n", "no_header", "--delimiter '~'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_is_refused_with_what_to_do(case: str, tmp_path: Path) -> None:
    content, code, part = REFUSED[case]
    found = checked(content, tmp_path)
    assert found.code == code, found
    assert part in found.reason
