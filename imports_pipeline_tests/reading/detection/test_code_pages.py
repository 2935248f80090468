"""An 8-bit encoding is found for certain, or the file is refused: no letter is ever guessed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from imports_pipeline import reading
from imports_pipeline.reading import NotATable, ReadOptions, open_table
from imports_pipeline.reading.detection.letters import name_lists
from imports_pipeline_tests.reading.detection.names import ENCODINGS, NAMES, files, outcome

STATISTICS = Path(reading.__file__).with_name("names.txt")


def read(data: bytes, **options: str) -> tuple[str, list[list[str]], list[tuple[int, str]]]:
    """Return the encoding, the rows, and the line and code of each malformed record."""
    table = open_table(io.BytesIO(data), ReadOptions(**options))
    rows, malformed = [], []
    for batch in table.batches():
        rows += [list(row.values()) for row in batch.cells.to_pylist()]
        malformed += [(record.line, record.code) for record in batch.malformed]
    return table.detected.encoding, rows, malformed


def refused(data: bytes) -> NotATable:
    with pytest.raises(NotATable) as refusal:
        open_table(io.BytesIO(data))
    return refusal.value


def table(names: list[str]) -> str:
    return "name,email\n" + "".join(f"{name},n{at}@example.org\n" for at, name in enumerate(names))


def test_the_names_that_are_tried_are_not_those_of_the_statistics() -> None:
    known = {name.lower() for names in name_lists(STATISTICS.read_text("utf-8")).values() for name in names}
    assert not [name for names in NAMES.values() for name in names if name.lower() in known]


@pytest.mark.parametrize("language", list(ENCODINGS))
def test_no_file_of_names_is_read_with_wrong_letters(language: str) -> None:
    for encoding in ENCODINGS[language]:
        for rows, count in ((1, 12), (3, 3), (10, 1)):
            for names in files(language, encoding, rows, count):
                result = outcome(names, encoding)
                assert result.kind != "wrong", (encoding, names, result.text)


@pytest.mark.parametrize("language", ["de", "fr", "es", "pt", "sv", "da", "fi", "is", "nl"])
def test_windows_1252_with_ten_names_is_found(language: str) -> None:
    kinds = [outcome(names, "cp1252").kind for names in files(language, "cp1252", 10, 4)]
    assert kinds.count("found") >= 3


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", ["Müller"]),
        ("cp1252", ["Hélène"]),
        ("cp1252", ["Muñoz"]),
        ("cp1252", ["João"]),
        ("mac_roman", ["Müller", "Hélène"]),
        ("cp1250", ["Dvořák", "Růžičková", "Černý"]),
        ("cp1250", ["Kovač", "Žižić"]),
        ("cp852", ["Łukasz", "Małgorzata"]),
        ("cp850", ["Müller", "Jäger", "Groß"]),
        ("cp1254", ["Çağlar", "Yıldız", "Şahin"]),
        ("cp1257", ["Žukauskienė", "Jūratė", "Čepaitė"]),
    ],
)
def test_a_few_names_among_english_ones_are_enough(encoding: str, names: list[str]) -> None:
    data = table(["Ann Lee", *names, "Bob Ray"]).encode(encoding)
    _, rows, malformed = read(data)
    assert [row[0] for row in rows] == ["Ann Lee", *names, "Bob Ray"]
    assert not malformed


def test_a_refusal_shows_the_words_in_each_encoding_and_either_can_be_given() -> None:
    data = table(["Ann Lee", "Gaëlė"]).encode("cp1257", "replace").replace(b"?", b"\xeb")
    refusal = refused(data)
    assert refusal.code == "ambiguous_encoding"
    named = [
        part.rpartition(" in ")[2]
        for part in refusal.reason.split(". Its words")[1].split(". Give")[0].split(";")
    ]
    assert len(named) > 1
    for name in named:
        _, rows, _ = read(data, encoding=name)
        assert rows[1][0] in refusal.reason


def test_a_byte_far_down_the_file_counts() -> None:
    # Until the last row the letters are the same in Windows-1250 and Windows-1252.
    names = ["Müller"] + ["Ann Lee"] * 40_000 + ["Dvořák", "Růžičková", "Kovařík"]
    encoding, rows, _ = read(table(names).encode("cp1250"))
    assert (encoding, rows[-1][0]) == ("windows-1250", "Kovařík")


@pytest.mark.parametrize(
    ("utf8", "windows", "encoding", "lost"),
    [
        (["Müller"], ["Müller", "Zoë", "Jäger", "Groß"], "windows-1252", [2]),
        (["Müller", "Jäger", "Groß", "Zoë"], ["Müller"], "utf-8", [6]),
        (["Łukasz", "D’Angelo"], ["Jäger", "Müller", "Groß", "Köhler", "Weiß"], "windows-1252", [2, 3]),
        (["Иван Петров"], ["Jäger", "Müller", "Groß", "Köhler", "Weiß"], "windows-1252", [2]),
    ],
)
def test_rows_in_another_encoding_than_most_are_rejected(
    utf8: list[str], windows: list[str], encoding: str, lost: list[int]
) -> None:
    first = table(utf8).encode()
    data = first + table(windows).partition("\n")[2].encode("cp1252")
    found, rows, malformed = read(data)
    assert found == encoding
    assert malformed == [(line, "undecodable_bytes") for line in lost]
    assert [row[0] for row in rows] == (utf8 if encoding == "utf-8" else windows)


def test_a_rejected_row_in_utf8_keeps_its_place_where_blocks_end() -> None:
    names = ["Müller"] * 300_000
    data = table(names).encode("cp1252").replace(b"M\xfcller,n250000@", "Müller,n250000@".encode())
    _, rows, malformed = read(data)
    assert malformed == [(250_002, "undecodable_bytes")]
    assert len(rows) == 299_999


@pytest.mark.parametrize("name", ["SPÓŁKA", "KŘÍŽ", "PÓŁTORAK", "RÂŞNOV", "RĂŞINARI"])
def test_capitals_whose_bytes_could_be_utf8_are_letters(name: str) -> None:
    _, rows, malformed = read(table([name]).encode("cp1250"), encoding="cp1250")
    assert (rows[0][0], malformed) == (name, [])


def test_a_file_of_two_code_pages_is_refused() -> None:
    names = table(["Müller", "Jäger", "Köhler", "Groß"]).encode("cp1252")
    refusal = refused(names + "Schröder,x@example.org\nGrünwald,y@example.org\n".encode("mac_roman"))
    assert refusal.code == "ambiguous_encoding"


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1251", ["Иван", "Пётр"]),
        ("koi8_r", ["Иван", "Пётр"]),
        ("cp866", ["Иван", "Пётр"]),
        ("cp1253", ["Γιώργος", "Ελένη"]),
        ("cp1255", ["דוד", "שרה"]),
        ("shift_jis", ["田中太郎", "鈴木花子"]),
        ("gbk", ["王小明", "李娜"]),
    ],
)
def test_other_scripts_are_refused(encoding: str, names: list[str]) -> None:
    assert refused(table(names * 3).encode(encoding)).code in ("undecodable_file", "ambiguous_encoding")
